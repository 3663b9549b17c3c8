"""Real values of tensors for the pictures: a bounded corner of each, as float16."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganscope.traces import Samples

ROWS = 8
MAPS = 16
SIDE = 64
STAGE = 1 << 18
"""Values that wait at most to become float16: 1 MB."""

Array = np.ndarray[Any, Any]


class Owner(Protocol):
    """Whose samples they are."""

    samples: Samples | None


class SampleStage:
    """Corners of tensors, waiting to become float16 together: one conversion, not one each."""

    _memory: Array | None = None

    def __init__(self) -> None:
        self._filled = 0
        self._waiting: list[tuple[Owner, int, tuple[int, ...]]] = []

    def add(self, values: Array, owner: Owner) -> None:
        """Copy the first 8 rows and 16 maps of `values`, of maps at most 64 × 64 pixels.

        Values beyond float16's range become infinite; a scalar has no rows, so no samples.
        """
        if values.ndim == 0 or values.size == 0:
            return
        corner = values[_cut(values.shape[1:])]
        size = corner.size
        if size > STAGE:
            owner.samples = as_samples(_to_half(np.ascontiguousarray(corner)), corner.shape)
            return
        memory = SampleStage._memory
        if memory is None:
            memory = SampleStage._memory = np.empty(STAGE, dtype=np.float32)
        if self._filled + size > STAGE:
            self.flush()
        start = self._filled
        self._filled += size
        memory[start : self._filled].reshape(corner.shape)[...] = corner
        self._waiting.append((owner, start, corner.shape))

    def flush(self) -> None:
        """Give every owner its samples."""
        waiting, filled = self._waiting, self._filled
        self._waiting, self._filled = [], 0
        if not waiting or SampleStage._memory is None:
            return
        half = _to_half(SampleStage._memory[:filled])
        for owner, start, shape in waiting:
            owner.samples = as_samples(half[start : start + math.prod(shape)], shape)


def _to_half(values: Array) -> Array:
    # torch converts to float16 many times faster than numpy does.
    return torch.from_numpy(values).to(torch.float16).numpy()


def as_samples(half: Array, shape: tuple[int, ...]) -> Samples:
    """Samples out of float16 values."""
    return Samples(_indices(shape[0]), shape, half.astype("<f2", copy=False).tobytes())


@lru_cache(maxsize=ROWS + 1)
def _indices(rows: int) -> tuple[int, ...]:
    return tuple(range(rows))


def corner_of(tensor: Tensor) -> Tensor | None:
    """What `SampleStage.add` would keep of `tensor`, as float16 where it lives; None for none."""
    if tensor.dim() == 0 or tensor.numel() == 0:
        return None
    return tensor.detach()[_cut(tuple(tensor.shape[1:]))].to(torch.float16)


def fetch(corners: Sequence[tuple[Owner, Tensor]]) -> None:
    """Bring corners of one device over in a single transfer and hand them to their owners."""
    if not corners:
        return
    half = torch.cat([corner.reshape(-1) for _, corner in corners]).cpu().numpy()
    start = 0
    for owner, corner in corners:
        owner.samples = as_samples(half[start : start + corner.numel()], tuple(corner.shape))
        start += corner.numel()


def reshaped(samples: Samples, shape: tuple[int, ...]) -> Samples | None:
    """The same values as samples of a tensor of `shape`, or None where others would be kept."""
    sides = shape[1:]
    if not sides or math.prod(sides) != math.prod(samples.shape[1:]):
        return None
    kept = zip(sides, _cut(sides)[1:], strict=True)
    if any(len(range(side)[part]) != side for side, part in kept):
        return None
    return Samples(samples.indices, (len(samples.indices), *sides), samples.data)


@lru_cache(maxsize=256)
def _cut(sides: tuple[int, ...]) -> tuple[slice, ...]:
    """Which part of a tensor with `sides` behind its batch dimension is kept."""
    if len(sides) == 1:
        return slice(0, ROWS), slice(None, None, _spacing(sides[0], SIDE * SIDE))
    cut = [slice(0, ROWS)]
    if sides:
        cut.append(slice(0, MAPS))
        cut.extend(slice(None, None, _spacing(side, SIDE)) for side in sides[1:3])
        cut.extend(slice(0, 4) for _ in sides[3:])
    return tuple(cut)


def _spacing(size: int, most: int) -> int:
    """The step that leaves at most `most` of `size` values."""
    return max(1, -(-size // most))
