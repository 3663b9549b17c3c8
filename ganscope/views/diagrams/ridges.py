"""Rows of a network's depth: a ridge of values, a gradient, an update."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganscope.traces import Histogram, TensorStats
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.words import Words, number

_NAME, _SMALL, _HEAD = 11.0, 9.5, 12.0
_LABELS = 2.25
"""Inches for the names of layers, from the left edge."""
_OVERLAP = 1.5
"""A ridge is so many rows high."""
_WIDE = 4.0
"""Standard deviations beside the mean that a ridge shows."""
_LIMIT = 0.62
"""Inches for the limit of a ridge, beside it."""
_BETWEEN = 0.28
"""Inches between columns."""


@dataclass(frozen=True, slots=True)
class Row:
    """A layer.

    Attributes:
        name: Its class; empty for the network's input.
        shape: Of one row of its output.
        stats: Figures of its whole output.
        place: Its path in the network.
        gradient: L2 norm of the gradient at its output, where one arrived.
        ratio: Norm of the update over norm of the weight, where it was updated.
        call: Id of its call; None for the network's input.
    """

    name: str
    shape: str
    stats: TensorStats
    place: str = ""
    gradient: float | None = None
    ratio: float | None = None
    call: int | None = None


class StatsPainter:
    """Draws rows from top to bottom.

    Args:
        canvas: Where to.
        words: Of a language.
        rows: The layers.
        colour: Of the network's role.
    """

    def __init__(self, canvas: Canvas, words: Words, rows: Sequence[Row], colour: str) -> None:
        self._canvas, self._words, self._rows, self._colour = canvas, words, rows, colour
        figures: dict[str, Callable[[Row], float | None]] = {
            "std": lambda row: row.stats.std,
            "gradient_column": lambda row: row.gradient,
            "ratio_column": lambda row: row.ratio,
        }
        self._figures = {name: figure for name, figure in figures.items() if any(map(figure, rows))}
        self.has_gradients = "gradient_column" in self._figures
        """Whether a backward was recorded."""
        self._left = 0.5 + _LABELS
        self._width = min(2.6, (canvas.width - 0.5 - self._left) / (len(self._figures) + 1.4))
        columns = len(self._figures) * (self._width + _BETWEEN)
        self._right = canvas.width - 0.5 - columns - _LIMIT

    def draw(self, top: float, bottom: float, upto: int | None) -> None:
        """Draw the rows between two heights, in inches from below.

        Args:
            top: Upper edge of the first row.
            bottom: Lower edge of the last row.
            upto: How many are shown.
        """
        pitch = min(0.62, (top - bottom) / len(self._rows))
        shown = self._rows[:upto]
        bases = [top - pitch * (place + 1) for place in range(len(self._rows))]
        self._zero(top, bases[-1])
        for row, base in zip(shown, bases, strict=False):
            self._label(row, base, pitch)
            self._ridge(row.stats, base, pitch)
        head = top + pitch * (_OVERLAP - 1) + 0.14
        middle = (self._left + self._right) / 2
        self._canvas.text((middle, head), self._words("values"), _HEAD, bold=True)
        left = self._right + _LIMIT + _BETWEEN
        for name, figure in self._figures.items():
            self._canvas.text((left, head), self._words(name), _HEAD, bold=True, across="left")
            self._lollipops(left, bases, shown, figure)
            left += self._width + _BETWEEN

    def _label(self, row: Row, base: float, pitch: float) -> None:
        canvas, theme = self._canvas, self._canvas.theme
        name = row.name or self._words("input")
        at = base + 0.05
        shape = canvas.cut(row.shape, 1.1, _NAME)
        wide = canvas.width_of(shape, _NAME)
        canvas.text((self._left - 0.12, at), shape, _NAME, across="right", colour=self._colour)
        room = _LABELS - wide - 0.24
        if pitch > 0.4 and row.place:
            place = canvas.cut_start(row.place, room, 9)
            canvas.text((0.5, at), place, 9, across="left", colour=theme.quiet)
            at += 0.18
        canvas.text((0.5, at), canvas.cut(name, room, _NAME), _NAME, across="left")

    # -- ridges ----------------------------------------------------------------------------------

    def _zero(self, top: float, bottom: float) -> None:
        canvas, theme = self._canvas, self._canvas.theme
        middle = (self._left + self._right) / 2
        canvas.line([(middle, bottom - 0.06), (middle, top)], theme.line, line=0.9, order=0.6)
        canvas.text((middle, bottom - 0.24), "0", _SMALL, colour=theme.quiet)
        canvas.text((self._left, bottom - 0.24), "−", _SMALL, colour=theme.quiet)
        canvas.text((self._right, bottom - 0.24), "+", _SMALL, colour=theme.quiet)

    def _ridge(self, stats: TensorStats, base: float, pitch: float) -> None:
        canvas, theme = self._canvas, self._canvas.theme
        canvas.line([(self._left, base), (self._right, base)], theme.line, line=0.7, order=2)
        if stats.histogram is None or not any(stats.histogram.counts):
            at = (self._left + 0.1, base + 0.05)
            canvas.text(at, self._words("never"), _SMALL, across="left", colour=theme.quiet)
            return
        limit, tall = limit_of(stats), pitch * _OVERLAP * 0.92
        middle, half = (self._left + self._right) / 2, (self._right - self._left) / 2
        points = outline(stats.histogram, limit)
        drawn = [(middle + x / limit * half, base + y * tall) for x, y in points]
        canvas.polygon(drawn, self._colour, edge=theme.paper, shade=0.82)
        text = f"±{limit:.3g}".replace("-", "−")
        at = (self._right + _LIMIT, base + 0.05)
        canvas.text(at, text, 9, across="right", colour=theme.quiet)

    # -- gradients and updates -------------------------------------------------------------------

    def _lollipops(
        self, left: float, bases: Sequence[float], shown: Sequence[Row],
        figure: Callable[[Row], float | None],
    ) -> None:  # fmt: skip
        """A figure of each row as a line to a dot, on a scale of powers of ten."""
        canvas, theme = self._canvas, self._canvas.theme
        known = [value for row in self._rows if (value := figure(row))]
        low, high = math.log10(min(known)), math.log10(max(known))
        room = self._width - 0.78
        for row, base in zip(shown, bases, strict=False):
            value, at = figure(row), base + 0.11
            if not value or not math.isfinite(value):
                continue
            share = (math.log10(value) - low) / (high - low) if high > low else 1.0
            end = left + 0.1 + share * (room - 0.1)
            canvas.line([(left, at), (end, at)], theme.bad, line=2.2)
            canvas.disc((end, at), 0.055, fill=theme.bad)
            canvas.text((end + 0.12, base + 0.05), number(value), _SMALL, across="left")


def limit_of(stats: TensorStats) -> float:
    """How far from zero a ridge reaches: at most 4 deviations beyond the mean."""
    if stats.mean is None or stats.std is None or stats.min is None or stats.max is None:
        return 1.0
    largest = max(abs(stats.min), abs(stats.max))
    return min(largest, abs(stats.mean) + _WIDE * stats.std) or largest or 1.0


def outline(histogram: Histogram, limit: float) -> list[tuple[float, float]]:
    """A distribution as a closed outline between -limit and limit, its peak at height 1.

    A layer whose values are all the same is a line at that value.
    """
    low, high = histogram.low, histogram.high
    tallest = max(histogram.counts)
    if high <= low:
        width = limit / 200
        return [(low - width, 0), (low - width, 1), (low + width, 1), (low + width, 0)]
    step = (high - low) / len(histogram.counts)
    centres = [low + (place + 0.5) * step for place in range(len(histogram.counts))]
    points = [(low, 0.0)]
    points += [(x, n / tallest) for x, n in zip(centres, histogram.counts, strict=True)]
    points.append((high, 0.0))
    inside = [(x, y) for x, y in points if abs(x) <= limit] or [(0.0, 0.0)]
    return [(inside[0][0], 0.0), *inside, (inside[-1][0], 0.0)]
