"""What the discriminator makes of real and of generated images, and where its gradient is from."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganscope.training.step import Training
from ganscope.zoo import GAN


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The discriminator's answers, each in (0, 1), near 1 for real.

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


def judge(gan: GAN, images: Tensor, z: Tensor) -> Verdicts:
    """Let the discriminator answer on `images` and on G(`z`).

    Copies of the networks do the work, so that no running statistic moves, and random numbers
    drawn on the way are drawn again afterwards.
    """
    generator, discriminator = copy.deepcopy(gan.generator), copy.deepcopy(gan.discriminator)
    with torch.no_grad(), torch.random.fork_rng(_devices(images)):
        generated = generator(z)
        real, fake = discriminator(images), discriminator(generated)
    return Verdicts(real.flatten(), fake.flatten(), generated)


def split_gradient(training: Training, images: Tensor, z: Tensor) -> Split:
    """The two parts of the gradient that the discriminator's loss has as things stand.

    The loss is the mean of the one on real images and the one on generated ones, so each part
    is half of its own gradient.
    """
    generator = copy.deepcopy(training.gan.generator)
    discriminator = copy.deepcopy(training.gan.discriminator)
    loss = training.adversarial_loss
    weights = [weight for weight in discriminator.parameters() if weight.requires_grad]
    with torch.random.fork_rng(_devices(images)):
        with torch.no_grad():
            generated = generator(z)
        parts = []
        for batch, label in ((images, torch.ones), (generated, torch.zeros)):
            verdict = discriminator(batch)
            half = loss(verdict, label(verdict.shape, device=verdict.device)) / 2
            gradients = torch.autograd.grad(half, weights)
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
