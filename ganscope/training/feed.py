"""What a run is fed with: real images and noise, each a function of the seed and the step.

No random state is carried from step to step, so a run that is resumed needs to know nothing but
its step, and every process of several draws the same numbers and takes its share of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganscope.training.images import Images, to_range

_ORDER, _NOISE, _SAMPLES, _NETWORKS = range(4)
"""Streams of random numbers that have nothing to do with one another."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of a batch a process takes.

    Attributes:
        rank: Which process this is, from 0.
        processes: How many there are.
        batch: Images that each of them takes.
    """

    rank: int
    processes: int
    batch: int

    @property
    def whole(self) -> int:
        """Images in a batch of all processes together."""
        return self.batch * self.processes

    def of(self, rows: Tensor) -> Tensor:
        """(whole, …) → (batch, …)."""
        return rows[self.rank * self.batch : (self.rank + 1) * self.batch]


class Feed:
    """Real images and noise for the steps of one process.

    An epoch shows every image once, in an order of its own; what does not fill a step at its end
    is left out of it.

    Args:
        images: All real images.
        share: What this process takes of each batch.
        latent_shape: Of one noise vector.
        updates: Batches of real images in a step, of noise, and whether penalties need numbers.
        seed: The run's.
        device: Where batches go.
    """

    def __init__(
        self,
        images: Images,
        share: Share,
        latent_shape: tuple[int, ...],
        updates: tuple[int, int, bool],
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        self._pixels = images.pixels.to(device)  # (N, C, H, W), bytes
        self._share, self._latent_shape, self._seed = share, latent_shape, seed
        self._real, self._noise, self._penalised = updates
        self._device = device
        self._numbers = torch.Generator()
        self._epoch, self._order = -1, torch.empty(0)
        self.steps_per_epoch = len(images) // (share.whole * self._real)

    def step(
        self, index: int, epoch: int, batch: int
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """What a step is given.

        Args:
            index: The step in the run, from 0.
            epoch: From 0.
            batch: The step in the epoch, from 0.

        Returns:
            Batches of real images (B, C, H, W), of noise (B, *latent_shape), and of numbers in
            [0, 1) (B,) for gradient penalties.
        """
        order = self._order_of(epoch)
        first = batch * self._real
        real = [self._images(order, first + turn) for turn in range(self._real)]
        numbers = self._numbers.manual_seed(seed_of(self._seed, _NOISE, index))
        noise = [
            self._mine(torch.randn(self._share.whole, *self._latent_shape, generator=numbers))
            for _ in range(self._noise)
        ]
        mixture = [
            self._mine(torch.rand(self._share.whole, generator=numbers))
            for _ in range(self._real if self._penalised else 0)
        ]
        return real, noise, mixture

    def samples(self, count: int) -> Tensor:
        """(count, *latent_shape), the noise of the run's sample grids."""
        numbers = self._numbers.manual_seed(seed_of(self._seed, _SAMPLES))
        return torch.randn(count, *self._latent_shape, generator=numbers).to(self._device)

    def seed_networks(self, index: int) -> None:
        """Set the global random state, from which dropout and the like draw in a step."""
        torch.manual_seed(seed_of(self._seed, _NETWORKS, index, self._share.rank))

    def _images(self, order: Tensor, place: int) -> Tensor:
        whole = self._share.whole
        chosen = self._share.of(order[place * whole : (place + 1) * whole])
        return to_range(self._pixels[chosen])  # uint8 → float32 (B, C, H, W)

    def _order_of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            numbers = self._numbers.manual_seed(seed_of(self._seed, _ORDER, epoch))
            order = torch.randperm(self._pixels.size(0), generator=numbers)
            self._epoch, self._order = epoch, order.to(self._device)
        return self._order

    def _mine(self, rows: Tensor) -> Tensor:
        return self._share.of(rows).to(self._device, non_blocking=True)


def seed_of(seed: int, *stream: int) -> int:
    """A seed for one stream of random numbers of a run."""
    state = np.random.SeedSequence(seed, spawn_key=stream).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def digest(images: Images) -> str:
    """What tells one set of images from another."""
    pixels = images.pixels.contiguous().numpy()
    return hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
