from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from ganscope.errors import UsageError
from ganscope.traces import Network, Step, Trace
from ganscope.views import ViewOptions, render, to_text
from ganscope.views.cells import shorten, wrap
from ganscope.views.layout import lay_out
from ganscope.views.rows import rows_of

from .builders import GENERATOR, call, failing_trace, generator_trace, stats, tensor, trace_of

GOLDEN = Path(__file__).parent.parent / "golden"
REGENERATE = "GANSCOPE_REGENERATE_GOLDEN"

CALLS = generator_trace().steps[0].calls


def text_at(width: int, trace: Trace | None = None, **options: object) -> list[str]:
    given = ViewOptions(width=width, **options)  # type: ignore[arg-type]
    return to_text(trace or generator_trace(), given).splitlines()


def rows_at(width: int, trace: Trace | None = None) -> list[str]:
    """The lines between the rule and what follows the rows."""
    lines = text_at(width, trace)
    start = next(i for i, line in enumerate(lines) if line.startswith("──"))
    count = len((trace or generator_trace()).steps[0].calls)
    return lines[start + 1 : start + 1 + count]


@pytest.mark.parametrize("width", range(40, 201))
def test_no_line_is_wider_than_the_width_and_no_row_wraps(width: int) -> None:
    lines = text_at(width)
    assert max(map(cell_len, lines)) <= width
    below = lines.index(rows_at(width)[-1]) + 1
    assert lines[below] == "" or lines[below].startswith("not shown"), "no line but one per row"
    names = [one.path.replace("/", ".").rsplit(".", 1)[-1] for one in CALLS]
    for row, name in zip(rows_at(width), names, strict=True):
        assert re.search(rf"(^|[ ./]){name} ", row + " "), row


@pytest.mark.parametrize("width", range(40, 201))
def test_every_cell_is_whole(width: int) -> None:
    layout = lay_out(rows_of(CALLS), width)
    shown = rows_at(width)
    for index in range(len(CALLS)):
        cells = [placed.cells[index].strip() for placed in layout.placed]
        place = 0
        for cell in cells:
            place = shown[index].index(cell, place) + len(cell)
    assert layout.width <= width
    assert "…" not in "".join(shown)


@pytest.mark.parametrize("width", [80, 120])
def test_the_walkthrough_is_all_there(width: int) -> None:
    rows = rows_at(width)
    for (name, kind, _, before, after, parameters, *_), row in zip(
        GENERATOR, rows[2:], strict=False
    ):
        assert re.search(rf"^ ?\d* *    {name}  ", row), row
        assert kind in row
        assert f"64×{before} → 64×{after}" in row
        if parameters:
            assert f"{parameters:,}" in row
    assert re.search(r"^ ?\d* *  · view ", rows[-1])
    assert "64×784 → 64×1×28×28" in rows[-1]
    assert "1,510,032" in rows[0]


@pytest.mark.parametrize("width", [80, 120])
def test_golden(width: int) -> None:
    path = GOLDEN / f"table_generator_{width}.txt"
    text = "\n".join(text_at(width)) + "\n"
    if os.environ.get(REGENERATE):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"set {REGENERATE}=1 if this is meant"


def test_what_is_not_shown_is_said() -> None:
    narrow = " ".join(text_at(80))
    assert "not shown at this width: settings, histogram, #, min, max, time;" in narrow
    assert "widen or use --format csv" in narrow
    assert "not shown" not in " ".join(text_at(160))
    assert "not shown at this width: inputs, settings," in " ".join(text_at(40))


def test_the_least_important_goes_first() -> None:
    order = ["type", "shape", "parameters", "mean", "std", "≤ 0", "histogram", "#", "min"]
    for width in range(40, 161):
        missing = set(lay_out(rows_of(CALLS), width).missing)
        lost = [key in missing for key in order]
        assert lost == sorted(lost), (width, missing)


def test_flow_and_totals() -> None:
    lines = text_at(80)
    assert "flow      100 → 128 → 256 → 512 → 1024 → 784 → 1×28×28" in lines
    assert "total     1,510,032 parameters · 16 calls · 1.82 ms" in lines
    assert "flow      100 → 128 → … → 784 → 1×28×28" in text_at(40)


def test_a_selection_says_how_much_it_shows() -> None:
    lines = text_at(80, depth=1)
    assert "total     1,510,032 parameters · 1 of 16 calls shown · 1.82 ms" in lines


def test_failure_ends_the_table_and_says_why() -> None:
    later = call(99, "generator.model.99", parent=1)
    trace = failing_trace()
    trace = replace(trace, steps=(Step(0, (*trace.steps[0].calls, later)),))
    lines = text_at(100, trace)
    text = "\n".join(lines)
    row = next(line for line in lines if "✗ 2 " in line)
    assert "64×100 → ✗" in row
    assert "generator.model.99" not in text
    assert "✗ failed  generator.model.2 · Linear(128 → 256)" in lines
    assert "got       64×100" in lines
    assert "expects   the last dimension to be 128" in lines
    assert "where     gan.py:42  img = self.model(z)" in lines
    assert "error     RuntimeError: mat1 and mat2" in text


@pytest.mark.parametrize(("depth", "shown"), [(1, "✗ generator "), (2, "  ✗ model ")])
def test_a_folded_failure_is_marked_at_what_is_shown_around_it(depth: int, shown: str) -> None:
    lines = text_at(100, failing_trace(), depth=depth)
    place = next(index for index, line in enumerate(lines) if shown in line)
    assert "64×100 → ✗" in lines[place]
    assert lines[place + 1].strip() == "✗ failed inside, in generator.model.2"
    assert sum("→ ✗" in line for line in lines) == 1
    assert "✗ failed  generator.model.2 · Linear(128 → 256)" in lines


def test_a_failure_outside_of_what_is_selected_is_told_below_the_table() -> None:
    lines = text_at(100, failing_trace(), only="*.0")
    assert not any("→ ✗" in line for line in lines)
    assert "✗ failed  generator.model.2 · Linear(128 → 256)" in lines


def test_nonfinite_values_are_glaring() -> None:
    sick = tensor(64, 10, figures=stats(0.0, 1.0, -1.0, 1.0, nonfinite=3))
    trace = trace_of(call(0, "net", outputs=(sick,)))
    assert "  ⚠ 3 of 640 values are NaN or infinite" in text_at(40, trace)
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system="standard")
    console.print(render(trace, "table"))
    assert "\x1b[1;31m0  ⚠ net" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1;31mfirst non-finite values: net" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1;31m     ⚠ 3 of 640" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_mean_that_is_rounding_is_no_finding() -> None:
    made = tensor(64, 10, figures=stats(1.3e-10, 1.0, -1.0, 1.0))
    trace = trace_of(call(0, "net", outputs=(made,)))
    for width in (60, 100, 160):
        assert " ≈0 " in "\n".join(text_at(width, trace))
    assert "e-10" not in "\n".join(text_at(160, trace))
    assert "1.3e-10" in to_text(trace, ViewOptions(), name="csv")
    assert "1.3e-10" in to_text(trace, ViewOptions(), name="json")


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system="standard")
    console.print(render(failing_trace(), "table"))
    codes = re.findall(r"\x1b\[([\d;]*)m", console.file.getvalue())  # type: ignore[attr-defined]
    assert codes
    assert not any(30 <= int(code) < 50 for each in codes for code in each.split(";") if code)


def test_values() -> None:
    lines = text_at(60, values=True)
    previews = [line for line in lines if line.strip().startswith("values")]
    assert len(previews) == len(CALLS)
    assert previews[0] == "  values 0.126 -0.132 0.640 0.105 -0.536 0.362 1.304 …"
    assert max(map(len, lines)) <= 60


def test_repeated_calls_and_several_inputs() -> None:
    trace = trace_of(
        call(0, "d", "Discriminator"),
        call(1, "d.join", "Join", parent=0, nth=2, inputs=(tensor(4, 2), tensor(4, 3))),
        call(2, "d.many", "Many", parent=0, inputs=(tensor(4, 2),) * 4),
    )
    text = "\n".join(text_at(120, trace))
    assert "  join #2 " in text
    assert "4×2 + 4×3 → 64×128" in text
    assert "4 tensors → 64×128" in text


@pytest.mark.parametrize("width", range(60, 170, 9))
def test_no_line_ends_in_spaces(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(render(generator_trace(), "table", ViewOptions(values=True, explain=True)))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line for line in lines if line != line.rstrip()] == []


def test_several_steps_stand_under_headings() -> None:
    trace = trace_of()
    trace = replace(trace, steps=(Step(0, (call(0, "a"),)), Step(7, (call(0, "b"),))))
    lines = text_at(80, trace)
    assert "step 0" in lines
    assert "step 7" in lines
    assert "step 0" not in text_at(80)


def test_notes_that_many_calls_share_are_said_once() -> None:
    calls = [call(i, f"net.{i}", note="its kernel runs in one piece") for i in range(5)]
    trace = trace_of(*calls)
    trace = replace(trace, meta=replace(trace.meta, completeness="partial", notes=("cut",)))
    lines = text_at(100, trace)
    assert "seen      partial" in lines
    assert "note      cut" in lines
    assert "          net.0, net.1, net.2 and 2 more: its kernel runs in one piece" in lines


def test_several_networks_and_flows() -> None:
    calls = [
        call(0, "g", inputs=(tensor(8, 4),), outputs=(tensor(8, 1, 2, 2),)),
        call(1, "d", inputs=(tensor(8, 1, 2, 2),), outputs=(tensor(8, 1),)),
    ]
    networks = (
        Network("g", "G", "generator", 3, "compiled"),
        Network("d", "D", "discriminator", 1),
    )
    lines = text_at(100, trace_of(*calls, networks=networks))
    assert lines[0] == "g (G, compiled), 3 parameters · d (D), 1 parameter · cpu · seed 0"
    assert "flow      g: 4 → 1×2×2" in lines
    assert "          d: 1×2×2 → 1" in lines


def test_the_flow_of_a_selection_says_whose_it_is() -> None:
    def flow(only: str) -> list[str]:
        return [line for line in text_at(120, only=only) if line.startswith("flow")]

    assert flow("*.model.1*") == ["flow      generator.model.11: 1024 → 784"]
    assert flow("*.model.11") == ["flow      1024 → 784"]
    assert flow("*.model.1") == []


def test_flow_keeps_the_batch_where_it_is_not_the_same_everywhere() -> None:
    trace = trace_of(call(0, "g", inputs=(tensor(8, 4),), outputs=(tensor(2, 16),)))
    assert "flow      8×4 → 2×16" in text_at(80, trace)


def test_ascii_consoles() -> None:
    text = to_text(failing_trace(), ViewOptions(width=80), encoding="ascii")
    assert text.isascii()
    assert "64x128 -> 64x128" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_hostile_name_cannot_reach_the_terminal() -> None:
    trace = trace_of(call(0, "net\x1b[2J\n", "Evil\x07", settings="\x1b]0;x"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", "\n".join(text_at(120, trace)))


def test_rich_markup_in_names_is_text() -> None:
    assert "net[bold]" in "\n".join(text_at(80, trace_of(call(0, "net[bold]"))))


def test_options_are_checked_before_anything_is_printed() -> None:
    with pytest.raises(UsageError):
        render(generator_trace(), "table", ViewOptions(only="nothing"))


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two", 3, ["one", "two"]),
        ("one", 9, ["one"]),
        ("", 9, [""]),
        ("abcdefgh ij", 3, ["abc", "def", "gh", "ij"]),
        ("図図 図", 4, ["図図", "図"]),
        ("図図図", 3, ["図", "図", "図"]),
    ],
)
def test_wrap(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


def test_shorten_leaves_the_middle_out() -> None:
    assert shorten("abcdefghij", 5) == "ab…ij"
    assert shorten("abcdefghij", 5, "~") == "ab~ij"
    assert shorten("abc", 5) == "abc"
    assert cell_len(shorten("図" * 20, 10)) <= 10
