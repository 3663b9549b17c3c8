"""The Wasserstein distance, its critic kept Lipschitz by clipping or by a penalty."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganscope.training.objectives.objective import Objective
from ganscope.training.objectives.registry import register


class _Critic(Objective):
    """What both Wasserstein objectives share: equation 2 of Arjovsky et al. 2017."""

    d_steps = 5

    def real_loss(self, outputs: Tensor) -> Tensor:
        """-E[D(x)]."""
        real_loss = -outputs.mean()
        return real_loss

    def fake_loss(self, outputs: Tensor) -> Tensor:
        """E[D(G(z))]."""
        fake_loss = outputs.mean()
        return fake_loss

    def generator_loss(self, outputs: Tensor) -> Tensor:
        """-E[D(G(z))]."""
        g_loss = -outputs.mean()
        return g_loss


@register("wgan", source="Arjovsky et al. 2017, arXiv:1701.07875, equation 2, algorithm 1")
class Wasserstein(_Critic):
    """Wasserstein distance, D kept Lipschitz by clipping its weights to [-0.01, 0.01].

    RMSprop and five updates of D for one of G, as in algorithm 1; section 4 warns of momentum.
    """

    clip = 0.01
    learning_rate = 5e-5
    betas = None


@register("wgan-gp", source="Gulrajani et al. 2017, arXiv:1704.00028, equation 3, algorithm 1")
class WassersteinWithPenalty(_Critic):
    """Wasserstein distance, D kept Lipschitz by a penalty on its gradient between x and G(z).

    Section 4: no batch norm in D, since the penalty is on each image by itself.
    """

    takes_batch_norm = False
    penalty_weight = 10.0
    learning_rate = 1e-4
    betas = (0.0, 0.9)


def gradient_penalty(
    discriminator: nn.Module, real: Tensor, generated: Tensor, mixture: Tensor
) -> Tensor:
    """E[(‖∇D(x̂)‖ - 1)²] at x̂ = ε x + (1 - ε) G(z), one ε per image.

    Gulrajani et al. 2017, arXiv:1704.00028, equation 3 and algorithm 1, lines 6 and 7.

    Args:
        discriminator: (B, C, H, W) → (B, 1).
        real: (B, C, H, W), x.
        generated: (B, C, H, W), G(z), cut off from the generator.
        mixture: (B,), ε, uniform in [0, 1).

    Returns:
        A scalar that can be differentiated again.
    """
    share = mixture.view(-1, *[1] * (real.dim() - 1))  # (B,) → (B, 1, 1, 1)
    blended = (share * real + (1 - share) * generated).requires_grad_(True)  # (B, C, H, W)
    outputs = discriminator(blended)  # (B, C, H, W) → (B, 1)
    (gradient,) = torch.autograd.grad(outputs.sum(), blended, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)  # (B, C, H, W) → (B,)
    penalty: Tensor = (norms - 1).square().mean()
    return penalty


@torch.no_grad()
def clip_weights(network: nn.Module, bound: float) -> None:
    """Bring every weight into [-`bound`, `bound`] (Arjovsky et al. 2017, algorithm 1, line 7)."""
    for weight in network.parameters():
        weight.clamp_(-bound, bound)
