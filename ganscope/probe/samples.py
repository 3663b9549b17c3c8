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


def reshaped(samples: Samples, before: tuple[int, ...], shape: tuple[int, ...]) -> Samples | None:
    """What would be kept of a tensor's values under another shape; None where some are missing.

    Args:
        samples: What was kept of it.
        before: Its shape.
        shape: The other one.
    """
    if len(shape) < 2 or math.prod(shape[1:]) != math.prod(before[1:]):
        return None
    places = _places(before[1:], shape[1:])
    if places is None:
        return None
    rows = len(samples.indices)
    values = np.frombuffer(samples.data, "<f2").reshape(rows, -1)
    if places.size == values.shape[1]:  # all of them, in their order
        return Samples(samples.indices, (rows, *places.shape), samples.data)
    kept = values[:, places]
    return Samples(samples.indices, kept.shape, kept.tobytes())


@lru_cache(maxsize=16)
def _places(before: tuple[int, ...], sides: tuple[int, ...]) -> Array | None:
    """Where among the kept values of a row those stand that another shape would keep."""
    kept, wanted = _kept(before).ravel(), _kept(sides)
    places = np.searchsorted(kept, wanted)
    is_there = places.max() < kept.size and bool((kept[places] == wanted).all())
    return places if is_there else None


def _kept(sides: tuple[int, ...]) -> Array:
    """The places in a row, counted through in row-major order, of the values that are kept."""
    found: Array = np.zeros((), np.int64)
    for side, part in zip(sides, _cut(sides)[1:], strict=True):
        found = found[..., np.newaxis] * side + np.arange(side)[part]
    return found


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
