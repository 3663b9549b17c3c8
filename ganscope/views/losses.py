"""The losses of a training run as a picture, from plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganscope.views.metrics import picture
from ganscope.views.metrics.curves import Curve
from ganscope.views.metrics.names import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(points: Sequence[tuple[int, float, float]], title: str) -> Figure:
    """Both losses over the steps.

    Args:
        points: Step, the discriminator's loss, the generator's.
        title: What stands above.
    """
    d_loss = Curve(Metric("D loss", 1), tuple((step, d) for step, d, _ in points))
    g_loss = Curve(Metric("G loss", 1), tuple((step, g) for step, _, g in points))
    return picture.figure([curve for curve in (d_loss, g_loss) if curve.known], title)
