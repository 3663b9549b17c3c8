"""Curves as a chart for a terminal, drawn with dots; marks and names tell them apart.

Colour is never needed: each curve bears a mark of its own at its last point and, where there is
room, every few cells before it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ganscope.views import style
from ganscope.views.cells import pad
from ganscope.views.metrics.curves import Curve, binned, gaps, suits_powers_of_ten
from ganscope.views.page import NARROWEST, Page

_HEIGHT = 14
_LOW_HEIGHT = 10
_NARROW = 70
_MARKS = "●▲■◆○△"
_COLORS = ("blue", "yellow", "green", "magenta", "cyan", "red")
_PLAIN_MARKS = "ox+*#@"
_MARGIN = 8
"""Cells of the numbers beside the scale."""
_EVERY = 12
"""Cells from one mark of a curve to the one before it."""
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille cell, by row and column."""

_Cell = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The figures from the bottom of a chart to its top.

    Attributes:
        low: At the bottom.
        high: At the top.
        is_logarithmic: Whether it goes in powers of ten.
    """

    low: float
    high: float
    is_logarithmic: bool

    def share(self, value: float) -> float:
        """How far up a figure stands, 0 to 1."""
        low, high = self._on_scale(self.low), self._on_scale(self.high)
        return (self._on_scale(value) - low) / (high - low)

    def value(self, share: float) -> float:
        """The figure at a height."""
        low, high = self._on_scale(self.low), self._on_scale(self.high)
        at = low + share * (high - low)
        return float(10.0**at) if self.is_logarithmic else at

    def _on_scale(self, value: float) -> float:
        return math.log10(value) if self.is_logarithmic else value


class ChartView:
    """A chart that rich can print; it takes the width that it is given.

    Args:
        curves: What to draw, at most six.
        width: Width in cells; None takes the console's.
    """

    def __init__(self, curves: Sequence[Curve], width: int | None = None) -> None:
        self.curves = curves
        self.width = width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(NARROWEST, self.width or options.max_width)
        ascii_only = not style.can_encode_glyphs(console.encoding) or not _has_dots(console)
        yield from lines(self.curves, width, ascii_only=ascii_only)


def _has_dots(console: Console) -> bool:
    try:
        f"⣿┤└{_MARKS}".encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def lines(curves: Sequence[Curve], width: int, *, ascii_only: bool) -> Iterator[Text]:
    """The chart and its legend, no line wider than `width`."""
    page = Page(width, ascii_only=ascii_only)
    known = [curve for curve in curves if curve.known]
    steps = {step for curve in known for step, _ in curve.known}
    if len(steps) == 1:
        yield from page.wrapped(f"only step {steps.pop()} is there: no course to draw", "quiet")
    elif known:
        yield from _drawing(known, page)
    widest = max(cell_len(style.printable(curve.metric.title)) for curve in curves)
    for number, curve in enumerate(curves):
        yield from _legend(curve, number, min(widest, width // 2), page)


def _axis(drawn: Sequence[Sequence[float | None]]) -> Axis:
    values = [value for means in drawn for value in means if value is not None]
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) / 2 or 1.0
        return Axis(low - margin, high + margin, False)
    return Axis(low, high, suits_powers_of_ten(values))


def _drawing(curves: Sequence[Curve], page: Page) -> Iterator[Text]:
    height = _LOW_HEIGHT if page.width < _NARROW else _HEIGHT
    steps = [x for curve in curves for x, _ in curve.known]
    first, last = min(steps), max(steps)
    columns = page.width - _MARGIN - 3
    canvas = _Canvas(columns, height, ascii_only=page.ascii_only)
    dots = min(canvas.across, last - first + 1)
    drawn = [binned(curve.known, first, last, dots) for curve in curves]
    axis = _axis(drawn)
    for number, (curve, means) in enumerate(zip(curves, drawn, strict=True)):
        canvas.draw(means, axis, number, gaps(curve.points, first, last, dots))
    canvas.mark()
    yield from _rows(canvas, axis, page)
    per_dot = max(len(curve.known) for curve in curves) / canvas.across
    notes = [f"each dot is a mean over about {per_dot:,.0f} steps"] * (per_dot >= 1.5)
    notes += ["the scale goes in powers of ten"] * axis.is_logarithmic
    under = " " * (_MARGIN + 2)
    yield page.text(under + _steps(first, last, columns), "quiet")
    if notes:
        yield from page.wrapped("; ".join(notes), "quiet", under)


def _rows(canvas: _Canvas, axis: Axis, page: Page) -> Iterator[Text]:
    """The cells with the scale to their left and a rule below them."""
    height = canvas.rows
    ticks = {row: style.format_number(axis.value(1 - row / (height - 1))) for row in _ticks(height)}
    for row in range(height):
        line = page.text(f"{ticks.get(row, ''):>{_MARGIN}} ", "quiet")
        line.append(
            "|" if page.ascii_only else "┤" if row in ticks else "│", style.PALETTE["quiet"]
        )
        for text, color in canvas.row(row):
            line.append(text, color)
        line.rstrip()
        yield line
    rule = ("+" if page.ascii_only else "└") + ("-" if page.ascii_only else "─") * canvas.columns
    yield page.text(" " * (_MARGIN + 1) + rule, "quiet")


def _ticks(height: int) -> list[int]:
    return sorted({0, height // 3, 2 * height // 3, height - 1})


def _steps(first: int, last: int, width: int) -> str:
    """The ends of the axis, and what it counts in between where there is room."""
    left, right = f"{first:,}", f"{last:,}"
    middle = "step" if len(left) + len(right) + 8 <= width else ""
    return f"{left}{middle:^{max(1, width - len(left) - len(right))}}{right}"[:width]


class _Canvas:
    """Cells on which curves are drawn: eight dots in each, or one where there is ASCII only."""

    def __init__(self, columns: int, rows: int, *, ascii_only: bool) -> None:
        self.columns = columns
        self.rows = rows
        self._ascii_only = ascii_only
        self._wide, self._tall = (1, 1) if ascii_only else (2, 4)
        self._bits = [[0] * columns for _ in range(rows)]
        self._owner = [[-1] * columns for _ in range(rows)]
        self._marks: dict[_Cell, int] = {}
        self._ways: dict[int, list[_Cell]] = {}
        """Of each curve the cells of its points, and of the lines between them."""
        self._points: dict[int, list[_Cell]] = {}

    @property
    def across(self) -> int:
        """Dots from left to right."""
        return self.columns * self._wide

    def draw(
        self,
        values: Sequence[float | None],
        axis: Axis,
        number: int,
        broken: Container[int] = (),
    ) -> None:
        """A curve through means at equal distances.

        Args:
            values: The means; where there is none the line goes on to the next.
            axis: The figures from bottom to top.
            number: Which curve it is.
            broken: The places at which the line ends, to begin anew behind them.
        """
        down = self.rows * self._tall - 1
        before: tuple[int, int] | None = None
        way, points = self._ways.setdefault(number, []), self._points.setdefault(number, [])
        for place, value in enumerate(values):
            if value is None:
                before = None if place in broken else before
                continue
            # Few points spread over all the width.
            across = self.across - 1
            x = round(place * across / max(1, len(values) - 1)) if len(values) > 1 else across // 2
            y = round((1 - axis.share(value)) * down)
            for dot in _between(before or (x, y), (x, y)):
                self._dot(*dot, number)
                way.append(self._cell(*dot))
            before = (x, y)
            points.append(self._cell(x, y))

    def mark(self) -> None:
        """Put the marks of all curves that were drawn, each on cells that no other one has."""
        for number, way in self._ways.items():
            self._mark_last(number, way)
        if self._ascii_only:
            self._mark_all()
            return
        for number, points in self._points.items():
            self._mark_before(number, points)

    def _mark_last(self, number: int, way: Sequence[_Cell]) -> None:
        """A mark at the last point; where another curve ends there, as near to it as there is
        room."""
        if way:
            row, column = way[-1]
            beside = [(row, at) for at in (*range(column, -1, -1), *range(column, self.columns))]
            free = (cell for cell in (*reversed(way), *beside) if cell not in self._marks)
            self._marks[next(free, way[-1])] = number

    def _mark_before(self, number: int, points: Sequence[_Cell]) -> None:
        """Marks on points at some distance from one another, those of other curves between."""
        shift = number * _EVERY // len(_MARKS)
        due = (points[-1][1] if points else 0) - _EVERY + shift
        for cell in reversed(points):
            if cell[1] <= due and cell not in self._marks:
                self._marks[cell] = number
                due = cell[1] - _EVERY

    def _mark_all(self) -> None:
        """A mark on every point; curves that share cells take turns from column to column."""
        shared: dict[_Cell, list[int]] = {}
        for number, points in self._points.items():
            for cell in dict.fromkeys(points):
                shared.setdefault(cell, []).append(number)
        for cell, numbers in shared.items():
            self._marks.setdefault(cell, numbers[cell[1] % len(numbers)])

    def _cell(self, x: int, y: int) -> _Cell:
        return y // self._tall, x // self._wide

    def _dot(self, x: int, y: int, number: int) -> None:
        row, column = self._cell(x, y)
        self._bits[row][column] |= _DOTS[y % self._tall][x % self._wide]
        self._owner[row][column] = number

    def row(self, row: int) -> Iterator[tuple[str, str]]:
        """The cells of a row with their colours."""
        for column in range(self.columns):
            mark = self._marks.get((row, column))
            if mark is not None:
                marks = _PLAIN_MARKS if self._ascii_only else _MARKS
                yield marks[mark % len(marks)], _COLORS[mark % len(_COLORS)]
            elif self._bits[row][column] and not self._ascii_only:
                owner = self._owner[row][column]
                yield chr(0x2800 + self._bits[row][column]), _COLORS[owner % len(_COLORS)]
            elif self._bits[row][column]:
                yield ".", ""
            else:
                yield " ", ""


def _between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The dots of a straight line."""
    (x, y), (to_x, to_y) = start, end
    count = max(abs(to_x - x), abs(to_y - y), 1)
    for part in range(count + 1):
        yield round(x + (to_x - x) * part / count), round(y + (to_y - y) * part / count)


def _legend(curve: Curve, number: int, widest: int, page: Page) -> Iterator[Text]:
    """A curve's mark and name, where it begins and ends, and its least and most."""
    mark = (_PLAIN_MARKS if page.ascii_only else _MARKS)[number % len(_MARKS)]
    title = style.printable(curve.metric.title)
    name = f"{mark} {pad(title, widest, 'left')}"
    known = curve.known
    if not known:
        parts = [f"{name}  no finite figure in {style.count_of(len(curve.points), 'step')}"]
    else:
        least, most = min(known, key=lambda point: point[1]), max(known, key=lambda point: point[1])
        start, end = style.format_number(known[0][1]), style.format_number(known[-1][1])
        parts = [
            f"{name}  {start} → {end}" if len(known) > 1 else f"{name}  {start}",
            f"least {style.format_number(least[1])} at step {least[0]:,}",
            f"most {style.format_number(most[1])} at step {most[0]:,}",
        ]
        if curve.lost:
            parts.append(f"{style.count_of(curve.lost, 'step')} without a finite figure")
    first, *rest = page.packed(parts, "", hang="  ")
    first.stylize(_COLORS[number % len(_COLORS)], 0, cell_len(mark))
    yield first
    yield from rest
