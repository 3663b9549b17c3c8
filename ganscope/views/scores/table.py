"""A score for a terminal: figures, verdicts, digits, and what it all means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ganscope.views import style
from ganscope.views.cells import pad, shorten, wrap
from ganscope.views.page import NARROWEST, Page
from ganscope.views.scores import words
from ganscope.views.scores.report import LIKELIHOOD, Report, Subject

_WIDEST = 110
_BAR = 16
_BARS_FROM = 78
"""Cells from which a page has room for bars."""
_LABELS = 16
_WITH = " ± "
_SHARE = 4
"""Cells of a share in percent."""


class ScoreView:
    """A report that rich can print; it takes the width that it is given."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only = not style.can_encode_glyphs(console.encoding)
        width = max(NARROWEST, min(options.max_width, _WIDEST))
        yield from _lines(self.report, Page(width, ascii_only=ascii_only))


def _lines(report: Report, page: Page) -> Iterator[Text]:
    yield from page.packed(report.title, "heading")
    yield page.text("")
    yield from _figures(report, page)
    for subject in report.judged:
        yield page.text("")
        yield from _verdicts(report, subject, page)
    if report.real.digits:
        yield page.text("")
        yield from _digits(report, page)
    yield page.text("")
    if page.width >= _BARS_FROM and report.judged[0] is not report.untrained:
        yield from _labelled(page, "bars", words.bars(report))
    for name, meaning in words.meanings(report):
        yield from _labelled(page, name, meaning)
    for place, note in enumerate(report.notes):
        yield from _labelled(page, "" if place else "note", note)


def _labelled(page: Page, label: str, text: str, look: str = "quiet") -> Iterator[Text]:
    for line in wrap(page.plain(text), page.width - _LABELS):
        whole = page.text("")
        whole.append(f"{page.plain(label):<{_LABELS}}", style.PALETTE["quiet"])
        whole.append(line, style.PALETTE[look] if look else "")
        yield whole
        label = ""


# -- the table of figures ------------------------------------------------------------------------


def rows(report: Report) -> list[tuple[str, ...]]:
    """A row of texts for each subject, and one for the paper."""
    found = [
        (one.label, *(words.written(name, one.figure(name)) for name in report.names))
        for one in report.subjects
    ]
    if report.paper is not None:
        others = (style.NOTHING for _ in report.names[1:])
        found.append((words.PAPERS, words.written(LIKELIHOOD, report.paper), *others))
    return found


def _figures(report: Report, page: Page) -> Iterator[Text]:
    units = [words.unit(report, name) for name in report.names]
    heads = [("", *report.names), ("", *units)]
    for errors in (True, False):  # a page too narrow for errors does without
        texts = [
            [text if errors else text.partition(_WITH)[0] for text in row] for row in rows(report)
        ]
        cells = [_aligned(column) for column in zip(*texts, strict=True)]
        body = [tuple(map(page.plain, row)) for row in zip(*cells, strict=True)]
        widths = [max(map(cell_len, column)) for column in zip(*heads, *body, strict=True)]
        if sum(widths) + len(units) <= page.width:
            break
    gap = 3 if sum(widths) + 3 * len(units) <= page.width else 1
    widths[0] = max(4, min(widths[0], page.width - sum(widths[1:]) - gap * len(units)))
    for head, look in zip(heads, ("header", "quiet"), strict=True):
        yield page.text(_row(head, widths, gap, page), look)
    whole = min(page.width, sum(widths) + gap * len(units))
    yield page.text("─" * whole, "rule")
    for place, row in enumerate(body):
        loud = place < len(report.subjects) and report.subjects[place] in report.judged
        yield page.text(_row(row, widths, gap, page), "heading" if loud else "")


def _aligned(column: Sequence[str]) -> list[str]:
    """Figures whose errors stand below one another, and so their points."""
    parts = [text.partition(_WITH) for text in column]
    widest = max((cell_len(sign + error) for _, sign, error in parts), default=0)
    return [value + pad(sign + error, widest, "left") for value, sign, error in parts]


def _row(cells: Sequence[str], widths: Sequence[int], gap: int, page: Page) -> str:
    mark = page.plain("…")[:1]
    first, *others = (shorten(cell, width, mark) for cell, width in zip(cells, widths, strict=True))
    texts = [pad(cell, width, "right") for cell, width in zip(others, widths[1:], strict=True)]
    whole = (" " * gap).join([pad(first, widths[0], "left"), *texts]).rstrip()
    return shorten(whole, page.width, mark)


# -- what they say -------------------------------------------------------------------------------


def _verdicts(report: Report, subject: Subject, page: Page) -> Iterator[Text]:
    if len(report.judged) > 1:
        yield from page.wrapped(subject.label, "heading")
    names = [*report.names, *([words.DIGITS] if subject.digits else [])]
    for name in names:
        text, look = words.verdict(report, subject, name)
        bar = "" if name == words.DIGITS else _bar(report.way(subject, name), page)
        room = page.width - _LABELS - (cell_len(bar) + 2 if bar else 0)
        label = name
        for line in wrap(page.plain(text), max(1, room)):
            whole = page.text("")
            whole.append(f"{label:<{_LABELS}}", style.PALETTE["quiet"])
            if bar:
                whole.append(bar if label else " " * cell_len(bar), style.PALETTE["histogram"])
                whole.append("  ")
            whole.append(line, style.PALETTE[look] if look else "")
            yield whole
            label = ""


def _bar(way: float | None, page: Page) -> str:
    """How far it is from an untrained generator (empty) to real images (full)."""
    if way is None or page.width < _BARS_FROM:
        return ""
    eighths = round(8 * _BAR * min(1.0, max(0.0, way)))
    full, rest = divmod(eighths, 8)
    drawn = style.PARTS[-1] * full + (style.PARTS[rest - 1] if rest else "")
    return page.plain(drawn + "·" * (_BAR - cell_len(drawn)))


# -- which digits --------------------------------------------------------------------------------


def _digits(report: Report, page: Page) -> Iterator[Text]:
    shown = [*report.judged, report.real]
    table = [("digits", *map(str, range(len(report.real.digits))), "none")]
    for one in shown:
        shares = (style.format_share(count / one.judged) for count in (*one.digits, one.unsure))
        table.append((one.label, *shares))
    labels = max(cell_len(label) for label, *_ in table)
    gap, widths = 1, [labels, *(_SHARE for _ in table[0][1:])]
    if sum(widths) + len(widths) > page.width:  # too narrow: a digit to a line
        table = list(zip(*table, strict=True))
        room = (page.width - cell_len(table[0][0])) // len(shown) - 2
        gap, widths = 2, [cell_len(table[0][0]), *(max(_SHARE, min(labels, room)) for _ in shown)]
    for place, row in enumerate(table):
        text = _row(tuple(map(page.plain, row)), widths, gap, page)
        yield page.text(text, "" if place else "header")
