"""One training step of a GAN, as in the walkthrough: the generator's update, then the
discriminator's.

Binary cross entropy against ones and zeros; the generator minimises -log D(G(z)) rather than
log(1 - D(G(z))), which saturates while the discriminator rejects with confidence (Goodfellow et
al. 2014, arXiv:1406.2661, section 3). Adam with the learning rate and the betas of Radford et
al. 2015 (arXiv:1511.06434, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ganscope.zoo import GAN

LEARNING_RATE = 2e-4
BETAS = (0.5, 0.999)


@dataclass(slots=True)
class Training:
    """A GAN with what trains it.

    Attributes:
        gan: The two networks.
        generator_optimizer: Moves the generator.
        discriminator_optimizer: Moves the discriminator.
        adversarial_loss: (B, 1) verdicts and (B, 1) labels → a scalar.
    """

    gan: GAN
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    adversarial_loss: nn.Module = field(default_factory=nn.BCELoss)


@dataclass(frozen=True, slots=True)
class Losses:
    """What a step's two losses were, before their updates."""

    generator: float
    discriminator: float


def begin(
    gan: GAN, *, learning_rate: float = LEARNING_RATE, betas: tuple[float, float] = BETAS
) -> Training:
    """A GAN ready for its first step, one Adam for each network."""
    return Training(
        gan,
        Adam(gan.generator.parameters(), lr=learning_rate, betas=betas),
        Adam(gan.discriminator.parameters(), lr=learning_rate, betas=betas),
    )


def train_step(training: Training, images: Tensor, z: Tensor) -> Losses:
    """One step on real images (B, C, H, W) and noise (B, *latent_shape)."""
    generator, discriminator = training.gan.generator, training.gan.discriminator
    generator_optimizer = training.generator_optimizer
    discriminator_optimizer = training.discriminator_optimizer
    adversarial_loss = training.adversarial_loss
    valid = torch.ones(images.size(0), 1, device=images.device)  # (B, 1)
    fake = torch.zeros(images.size(0), 1, device=images.device)  # (B, 1)

    # The generator learns through the discriminator's verdict on what it made.
    generator_optimizer.zero_grad()
    generated = generator(z)  # (B, 100) → (B, C, H, W)
    g_loss = adversarial_loss(discriminator(generated), valid)
    g_loss.backward()
    generator_optimizer.step()

    # The discriminator learns from the same images, cut off from the generator.
    discriminator_optimizer.zero_grad()
    real_loss = adversarial_loss(discriminator(images), valid)
    fake_loss = adversarial_loss(discriminator(generated.detach()), fake)
    d_loss = (real_loss + fake_loss) / 2
    d_loss.backward()
    discriminator_optimizer.step()

    return Losses(g_loss.item(), d_loss.item())
