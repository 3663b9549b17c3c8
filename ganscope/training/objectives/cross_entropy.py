"""The two objectives of the paper of 2014, by binary cross entropy."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganscope.training.objectives.objective import Objective
from ganscope.training.objectives.registry import register


class BCELoss(nn.BCELoss):
    """PyTorch's, but of a probability that is NaN the loss is NaN; PyTorch's ends the program.

    On CUDA it is the device that refuses such a value, and nothing can be done after it; there
    a discriminator without a Sigmoid lives on.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # PyTorch's names
        """The cross entropy of probabilities and labels, both (B, 1): a scalar."""
        try:
            return super().forward(input, target)
        except RuntimeError:
            if not bool(input.isnan().any()):
                raise
            return input.sum() * math.nan


class _CrossEntropy(Objective):
    """What the two objectives of the 2014 paper share: D's part of its value function.

    Without a Sigmoid the cross entropy is taken of the logits, by which it stays finite and
    keeps its gradient however sure D is; of probabilities, PyTorch bounds logarithms at -100.
    """

    takes_sigmoid = True
    gives_probabilities = True
    threshold = 0.5

    def __init__(self, *, sigmoid: bool) -> None:
        super().__init__(sigmoid=sigmoid)
        self.adversarial_loss = BCELoss() if sigmoid else nn.BCEWithLogitsLoss()

    def real_loss(self, outputs: Tensor) -> Tensor:
        """-E[log D(x)]."""
        real_loss: Tensor = self.adversarial_loss(outputs, torch.ones_like(outputs))
        return real_loss

    def fake_loss(self, outputs: Tensor) -> Tensor:
        """-E[log(1 - D(G(z)))]."""
        fake_loss: Tensor = self.adversarial_loss(outputs, torch.zeros_like(outputs))
        return fake_loss

    def verdicts(self, outputs: Tensor) -> Tensor:
        """Probabilities of being real."""
        return outputs if self.sigmoid else outputs.sigmoid()


@register("nonsaturating", source="Goodfellow et al. 2014, arXiv:1406.2661, end of section 3")
class NonSaturating(_CrossEntropy):
    """G maximises log D(G(z)), whose gradient is strong while D rejects: the walkthrough's.

    D's loss is the mean of its two parts, as in the walkthrough; the paper has their sum.
    """

    halves = True

    def generator_loss(self, outputs: Tensor) -> Tensor:
        """-E[log D(G(z))]."""
        g_loss: Tensor = self.adversarial_loss(outputs, torch.ones_like(outputs))
        return g_loss


@register("minimax", source="Goodfellow et al. 2014, arXiv:1406.2661, equation 1, algorithm 1")
class MiniMax(_CrossEntropy):
    """G minimises log(1 - D(G(z))), the paper's two-player game; it saturates early on."""

    def generator_loss(self, outputs: Tensor) -> Tensor:
        """E[log(1 - D(G(z)))]."""
        g_loss: Tensor = -self.adversarial_loss(outputs, torch.zeros_like(outputs))
        return g_loss
