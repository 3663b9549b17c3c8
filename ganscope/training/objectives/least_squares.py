"""Least squares, of Mao et al. 2017."""

from __future__ import annotations

from torch import Tensor

from ganscope.training.objectives.objective import Objective
from ganscope.training.objectives.registry import register


@register("lsgan", source="Mao et al. 2017, arXiv:1611.04076, equation 9")
class LeastSquares(Objective):
    """Least squares: D is drawn to 1 on real and 0 on generated images, G draws it to 1.

    Equation 9 is equation 2 with a = 0 and b = c = 1.
    """

    threshold = 0.5
    halves = True

    def real_loss(self, outputs: Tensor) -> Tensor:
        """E[(D(x) - 1)²]; halved in D's loss."""
        real_loss = (outputs - 1).square().mean()
        return real_loss

    def fake_loss(self, outputs: Tensor) -> Tensor:
        """E[D(G(z))²]; halved in D's loss."""
        fake_loss = outputs.square().mean()
        return fake_loss

    def generator_loss(self, outputs: Tensor) -> Tensor:
        """E[(D(G(z)) - 1)²] / 2."""
        g_loss = (outputs - 1).square().mean() / 2
        return g_loss
