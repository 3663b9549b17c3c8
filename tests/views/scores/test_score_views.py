"""How a score is shown: widths, words, signs without colour, and every format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from ganscope.errors import UsageError
from ganscope.views.present import plain_text
from ganscope.views.scores import Measured, Report, Subject, words
from ganscope.views.scores.formats import FORMATS, render
from ganscope.views.scores.report import CONFIDENCE, DIVERSITY, LIKELIHOOD


def subject(role: str, label: str, value: float, share: float, *digits: int) -> Subject:
    return Subject(
        role, label, 1_000, Measured(value, 1.25), 0.2, False, Measured(160 * share, 0.5),
        Measured(0.1 + 0.8 * share, 0.001), 1_000, digits, 1_000 - sum(digits),
    )  # fmt: skip


UNTRAINED = subject("untrained", "untrained", -500, 0.01, *([0] * 10))
RUN = subject("generator", "this run", 0, 0.6, *[90] * 8, 9, 10)
AVERAGE = subject("averaged", "its average", 100, 0.4, *[0] * 8, 300, 300)
REAL = subject("real", "real digits", 250, 1, *[100] * 10)
REPORT = Report(
    ("runs/a [b]", "gan"), "runs/a [b]", "gan", 0, "digits", (UNTRAINED, RUN, AVERAGE, REAL),
    1_000, 500, 0.5, 0.01, 0.978, Measured(225, 2), ("something to keep in mind",),
)  # fmt: skip
UNKNOWN = replace(
    REPORT,
    subjects=tuple(
        replace(one, confidence=None, judged=0, digits=(), unsure=0) for one in REPORT.subjects
    ),
    threshold=None,
    paper=None,
    notes=(),
)
ALONE = replace(REPORT, run=None, subjects=(UNTRAINED, REAL))
REPORTS = {"a run": REPORT, "no digits": UNKNOWN, "before training": ALONE}


def table(report: Report, width: int) -> str:
    shown = render(report)
    assert not isinstance(shown, str)
    return plain_text(shown, width)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_it_never_leaves_its_width(report: Report, width: int) -> None:
    for line in table(report, width).splitlines():
        assert cell_len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
def test_every_figure_stands_there_at_60(report: Report) -> None:
    text = table(report, 60)
    for one in report.subjects:
        for name in report.names:
            for part in words.written(name, one.figure(name)).split(" ± "):
                assert part in text


def test_in_ascii() -> None:
    shown = render(REPORT)
    assert not isinstance(shown, str)
    text = plain_text(shown, 100, encoding="ascii")
    assert text.isascii()
    assert "\\x" not in text
    assert "\\u" not in text


def test_bars_go_from_untrained_to_real() -> None:
    assert REPORT.way(RUN, LIKELIHOOD) == pytest.approx(500 / 750)
    assert REPORT.way(REAL, DIVERSITY) == 1
    assert REPORT.way(UNTRAINED, DIVERSITY) is None
    assert "██████████▋·····  250 nats below real digits" in table(REPORT, 100)
    assert "█" not in table(REPORT, 60)
    assert "█" not in table(ALONE, 100)


def test_verdicts_are_words_and_signs() -> None:
    assert words.verdict(REPORT, RUN, LIKELIHOOD) == (
        "250 nats below real digits, 225 below the paper's",
        "",
    )
    assert words.verdict(REPORT, RUN, DIVERSITY) == (
        "● no mode collapse: 60% of real digits; below 50% counts as collapsed",
        "explanation",
    )
    assert words.verdict(REPORT, AVERAGE, DIVERSITY) == (
        "✗ mode collapse: 40% of real digits; below 50% counts as collapsed",
        "warning",
    )
    assert words.verdict(UNKNOWN, AVERAGE, DIVERSITY) == (
        "40% of real digits; no threshold was set for these images",
        "",
    )
    assert words.verdict(REPORT, RUN, CONFIDENCE)[0] == (
        "real digits get 0.900; knowing nothing is 0.1"
    )


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        ((10,) * 10, "● all ten are there"),
        ((9,) + (10,) * 9, "✗ 0 is missing"),  # 9 of 1,000 are below 1 %
        ((9, 9, 9) + (10,) * 7, "✗ 0, 1 and 2 are missing"),
        ((0,) * 7 + (50,) * 3, "✗ only 7, 8 and 9 are there"),
        ((0,) * 9 + (50,), "✗ only 9 is there"),
        ((0,) * 10, "✗ none of the ten is there"),
    ],
)
def test_missing_digits(digits: tuple[int, ...], said: str) -> None:
    one = replace(RUN, digits=digits, unsure=1_000 - sum(digits))
    assert words.verdict(REPORT, one, words.DIGITS)[0] == said


@pytest.mark.parametrize(
    ("name", "value", "error", "text"),
    [
        (LIKELIHOOD, -1234.56, 0.26, "-1,234.6 ± 0.3"),
        (DIVERSITY, 1.0, 0.0001, "1.0 ± <0.1"),
        (DIVERSITY, 160.0, None, "160.0"),
        (CONFIDENCE, 0.97654, 0.0023, "0.977 ± 0.002"),
    ],
)
def test_a_figure_with_its_error(name: str, value: float, error: float | None, text: str) -> None:
    assert words.written(name, Measured(value, error)) == text


def test_colours_only_repeat_what_words_say() -> None:
    shown = render(REPORT)
    console = Console(
        width=100, force_terminal=True, color_system="standard", no_color=False, file=io.StringIO()
    )
    console.print(shown)
    coloured = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1;31m✗ mode collapse: 40%" in coloured
    assert "\x1b[32m● no mode collapse: 60%" in coloured


def test_json_is_strict_and_whole() -> None:
    found = json.loads(str(render(REPORT, "json")))
    assert found["schema"] == "ganscope.score/1"
    assert found["paper"] == {"value": 225, "error": 2}
    assert [one["collapsed"] for one in found["subjects"]] == [True, False, True, False]
    assert found["subjects"][1]["missing"] == [8]
    assert found["subjects"][1]["diversity_share"] == pytest.approx(0.6)
    unknown = json.loads(str(render(UNKNOWN, "json")))
    assert unknown["subjects"][1]["digits"] is None
    assert unknown["classifier_accuracy"] is None


def test_csv_has_every_figure_in_full() -> None:
    rows = list(csv.DictReader(io.StringIO(str(render(REPORT, "csv")))))
    assert len(rows) == 4 * (3 + 11) + 1
    assert rows[0] == {
        "role": "untrained", "label": "untrained", "images": "1000",
        "figure": "log-likelihood", "value": "-500", "error": "1.25",
    }  # fmt: skip
    assert len(list(csv.DictReader(io.StringIO(str(render(UNKNOWN, "csv")))))) == 4 * 2


def test_markdown_is_a_table_and_lists() -> None:
    text = str(render(REPORT, "markdown"))
    assert text.startswith("**runs/a \\[b] · gan**\n\n| | log-likelihood (nats) |")
    assert "- diversity: ● no mode collapse: 60% of real digits" in text
    assert "- something to keep in mind" in text


def test_no_such_format() -> None:
    assert FORMATS == ("table", "json", "csv", "markdown")
    with pytest.raises(UsageError, match=r"a score is shown as .*, not jsn; did you mean 'json'"):
        render(REPORT, "jsn")
