"""A comparison, shown: never wider than asked for, whatever stands in it, in every format."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from ganscope.errors import UsageError
from ganscope.traces import CallSite
from ganscope.traces.comparison import Comparison, Difference, FirstCall, OnlyIn
from ganscope.views.diff import Compared, DiffView
from ganscope.views.diff_formats import FORMATS, render

EQUAL = Comparison(0.0, 3, 12, None, (), (), (), (), (), {})


def difference(number: int = 0, **changes: object) -> Difference:
    plain = Difference("output", f"net.{number}", "mean", 0.5, 0.25, 0.5, 3, 1, 2)
    return replace(plain, **changes)  # type: ignore[arg-type]


def compared(comparison: Comparison, limit: int | None = None) -> Compared:
    return Compared("one.gscope", "two.gscope", comparison, limit)


def lines(comparison: Comparison, width: int = 100, limit: int | None = None) -> list[str]:
    return DiffView(compared(comparison, limit)).text(width).splitlines()


MANY = replace(EQUAL, differences=tuple(map(difference, range(50))))
STRANGE = replace(
    EQUAL,
    first_call=FirstCall(
        7, "net\x1b[2J\n.0", "Evil\r", CallSite("a\x07.py", 1, "x = '→'\n"), difference()
    ),
    differences=(
        difference(where="größe.世界" * 30 + "\x1b[31m\n"),
        difference(first=math.nan, second=10**400, relative=math.inf, figure="a_b\x00"),
        difference(first=None, second="2×2\n", relative=math.inf),
    ),
    only_first=(OnlyIn("gone\x1b[0m", "Linear", 5, 1_234),),
    only_second=tuple(OnlyIn(f"new.{number}", "Linear", 0) for number in range(30)),
    steps_only_first=tuple(range(100)),
    steps_only_second=(1, 2),
    circumstances={"device": ("cpu", "cuda\x1b")},
)


@pytest.mark.parametrize("width", [40, 61, 80, 200])
@pytest.mark.parametrize("comparison", [EQUAL, MANY, STRANGE])
def test_no_line_is_wider_and_no_sign_moves_the_cursor(comparison: Comparison, width: int) -> None:
    for line in lines(comparison, width):
        assert cell_len(line) <= width
        assert line.isprintable()


@pytest.mark.parametrize("name", ["csv", "markdown", "json"])
def test_every_format_takes_anything(name: str) -> None:
    for comparison in (EQUAL, MANY, STRANGE):
        text = render(compared(comparison), name)
        assert isinstance(text, str)
        if name == "json":
            found = json.loads(text)
            assert found["equal"] is comparison.equal
            assert len(found["differences"]) == len(comparison.differences)
        if name == "csv":
            rows = list(csv.reader(io.StringIO(text)))
            assert {len(row) for row in rows} == {9}
        if name == "markdown":
            assert "\x1b" not in text


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="shown as table, json, csv, markdown, not htm"):
        render(compared(EQUAL), "htm")
    assert FORMATS == ("table", "json", "csv", "markdown")


def test_an_ascii_terminal_is_shown_ascii() -> None:
    sink = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=sink, width=70).print(render(compared(STRANGE)))
    sink.flush()
    text = sink.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 70
    assert "A cpu * B cuda" in text


def test_as_many_rows_as_asked_for() -> None:
    assert sum("output  net." in line for line in lines(MANY)) == 20
    assert "and 30 more; --limit 0 shows all" in lines(MANY)[-1]
    assert sum("output  net." in line for line in lines(MANY, limit=3)) == 3
    assert sum("output  net." in line for line in lines(MANY, limit=0)) == 50
    shown = lines(STRANGE)
    assert sum("new." in line for line in shown) == 20
    assert "only in B         and 10 more calls" in shown
    assert len(json.loads(str(render(compared(MANY, 5), "json")))["differences"]) == 5


def test_numbers_show_where_they_differ() -> None:
    near = difference(first=0.1234567891, second=0.1234567892, relative=8e-10)
    text = "\n".join(lines(replace(EQUAL, differences=(near,))))
    assert "0.1234567891" in text
    assert "0.1234567892" in text
    assert "8.0e-10" in text


def test_what_one_lacks_is_told_with_its_steps() -> None:
    shown = lines(STRANGE, 120)
    assert "only in A         gone\\x1b[0m (Linear), in 1,234 steps from step 5 on" in shown
    assert "only in A         100 steps, 0 to 99" in shown
    assert "only in B         steps 1, 2" in shown


def test_equal_ones_and_the_tolerance() -> None:
    assert lines(EQUAL)[-1] == "result            equal to the last bit"
    near = lines(replace(EQUAL, tolerance=1e-5))
    assert near[-2:] == [
        "compared          3 steps · 12 calls · tolerance 1e-05",
        "result            equal within the tolerance",
    ]


def test_equal_outputs_beside_other_differences_are_said() -> None:
    loss = difference(what="loss", where="d_loss", figure="value")
    shown = lines(replace(EQUAL, differences=(loss,)))
    assert "outputs           those of all calls that both have are equal" in shown


def test_the_first_difference_says_whether_it_is_an_input() -> None:
    for figure, words in (("mean", "input mean: A "), ("input 1 mean", "input 1 mean: A ")):
        first = FirstCall(0, "net", "Linear", None, difference(what="input", figure=figure))
        shown = lines(replace(EQUAL, first_call=first, differences=(first.difference,)))
        assert shown[3] == "first difference  step 0 · net (Linear)"
        assert shown[4].strip().startswith(words)


def test_a_long_message_leaves_the_others_their_columns() -> None:
    failure = difference(what="failure", where="step 3", figure="message", first="a" * 300)
    shown = lines(replace(EQUAL, differences=(failure, difference())))
    assert shown[-3].split()[:4] == ["relative", "what", "where", "figure"]
    assert shown[-1].split()[:4] == ["0.500", "output", "net.0", "mean"]
