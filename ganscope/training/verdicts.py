"""What the discriminator makes of real and of generated images, and where its gradient is from."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganscope.training.step import Training


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The discriminator's answers: probabilities of being real, or scores, higher for real.

    Attributes:
        real: (B,), one for each real image.
        fake: (B,), one for each generated image.
        images: (B, C, H, W), the generated images.
    """

    real: Tensor
    fake: Tensor
    images: Tensor


@dataclass(frozen=True, slots=True)
class Split:
    """The discriminator's gradient as the sum of two parts.

    Attributes:
        real: L2 norm of the part from real images.
        fake: L2 norm of the part from generated images.
        total: L2 norm of their sum.
        angle: Between the parts, in degrees; None where one of them is zero.
    """

    real: float
    fake: float
    total: float
    angle: float | None


def judge(training: Training, images: Tensor, z: Tensor) -> Verdicts:
    """Let the discriminator answer on `images` and on G(`z`).

    Copies of the networks do the work, so that no running statistic moves, and random numbers
    drawn on the way are drawn again afterwards.
    """
    generator = copy.deepcopy(training.gan.generator)
    discriminator = copy.deepcopy(training.gan.discriminator)
    verdicts = training.objective.verdicts
    with torch.no_grad(), torch.random.fork_rng(_devices(images)):
        generated = generator(z)
        real, fake = discriminator(images), discriminator(generated)
    return Verdicts(verdicts(real.flatten()), verdicts(fake.flatten()), generated)


def split_gradient(training: Training, images: Tensor, z: Tensor) -> Split:
    """The two parts of the gradient that the discriminator's loss has as things stand.

    Where the loss is the mean of the one on real images and the one on generated ones, each part
    is half of its own gradient. A gradient penalty, which needs both, is left out.
    """
    generator = copy.deepcopy(training.gan.generator)
    discriminator = copy.deepcopy(training.gan.discriminator)
    objective = training.objective
    weights = [weight for weight in discriminator.parameters() if weight.requires_grad]
    with torch.random.fork_rng(_devices(images)):
        with torch.no_grad():
            generated = generator(z)
        parts = []
        for batch, loss in ((images, objective.real_loss), (generated, objective.fake_loss)):
            part = loss(discriminator(batch)) / (2 if objective.halves else 1)
            gradients = torch.autograd.grad(part, weights)
            parts.append(torch.cat([gradient.flatten().double() for gradient in gradients]))
    real, fake = parts
    norms = float(real.norm()), float(fake.norm())
    angle = None
    if norms[0] > 0 and norms[1] > 0:
        cosine = float(real @ fake) / (norms[0] * norms[1])
        angle = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
    return Split(norms[0], norms[1], float((real + fake).norm()), angle)


def _devices(images: Tensor) -> list[torch.device]:
    return [] if images.is_cpu or images.device.type == "mps" else [images.device]
