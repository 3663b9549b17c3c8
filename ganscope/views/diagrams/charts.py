"""Curves and a heat map over steps, on a canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganscope.views import style
from ganscope.views.diagrams import fonts
from ganscope.views.diagrams.canvas import Box, Canvas
from ganscope.views.metrics.curves import Curve, binned, means, suits_powers_of_ten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEAD, _NAME, _SMALL = 13.0, 10.5, 9.5
_MANY = 400
"""Points from which on means are drawn over them."""
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":")
_BINS = 160
_LABELS = 2.0


def draw_curves(
    canvas: Canvas,
    box: Box,
    heading: str,
    curves: Sequence[Curve],
    *,
    last: int,
    answers: bool = False,
) -> None:
    """Curves over the steps, each named above the chart in its colour and dashes.

    Args:
        canvas: Where to.
        box: What they may take, heading included.
        heading: Stands above.
        curves: What to draw.
        last: The last step that is shown; those after it keep their room.
        answers: Whether they are a discriminator's: probabilities from 0 to 1, or scores.
    """
    left, bottom, width, height = box
    top = bottom + height
    canvas.text((left, top - 0.2), heading, _HEAD, bold=True, across="left")
    _legend(canvas, curves, left, top - 0.47, width)
    axes = canvas.axes((left + 0.45, bottom + 0.32, width - 0.5, height - 0.95))
    _plain(canvas, axes)
    every = [y for curve in curves for _, y in curve.known]
    for place, curve in enumerate(curves):
        colour, dashes = _look(canvas, place)
        points = [(x, y) for x, y in curve.known if x <= last]
        if len(points) > _MANY:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=0.5, alpha=0.25)
            points = list(zip(*means(points), strict=True))
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=dashes, linewidth=2.0)
    if answers and every and min(every) >= 0 and max(every) <= 1:
        axes.set_ylim(-0.02, 1.02)
    elif suits_powers_of_ten(every) and not answers:
        axes.set_yscale("log")
    elif every:
        rim = 0.06 * ((max(every) - min(every)) or 1.0)
        axes.set_ylim(min(every) - rim, max(every) + rim)
    _steps(axes, [x for curve in curves for x, _ in curve.points])


def _legend(canvas: Canvas, curves: Sequence[Curve], left: float, at: float, width: float) -> None:
    room = width / max(1, len(curves)) - 0.1
    for place, curve in enumerate(curves):
        colour, dashes = _look(canvas, place)
        begin = left + place * width / len(curves)
        canvas.line(
            [(begin, at + 0.045), (begin + 0.32, at + 0.045)], colour, line=2.0, dashes=dashes
        )
        name = canvas.cut(style.printable(curve.metric.title), room - 0.4, _NAME)
        canvas.text((begin + 0.4, at), name, _NAME, across="left")


def _look(canvas: Canvas, place: int) -> tuple[str, Any]:
    series = canvas.theme.series
    return series[place % len(series)], _DASHES[place % len(_DASHES)]


def _plain(canvas: Canvas, axes: Axes) -> None:
    """Few lines, quiet colours, the canvas's fonts."""
    theme = canvas.theme
    axes.grid(color=theme.line, linewidth=0.6, alpha=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.line)
    axes.tick_params(
        labelsize=_SMALL, colors=theme.quiet, labelfontfamily=list(canvas.families), length=3,
        color=theme.line,
    )  # fmt: skip


def _steps(axes: Axes, steps: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    if steps:
        axes.set_xlim(min(steps), max(steps) if max(steps) > min(steps) else min(steps) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def draw_heat(
    canvas: Canvas, box: Box, heading: str, curves: Sequence[Curve], *, last: int
) -> tuple[float, float] | None:
    """A row of colours for each curve, by powers of ten.

    Args:
        canvas: Where to.
        box: What it may take, heading included.
        heading: Stands above.
        curves: What to draw.
        last: The last step that is shown.

    Returns:
        The figures of the faintest and of the strongest colour; None where there are none.
    """
    left, bottom, width, height = box
    canvas.text((left, bottom + height - 0.2), heading, _HEAD, bold=True, across="left")
    every = [y for curve in curves for _, y in curve.known if y > 0]
    if not every:
        return None
    low, high = math.log10(min(every)), math.log10(max(every))
    steps = [x for curve in curves for x, _ in curve.points]
    first, final = min(steps), max(steps)
    bins = min(_BINS, len(curves[0].points))
    area = (left + _LABELS, bottom + 0.3, width - _LABELS, height - 0.68)
    shares = np.ma.masked_all((len(curves), bins))  # type: ignore[no-untyped-call]
    for row, curve in enumerate(curves):
        points = [(x, y) for x, y in curve.known if y > 0 and x <= last]
        for column, mean in enumerate(binned(points, first, final, bins)):
            if mean is not None:
                shares[row, column] = share_of(mean, low, high)
    canvas.pixels(canvas.theme.shade(shares), area, name="heat")
    canvas.frame(area, canvas.theme.line, line=0.8)
    _heat_labels(canvas, area, curves)
    _heat_steps(canvas, area, first, final)
    return min(every), max(every)


def share_of(value: float, low: float, high: float) -> float:
    """Where a figure stands between two powers of ten, 0 to 1."""
    return (math.log10(value) - low) / (high - low) if high > low else 1.0


def _heat_labels(canvas: Canvas, area: Box, curves: Sequence[Curve]) -> None:
    left, bottom, _, height = area
    pitch = height / len(curves)
    every = max(1, math.ceil(0.165 / pitch))
    size = min(_NAME, max(8.0, pitch * 72 * 0.7))
    for place, curve in enumerate(curves):
        if place % every:
            continue
        name = style.printable(curve.metric.name.partition(" ")[2])
        at = bottom + height - (place + 0.5) * pitch - size / 72 * 0.36
        shown = _cut_left(canvas, name.removesuffix(".weight"), _LABELS - 0.12, size)
        canvas.text((left - 0.08, at), shown, size, across="right")


def _cut_left(canvas: Canvas, name: str, room: float, size: float) -> str:
    """A name without its beginning, where it is too long: its end tells layers apart."""
    if canvas.width_of(name, size) <= room:
        return name
    while name and canvas.width_of("…" + name, size) > room:
        name = name[1:]
    return "…" + name


def _heat_steps(canvas: Canvas, area: Box, first: int, final: int) -> None:
    from matplotlib.ticker import MaxNLocator

    left, bottom, width, _ = area
    for value in MaxNLocator(8, integer=True).tick_values(first, final):
        if first <= value <= final:
            at = left + width * (value - first) / max(1, final - first)
            text = fonts.shown(f"{value:,.0f}", canvas.families)
            canvas.line([(at, bottom - 0.05), (at, bottom)], canvas.theme.line)
            canvas.text((at, bottom - 0.21), text, _SMALL, colour=canvas.theme.quiet)
