"""Curves over steps, on a canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganscope.views import style
from ganscope.views.diagrams.canvas import Box, Canvas
from ganscope.views.diagrams.step_axis import CROSS, is_finite, ticks_among
from ganscope.views.metrics.curves import Curve, means, suits_powers_of_ten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEAD, _NAME, _SMALL = 13.0, 10.5, 9.5
_TICKS = 6
_MOST_CROSSES = 40
_MANY = 400
"""Points from which on means are drawn over them."""
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":")


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
    _steps(axes, sorted({x for curve in curves for x, _ in curve.points}))
    _crosses(canvas, axes, curves, last)


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
    if steps:
        axes.set_xlim(steps[0], steps[-1] if steps[-1] > steps[0] else steps[0] + 1)
        axes.set_xticks(ticks_among(steps, _TICKS))


def _crosses(canvas: Canvas, axes: Axes, curves: Sequence[Curve], last: int) -> None:
    """A cross at the top for each step in which a curve has no finite figure."""
    lost = {x for curve in curves for x, y in curve.points if not is_finite(y) and x <= last}
    for x in sorted(lost)[:_MOST_CROSSES]:
        axes.text(
            x, 0.98, CROSS, transform=axes.get_xaxis_transform(), color=canvas.theme.bad,
            size=_SMALL + 1, weight="bold", ha="center", va="top", family=list(canvas.families),
        )  # fmt: skip
