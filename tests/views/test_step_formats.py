"""Training steps as CSV, JSON, Markdown and HTML, and as a notebook shows them."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ganscope.errors import UsageError
from ganscope.traces import Trace
from ganscope.views import TablePresenter, ViewOptions, render, to_text
from ganscope.views.step_data import json_pieces

from .steps import failed, forgotten, recorded, with_calls


def read_csv(trace: Trace | None = None, **options: object) -> list[dict[str, str]]:
    text = to_text(trace or recorded(), ViewOptions(**options), name="csv")  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(text)))


def text_of(name: str, trace: Trace | None = None, **options: object) -> str:
    return to_text(trace or recorded(), ViewOptions(**options), name=name)  # type: ignore[arg-type]


def test_csv_has_one_line_per_layer_and_update() -> None:
    lines = read_csv()
    assert [(line["update"], line["label"]) for line in lines[:3]] == [
        ("0", "generator"),
        ("0", "generator.model.0"),
        ("0", "generator.model.1"),
    ]
    calls = {call.id: call for call in recorded().steps[0].calls}
    for line in lines:
        call = calls[int(line["id"])]
        stats = call.outputs[0].stats
        assert stats is not None
        assert float(line["activation_std"]) == stats.std
        assert line["step"] == "1"
        if line["gradient_norm"]:
            assert call.gradients[0].stats is not None
            assert float(line["gradient_norm"]) == call.gradients[0].stats.norm
    shown = [(line["label"], line["shown"]) for line in lines if line["shown"]]
    assert shown == [
        ("discriminator", "fake"), ("discriminator #2", "real"), ("discriminator #3", "fake"),
    ]  # fmt: skip
    weight = next(line for line in lines if line["label"] == "generator.model.3")
    parameter = next(
        one for one in recorded().steps[0].updates[0].parameters if one.name == weight["weight"]
    )
    assert float(weight["update_ratio"]) == parameter.update_ratio
    assert weight["parameters"] == "2"


def test_csv_of_the_parameters() -> None:
    lines = read_csv(show_updates=True)
    parameters = [one for update in recorded().steps[0].updates for one in update.parameters]
    assert [line["name"] for line in lines] == [one.name for one in parameters]
    assert [float(line["update_norm"]) for line in lines] == [one.update_norm for one in parameters]
    assert lines[0]["shape"] == "12x6"


def test_csv_of_every_call() -> None:
    lines = read_csv(recorded("penalty"), show_calls=True)
    seen = {int(line["id"]) for line in lines}
    assert seen == {call.id for call in recorded("penalty").steps[0].calls}
    assert {line["update"] for line in lines} == {"", "0", "1", "2"}


def test_csv_is_one_table() -> None:
    with pytest.raises(UsageError, match="leave out --show-updates or --show-calls"):
        read_csv(show_updates=True, show_calls=True)


def test_json_is_the_contract() -> None:
    data = json.loads(text_of("json"))
    assert Trace.from_dict(data) == recorded()
    explained = json.loads(text_of("json", explain=True))
    said = [update["explanations"] for update in explained["steps"][0]["updates"]]
    assert said[0][0].startswith("The generator learns through")
    assert Trace.from_dict(explained) == recorded()


def test_json_in_pieces_is_the_same_data() -> None:
    step = recorded().steps[0]
    trace = replace(recorded(), steps=(step, replace(step, index=2)))
    for options in (ViewOptions(), ViewOptions(explain=True), ViewOptions(only="*.0")):
        pieces = "".join(json_pieces(trace, options))
        assert json.loads(pieces) == json.loads(to_text(trace, options, name="json"))
    empty = replace(trace, steps=())
    assert json.loads("".join(json_pieces(empty, ViewOptions()))) == empty.to_dict()


def test_json_selects() -> None:
    data = json.loads(text_of("json", only="generator.model.0"))
    assert [call["path"] for call in data["steps"][0]["calls"]] == ["generator.model.0"]
    names = [one["name"] for update in data["steps"][0]["updates"] for one in update["parameters"]]
    assert names == ["generator.model.0.weight", "generator.model.0.bias"]


def test_markdown_tables_are_whole() -> None:
    text = text_of(
        "markdown", recorded("penalty"), show_grads=True, show_updates=True, explain=True
    )
    tables = re.split(r"\n\n", text)
    found = [block.splitlines() for block in tables if block.startswith("|")]
    assert len(found) == 6
    for lines in found:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "### ③ update of netG, the generator" in text
    assert "- x 8×1×4×4 → netD → 8×1 — D(x) mean output 0.143 (score)" in text
    assert "| netD.model.0 #2 | Linear |" in text


def test_markdown_warns() -> None:
    assert "- ⚠ The discriminator's 4 gradients" in text_of("markdown", forgotten())
    assert "### ② an update that failed" in text_of("markdown", failed())


class Tags(HTMLParser):
    """Checks that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_is_well_formed_and_says_all() -> None:
    for trace in (recorded(), recorded("penalty"), failed(), forgotten()):
        html = text_of(
            "html", trace, show_grads=True, show_updates=True, show_calls=True, explain=True
        )
        tags = Tags()
        tags.feed(html)
        assert tags.open == []
        assert "① update of" in "".join(tags.texts)
    assert html.count("<table") == 4
    assert 'opacity="0.6"' in html
    assert 'role="img"' in html


def test_html_escapes_names() -> None:
    trace = with_calls(recorded(), lambda call: replace(call, type="<script>"))
    assert "<script>" not in text_of("html", trace)
    assert "&lt;script&gt;" in text_of("html", trace)


def test_a_notebook_shows_the_step_with_its_gradients() -> None:
    html = TablePresenter().html(recorded())
    assert "update of the generator" in html
    assert "1e-2" in html
    step = recorded().steps[0]
    many = replace(recorded(), steps=(step, replace(step, index=9)))
    assert "<p>2 training steps, 1 to 9; the last one:</p>" in TablePresenter().html(many)
    assert "training step 1 ·" not in TablePresenter().html(many)


def test_printing_shows_the_last_step() -> None:
    step = recorded().steps[0]
    many = replace(recorded(), steps=(step, replace(step, index=9)))
    text = TablePresenter().text(many)
    assert text.startswith("2 training steps, 1 to 9; the last one:\n\ntraining step 9 ·")
    assert TablePresenter().text(recorded()).startswith("training step 1 ·")


@pytest.mark.parametrize("name", ["table", "json", "csv", "markdown", "html"])
def test_every_format_selects_and_refuses(name: str) -> None:
    text = text_of(name, only="generator.model.3", show_grads=True)
    assert "model.3" in text.replace("\\", "")
    assert "model.1" not in text.replace("\\", "").replace("generator.model.1,", "")
    with pytest.raises(UsageError, match="matches no path"):
        str(render(recorded(), name, ViewOptions(only="nothing.*")))
