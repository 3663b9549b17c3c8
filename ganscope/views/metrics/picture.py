"""Curves as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganscope.views import style
from ganscope.views.metrics.curves import Curve, means, suits_powers_of_ten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MANY = 400
"""Points from which on their means are drawn over them."""
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Told apart by readers who do not see all colours (Okabe and Ito)."""
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))


def figure(curves: Sequence[Curve], title: str) -> Figure:
    """The curves over the steps, with a legend; long ones as means over their points."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    picture = Figure(figsize=(7.2, 4.2), dpi=150, layout="constrained")
    axes = picture.subplots()
    for number, curve in enumerate(curves):
        known = curve.known
        color, dashes = _COLORS[number % len(_COLORS)], _DASHES[number % len(_DASHES)]
        steps = [x for x, _ in curve.points]  # NaN leaves a gap
        values = [math.nan if y is None or math.isinf(y) else y for _, y in curve.points]
        label = style.printable(curve.metric.title)
        if len(known) > _MANY:
            axes.plot(steps, values, color=color, linewidth=0.5, alpha=0.3)
            steps, values = means(known, _MANY // 4)
            label += f", mean of {len(known) // len(steps):,} steps"
        marker = "o" if len(known) < 40 else None
        axes.plot(
            steps, values, color=color, linestyle=dashes, linewidth=1.6, marker=marker,
            markersize=3, label=label.replace("$", r"\$"),
        )  # fmt: skip
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title.replace("$", r"\$"), fontsize=10, loc="left")
    if suits_powers_of_ten([y for curve in curves for _, y in curve.known]):
        axes.set_yscale("log")
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.legend(frameon=False, fontsize=9)
    return picture
