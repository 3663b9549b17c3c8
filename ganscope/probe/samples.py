"""Real values of a tensor for the pictures: a bounded corner of it, as float16."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganscope.traces import Samples

ROWS = 8
MAPS = 16
SIDE = 64


def take_samples(values: np.ndarray[Any, Any]) -> Samples | None:
    """The first 8 rows and 16 maps of `values`, evenly spaced where a map exceeds 64 × 64.

    Values beyond float16's range become infinite there; a scalar has no rows, so no samples.
    """
    if values.ndim == 0 or values.size == 0:
        return None
    sides = values.shape[1:]
    if len(sides) == 1 and sides[0] <= SIDE * SIDE:
        rows = values[:ROWS]
    else:
        rows = values[_cut(sides)]
    # torch converts to float16 many times faster than numpy does.
    half = torch.from_numpy(rows).to(torch.float16).numpy()
    return Samples(tuple(range(rows.shape[0])), rows.shape, half.astype("<f2", copy=False).tobytes())


def reshaped(samples: Samples, shape: tuple[int, ...]) -> Samples | None:
    """The same values as samples of a tensor of `shape`, or None where others would be kept."""
    sides = shape[1:]
    if not sides or math.prod(sides) != math.prod(samples.shape[1:]):
        return None
    cut = _cut(sides)[1:]
    if any(len(range(side)[part]) != side for side, part in zip(sides, cut, strict=True)):
        return None
    return Samples(samples.indices, (len(samples.indices), *sides), samples.data)


def corner(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The part of a device's tensor that samples can come from, brought to the CPU."""
    part = tensor.detach()
    if part.dim() > 0:
        part = part[:ROWS]
    if part.dim() > 2:
        part = part[:, :MAPS]
    return part.to(torch.float16).cpu().numpy()  # type: ignore[no-any-return]


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
