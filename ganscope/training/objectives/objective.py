"""What an objective is: the losses of both networks, and how its paper trains with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor


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
