from __future__ import annotations

from html.parser import HTMLParser

from ganscope.views import ViewOptions, to_text

from .builders import call, failing_trace, generator_trace, trace_of

_VOID = {"rect"}


class Outline(HTMLParser):
    """Checks that tags are closed in order, and counts them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: dict[str, int] = {}
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_row_per_call_and_a_drawing_per_histogram() -> None:
    outline = Outline(to_text(generator_trace(), ViewOptions(), name="html"))
    assert outline.seen["tr"] == 17
    assert outline.seen["svg"] == 16
    assert "64×784 → 64×1×28×28" in outline.words


def test_explanations_have_rows_of_their_own() -> None:
    outline = Outline(to_text(generator_trace(), ViewOptions(explain=True), name="html"))
    assert outline.seen["tr"] == 33


def test_values_have_rows_of_their_own() -> None:
    outline = Outline(to_text(generator_trace(), ViewOptions(values=True), name="html"))
    assert outline.seen["tr"] == 33
    assert "values 0.126 -0.132 0.640 0.105 -0.536 0.362 1.304 0.947 …" in outline.words
    both = Outline(to_text(generator_trace(), ViewOptions(values=True, explain=True), name="html"))
    assert both.seen["tr"] == 49


def test_a_folded_failure_is_marked() -> None:
    text = to_text(failing_trace(), ViewOptions(depth=1), name="html")
    assert "✗ generator</td>" in text
    assert "✗ failed inside, in generator.model.2" in text


def test_names_are_escaped() -> None:
    text = to_text(trace_of(call(0, "<script>x</script>", 'A"&')), ViewOptions(), name="html")
    assert "script" not in Outline(text).seen
    assert "&lt;script&gt;" in text


def test_a_failure_is_said() -> None:
    text = to_text(failing_trace(), ViewOptions(), name="html")
    assert "✗ generator.model.2" in text
    assert "mat1 and mat2" in text


def test_no_colour_is_forced_on_the_page() -> None:
    text = to_text(generator_trace(), ViewOptions(), name="html")
    assert "background:transparent" in text
    assert "background:#" not in text
