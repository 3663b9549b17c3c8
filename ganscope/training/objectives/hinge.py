"""The hinge loss, of Lim & Ye 2017."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ganscope.training.objectives.objective import Objective
from ganscope.training.objectives.registry import register


@register("hinge", source="Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, equations 16, 17")
class Hinge(Objective):
    """Hinge: D is content beyond a margin of 1 on either side, G raises D's output."""

    threshold = 0.0

    def real_loss(self, outputs: Tensor) -> Tensor:
        """E[max(0, 1 - D(x))]."""
        real_loss = F.relu(1 - outputs).mean()
        return real_loss

    def fake_loss(self, outputs: Tensor) -> Tensor:
        """E[max(0, 1 + D(G(z)))]."""
        fake_loss = F.relu(1 + outputs).mean()
        return fake_loss

    def generator_loss(self, outputs: Tensor) -> Tensor:
        """-E[D(G(z))]."""
        g_loss = -outputs.mean()
        return g_loss
