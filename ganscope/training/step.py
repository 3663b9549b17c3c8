"""One training step of a GAN, as in the walkthrough: the generator's update, then the
discriminator's; or in the order and as often as Algorithm 1 of the paper has it.

By default binary cross entropy against ones and zeros; the generator minimises -log D(G(z)) rather
than log(1 - D(G(z))), which saturates while the discriminator rejects with confidence (Goodfellow
et al. 2014, arXiv:1406.2661, section 3). Adam with the learning rate and the betas of Radford et
al. 2015 (arXiv:1511.06434, section 4).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from ganscope.training.objectives import Objective, clip_weights, gradient_penalty
from ganscope.zoo import GAN


@dataclass(slots=True)
class Training:
    """A GAN with what trains it.

    Attributes:
        gan: The two networks; wrapped ones (compiled, distributed) too.
        objective: Their losses.
        generator_optimizer: Moves the generator.
        discriminator_optimizer: Moves the discriminator.
        d_steps: Updates of the discriminator for one of the generator.
        generator_first: Whether the generator's update comes first, as in the walkthrough.
        autocast: Type of lower precision for the networks' forwards; None without.
        scalers: Of the generator's and the discriminator's gradients; None without.
    """

    gan: GAN
    objective: Objective
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    d_steps: int = 1
    generator_first: bool = True
    autocast: torch.dtype | None = None
    scalers: tuple[GradScaler, GradScaler] | None = None

    @property
    def noise_batches(self) -> int:
        """Batches of noise that a step takes: the first update of the discriminator sees what
        the generator's made where that came first, every other makes its own."""
        return self.d_steps if self.generator_first else self.d_steps + 1


@dataclass(frozen=True, slots=True)
class Figures:
    """What a step came to, as scalars on the device; of several updates those of the last.

    Attributes:
        generator_loss: Before the generator's update.
        discriminator_loss: Before the discriminator's update.
        on_real: The discriminator's mean answer on real images, as a probability where it is.
        on_fake: Its mean answer on generated images.
        first_generated: (B, C, H, W), what the generator made as the step found it.
        first_on_real: (B, 1), what the discriminator answered as the step found it.
    """

    generator_loss: Tensor
    discriminator_loss: Tensor
    on_real: Tensor
    on_fake: Tensor
    first_generated: Tensor
    first_on_real: Tensor

    @property
    def all(self) -> Tensor:
        """(4,), the scalars in the order of the attributes."""
        values = (self.generator_loss, self.discriminator_loss, self.on_real, self.on_fake)
        return torch.stack([value.float() for value in values])


def train_step(
    training: Training,
    images: Tensor | Sequence[Tensor],
    z: Tensor | Sequence[Tensor],
    mixture: Sequence[Tensor] = (),
) -> Figures:
    """One step: one update of the generator, `Training.d_steps` of the discriminator.

    Args:
        training: The networks and what trains them.
        images: Real images (B, C, H, W), one batch for each update of the discriminator.
        z: Noise (B, *latent_shape), `Training.noise_batches` batches, in the order of their use.
        mixture: (B,) numbers in [0, 1) for each update of the discriminator, where the objective
            has a gradient penalty; drawn where none are given.
    """
    real, noise = as_batches(images), iter(as_batches(z))
    generated = g_loss = firsts = None
    if training.generator_first:
        g_loss, generated = update_generator(training, next(noise))
    for turn, batch in enumerate(real):
        shares = mixture[turn] if mixture else None
        if generated is None:
            generated = _generate(training, next(noise))
        d_loss, on_real, on_fake = update_discriminator(training, batch, generated, shares)
        firsts = firsts or (generated, on_real)
        generated = None
    if g_loss is None:
        g_loss, _ = update_generator(training, next(noise))
    verdicts = training.objective.verdicts
    d_real, d_fake = verdicts(on_real).float().mean(), verdicts(on_fake).float().mean()
    assert firsts is not None  # there is at least one update of the discriminator
    return Figures(g_loss, d_loss, d_real, d_fake, *firsts)


def as_batches(given: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    """One batch as the only one of a sequence."""
    return (given,) if isinstance(given, Tensor) else given


def update_generator(training: Training, z: Tensor) -> tuple[Tensor, Tensor]:
    """The generator learns through the discriminator's verdict on what it made.

    Args:
        training: The networks and what trains them.
        z: (B, *latent_shape).

    Returns:
        Its loss, a scalar, and the images (B, C, H, W), both without their history.
    """
    generator, discriminator = training.gan.generator, training.gan.discriminator
    generator_optimizer = training.generator_optimizer
    generator_optimizer.zero_grad()
    with _unsynchronised(discriminator):  # whose gradients nobody uses here
        with precision(training, z):
            generated = generator(z)  # (B, 100) → (B, C, H, W)
            verdict = discriminator(generated)  # (B, C, H, W) → (B, 1)
        g_loss = training.objective.generator_loss(_whole(training, verdict))
        if training.scalers is None:
            g_loss.backward()  # type: ignore[no-untyped-call]
            generator_optimizer.step()
        else:
            scaler = training.scalers[0]
            scaler.scale(g_loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(generator_optimizer)
            scaler.update()
    return g_loss.detach(), _whole(training, generated.detach())


def update_discriminator(
    training: Training, images: Tensor, generated: Tensor, mixture: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The discriminator learns from real images, and from generated ones cut off from G.

    Args:
        training: The networks and what trains them.
        images: (B, C, H, W), real.
        generated: (B, C, H, W).
        mixture: (B,), where the points of the gradient penalty lie; drawn if None.

    Returns:
        Its loss, a scalar, and its outputs (B, 1) on both, without their history.
    """
    discriminator, objective = training.gan.discriminator, training.objective
    discriminator_optimizer = training.discriminator_optimizer
    discriminator_optimizer.zero_grad()
    with precision(training, images):
        on_real = discriminator(images)  # (B, C, H, W) → (B, 1)
    real_loss = objective.real_loss(_whole(training, on_real))
    with precision(training, images):
        on_fake = discriminator(generated.detach())
    fake_loss = objective.fake_loss(_whole(training, on_fake))
    if objective.penalty_weight is not None:
        if mixture is None:
            mixture = torch.rand(images.size(0), device=images.device)
        penalty = gradient_penalty(discriminator, images, generated, mixture)
        weighted_penalty = objective.penalty_weight * penalty
        d_loss = real_loss + fake_loss + weighted_penalty
    elif objective.halves:
        d_loss = (real_loss + fake_loss) / 2
    else:
        d_loss = real_loss + fake_loss
    if training.scalers is None:
        d_loss.backward()  # type: ignore[no-untyped-call]
        discriminator_optimizer.step()
    else:
        scaler = training.scalers[1]
        scaler.scale(d_loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(discriminator_optimizer)
        scaler.update()
    if objective.clip is not None:
        clip_weights(discriminator, objective.clip)
    return d_loss.detach(), on_real.detach(), on_fake.detach()


def _generate(training: Training, z: Tensor) -> Tensor:
    """Images for an update of the discriminator alone."""
    with torch.no_grad(), precision(training, z):
        generated: Tensor = training.gan.generator(z)  # (B, 100) → (B, C, H, W)
    return _whole(training, generated)


def precision(training: Training, like: Tensor) -> contextlib.AbstractContextManager[object]:
    """What the networks' forwards run under: autocast where it was asked for."""
    if training.autocast is None:
        return contextlib.nullcontext()
    return torch.autocast(like.device.type, training.autocast)


def _whole(training: Training, values: Tensor) -> Tensor:
    """`values` as losses take them: what autocast made smaller is float32 again. Any shape."""
    return values if training.autocast is None else values.float()


def _unsynchronised(network: nn.Module) -> contextlib.AbstractContextManager[object]:
    """Leave out the exchange of a distributed network's gradients between processes."""
    if isinstance(network, nn.parallel.DistributedDataParallel):
        return network.no_sync()
    return contextlib.nullcontext()
