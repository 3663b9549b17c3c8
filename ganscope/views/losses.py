"""The losses of a training run as a picture, from plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ganscope.views.metrics import picture
from ganscope.views.metrics.curves import Curve
from ganscope.views.metrics.names import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#949494"


def figure(points: Sequence[tuple[int, float, float]], title: str) -> Figure:
    """Both losses over the steps.

    Args:
        points: Step, the discriminator's loss, the generator's.
        title: What stands above.

    Where a loss is NaN or infinite, the picture is hatched and says so.
    """
    d_loss = Curve(Metric("D loss", 1), tuple((step, d) for step, d, _ in points))
    g_loss = Curve(Metric("G loss", 1), tuple((step, g) for step, _, g in points))
    drawn = picture.figure([curve for curve in (d_loss, g_loss) if curve.known], title)
    bad = [step for step, *losses in points if not all(math.isfinite(loss) for loss in losses)]
    if bad:
        _mark(drawn.axes[0], bad, last=points[-1][0])
    return drawn


def _mark(axes: Axes, bad: Sequence[int], *, last: int) -> None:
    """Hatch the steps without a loss, and say it above."""
    for start, end in _stretches(bad):
        axes.axvspan(start - 0.5, end + 0.5, facecolor="none", edgecolor=_GREY, hatch="///", lw=0)
    first = bad[0]
    axes.axvline(first - 0.5, color=_GREY, linewidth=1)
    left, right = axes.get_xlim()
    axes.set_xlim(left, max(right, last + 0.5))
    lasts = len(bad) == last - first + 1
    where = f"from step {first:,} on" if lasts else f"in {len(bad):,} steps, first in {first:,}"
    axes.set_title(f"hatched: NaN or infinite {where}", fontsize=9, loc="right")
    axes.legend(fontsize=9, facecolor="white", edgecolor="none", framealpha=1)


def _stretches(steps: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of each run of steps that follow one another."""
    start = before = steps[0]
    for step in steps[1:]:
        if step != before + 1:
            yield start, before
            start = step
        before = step
    yield start, before
