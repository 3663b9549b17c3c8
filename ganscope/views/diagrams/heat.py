"""A heat map over training steps, on a canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ganscope.views import style
from ganscope.views.diagrams import fonts
from ganscope.views.diagrams.canvas import Box, Canvas
from ganscope.views.diagrams.step_axis import CROSS, is_finite, ticks_among
from ganscope.views.diagrams.words import number
from ganscope.views.metrics.curves import Curve, binned

_HEAD, _NAME, _SMALL = 13.0, 10.5, 9.5
_BINS = 160
_LABELS = 2.0
_TICKS = 8
_BAR = (1.6, 0.13)
"""Inches of the scale of colours."""
_FIGURE = 0.7
"""Inches for a figure beside it."""


def draw_heat(
    canvas: Canvas, box: Box, heading: str, curves: Sequence[Curve], *, last: int
) -> None:
    """A row of colours for each curve, by powers of ten, and the scale of the colours.

    Args:
        canvas: Where to.
        box: What it may take, heading included.
        heading: Stands above.
        curves: What to draw.
        last: The last step that is shown.
    """
    left, bottom, width, height = box
    canvas.text((left, bottom + height - 0.2), heading, _HEAD, bold=True, across="left")
    every = [y for curve in curves for _, y in curve.known if y > 0]
    if not every:
        return
    steps = sorted({x for curve in curves for x, _ in curve.points})
    area = (left + _LABELS, bottom + 0.3, width - _LABELS, height - 0.68)
    _draw_bar(canvas, (left + width, bottom + height - 0.2), min(every), max(every))
    bins = min(_BINS, len(steps))
    shares = np.ma.masked_all((len(curves), bins))  # type: ignore[no-untyped-call]
    low, high = math.log10(min(every)), math.log10(max(every))
    for row, curve in enumerate(curves):
        points = [(x, y) for x, y in curve.known if y > 0 and x <= last]
        for column, mean in enumerate(binned(points, steps[0], steps[-1], bins)):
            if mean is not None:
                shares[row, column] = share_of(mean, low, high)
    canvas.pixels(canvas.theme.shade(shares), area, name="heat")
    canvas.frame(area, canvas.theme.line, line=0.8)
    _draw_lost(canvas, area, curves, steps, last)
    _draw_labels(canvas, area, curves)
    _draw_steps(canvas, area, steps, bins)


def share_of(value: float, low: float, high: float) -> float:
    """Where a figure stands between two powers of ten, 0 to 1."""
    return (math.log10(value) - low) / (high - low) if high > low else 1.0


def _draw_bar(canvas: Canvas, right: tuple[float, float], low: float, high: float) -> None:
    """The scale of colours, its ends named; `right` is where its right figure ends."""
    end, at = right
    wide, tall = _BAR
    left = end - _FIGURE - wide
    shares = np.linspace(0, 1, 128)[np.newaxis]
    canvas.pixels(canvas.theme.shade(shares), (left, at - 0.01, wide, tall), name="scale")
    canvas.frame((left, at - 0.01, wide, tall), canvas.theme.line, line=0.6)
    quiet = canvas.theme.quiet
    canvas.text((left - 0.08, at), number(low), _SMALL, colour=quiet, across="right")
    canvas.text((left + wide + 0.08, at), number(high), _SMALL, colour=quiet, across="left")


def _place(step: int, steps: Sequence[int], bins: int) -> float:
    """Where the middle of a step's cell is, as a share of the width."""
    span = steps[-1] - steps[0]
    along = (step - steps[0]) / span if span else 0.0
    return (along * (bins - 1) + 0.5) / bins


def _draw_lost(
    canvas: Canvas, area: Box, curves: Sequence[Curve], steps: Sequence[int], last: int
) -> None:
    """A cross in every cell whose step has no finite figure."""
    left, bottom, width, height = area
    bins, pitch = min(_BINS, len(steps)), height / len(curves)
    size = max(8.0, min(_NAME, pitch * 72 * 0.7, width / bins * 72))
    for row, curve in enumerate(curves):
        lost = {
            round(_place(x, steps, bins) * bins - 0.5)
            for x, y in curve.points
            if not is_finite(y) and x <= last
        }
        for cell in sorted(lost):
            at = (left + width * (cell + 0.5) / bins, bottom + height - (row + 0.5) * pitch)
            canvas.text(at, CROSS, size, colour=canvas.theme.bad, bold=True, across="middle")


def _draw_labels(canvas: Canvas, area: Box, curves: Sequence[Curve]) -> None:
    left, bottom, _, height = area
    pitch = height / len(curves)
    every = max(1, math.ceil(0.165 / pitch))
    size = min(_NAME, max(8.0, pitch * 72 * 0.7))
    for place, curve in enumerate(curves):
        if place % every:
            continue
        name = style.printable(curve.metric.name.partition(" ")[2])
        at = bottom + height - (place + 0.5) * pitch - size / 72 * 0.36
        shown = canvas.cut_start(name.removesuffix(".weight"), _LABELS - 0.12, size)
        canvas.text((left - 0.08, at), shown, size, across="right")


def _draw_steps(canvas: Canvas, area: Box, steps: Sequence[int], bins: int) -> None:
    left, bottom, width, _ = area
    for value in ticks_among(steps, _TICKS):
        at = left + width * _place(value, steps, bins)
        text = fonts.shown(f"{value:,}", canvas.families)
        canvas.line([(at, bottom - 0.05), (at, bottom)], canvas.theme.line)
        canvas.text((at, bottom - 0.21), text, _SMALL, colour=canvas.theme.quiet)
