"""What the two networks of a GAN are trained towards: one class per paper, registered by name.

D is the discriminator, G the generator, x real images, z noise. Every loss is minimised; where a
paper maximises, its sign is turned. Losses are assigned before they are returned, since a recording
calls them what they are called where they are made.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganscope.errors import TargetError, nearest

DEFAULT = "nonsaturating"


class Objective(ABC):
    """The losses of both networks, and the settings that the paper trains with.

    Args:
        sigmoid: Whether the discriminator ends in a Sigmoid, so that its outputs are
            probabilities.

    Attributes:
        name: What a user types.
        source: The paper, with its equation.
        takes_sigmoid: Whether the paper's discriminator ends in a Sigmoid.
        takes_batch_norm: Whether the paper's discriminator may normalise over the batch.
        gives_probabilities: Whether `verdicts` are probabilities of being real.
        halves: Whether the discriminator's loss is the mean of its two parts, not their sum.
        penalty_weight: Weight of the gradient penalty; None without one.
        clip: Bound of the discriminator's weights; None without one.
        d_steps: Updates of D for one of G.
        learning_rate: Of both optimizers.
        betas: Adam's; None for RMSprop.
        threshold: The verdict above which an image is taken for real; None where only
            differences between verdicts mean anything.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    takes_sigmoid: ClassVar[bool] = False
    takes_batch_norm: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool] = False
    halves: ClassVar[bool] = False
    penalty_weight: ClassVar[float | None] = None
    clip: ClassVar[float | None] = None
    d_steps: ClassVar[int] = 1
    learning_rate: ClassVar[float] = 2e-4
    betas: ClassVar[tuple[float, float] | None] = (0.5, 0.999)
    threshold: ClassVar[float | None] = None

    def __init__(self, *, sigmoid: bool) -> None:
        self.sigmoid = sigmoid

    @abstractmethod
    def real_loss(self, outputs: Tensor) -> Tensor:
        """D's loss on real images: (B, 1) outputs → a scalar."""

    @abstractmethod
    def fake_loss(self, outputs: Tensor) -> Tensor:
        """D's loss on generated images: (B, 1) outputs → a scalar."""

    @abstractmethod
    def generator_loss(self, outputs: Tensor) -> Tensor:
        """G's loss: (B, 1) outputs of D on what it made → a scalar."""

    def verdicts(self, outputs: Tensor) -> Tensor:
        """`outputs` as probabilities where they mean such, else as they are. Any shape."""
        return outputs


Kind = TypeVar("Kind", bound=type[Objective])
_objectives: dict[str, type[Objective]] = {}


def register(name: str, *, source: str) -> Callable[[Kind], Kind]:
    """Register the decorated class as the objective `name`.

    Args:
        name: The name a user types.
        source: The paper, with its equation.

    Raises:
        ValueError: Another objective has that name.
    """

    def decorate(kind: Kind) -> Kind:
        if name in _objectives:
            raise ValueError(f"there is already an objective named {name!r}")
        kind.name, kind.source = name, source
        _objectives[name] = kind
        return kind

    return decorate


def objective_names() -> tuple[str, ...]:
    """Every registered objective, in the order of registration: the default first."""
    return tuple(_objectives)


def find_objective(name: str) -> type[Objective]:
    """The objective called `name`.

    Raises:
        TargetError: There is none of that name.
    """
    if name not in _objectives:
        known = objective_names()
        raise TargetError(
            f"no objective is named '{name}'; there are {', '.join(known)}{nearest(name, known)}"
        )
    return _objectives[name]


def summary(objective: type[Objective]) -> str:
    """The first line of its description."""
    return (inspect.getdoc(objective) or "").partition("\n")[0]


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
