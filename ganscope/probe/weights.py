"""A weight before and after an update: kept in memory allocated once, read block by block.

On the CPU each block is copied, or subtracted, and summed while it is in the processor's cache;
on a device everything stays there until the update's numbers are fetched together.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganscope.probe import statistics
from ganscope.probe.statistics import BLOCK
from ganscope.probe.tensors import as_array, explain

Number = float | Tensor | None
"""A number, one that still waits on its device, or none."""

_Array = np.ndarray[Any, Any]
_PLAIN = (Tensor, torch.nn.Parameter)
_FLOATS = (torch.float32, torch.float64)
_SKETCH = 256


def is_readable(parameter: Tensor) -> bool:
    """Whether there are values to read."""
    plain = type(parameter) in _PLAIN and parameter.is_cpu and parameter.dtype in _FLOATS
    return (plain and parameter.layout is torch.strided) or explain(parameter) is None


def alike(memory: Tensor, parameter: Tensor) -> bool:
    """Whether `memory` can hold what `parameter` holds."""
    return (
        memory.shape == parameter.shape
        and memory.dtype == parameter.dtype
        and memory.device == parameter.device
    )


def keep(parameter: Tensor, memory: Tensor) -> Number:
    """Copy a weight into `memory`; returns its L2 norm."""
    pair = _flat_pair(parameter, memory)
    if pair is None:
        with torch.no_grad():
            memory.copy_(parameter.detach())
        return _norm_elsewhere(memory)
    values, kept = pair
    squares = 0.0
    with np.errstate(all="ignore"):
        for start in range(0, values.size, BLOCK):
            part = kept[start : start + BLOCK]
            np.copyto(part, values[start : start + BLOCK])
            squares += statistics.sum_of_squares(part)
        return statistics.root(squares, kept)


def distance(parameter: Tensor, memory: Tensor) -> Number:
    """The L2 norm of the difference between a weight and what `memory` holds, which may be lost."""
    pair = _flat_pair(parameter, memory)
    if pair is None:
        with torch.no_grad():
            memory.sub_(parameter.detach())
        return _norm_elsewhere(memory)
    values, kept = pair
    squares = 0.0
    with np.errstate(all="ignore"):
        scratch = statistics.scratch(values)
        for start in range(0, values.size, BLOCK):
            part = kept[start : start + BLOCK]
            moved = np.subtract(values[start : start + BLOCK], part, out=scratch[: part.size])
            squares += statistics.sum_of_squares(moved)
        if statistics.is_sound(squares):
            return math.sqrt(squares)
        return statistics.root(squares, np.subtract(values, kept, out=kept))


def sketch(parameter: Tensor) -> bytes | None:
    """Some of the values, evenly spaced: equal while nobody changes the weight.

    None on a device, where looking would stall it.
    """
    values = _some(parameter)
    return None if values is None else values.tobytes()


def sketch_of(parameter: Tensor) -> _Array | None:
    """The values that `sketch` looks at, as a copy; None for others than float32 and float64."""
    values = _some(parameter) if parameter.dtype in _FLOATS else None
    return None if values is None else values.copy()


def _some(parameter: Tensor) -> _Array | None:
    values = as_array(parameter) if parameter.is_cpu else None
    if values is None:
        return None
    if not values.flags.c_contiguous:  # in the order of its memory, which is the same each time
        values = values.transpose(np.argsort(values.strides)[::-1])
        if not values.flags.c_contiguous:
            return None
    flat = values.reshape(-1)
    return flat[:: max(1, flat.size // _SKETCH)]


def _flat_pair(parameter: Tensor, memory: Tensor) -> tuple[_Array, _Array] | None:
    """Both as flat arrays over their own memory; None where only torch can read them."""
    if not parameter.is_cpu or parameter.dtype not in _FLOATS or not parameter.is_contiguous():
        return None
    values, kept = as_array(parameter), as_array(memory)
    if values is None or kept is None or not kept.flags.c_contiguous:
        return None
    return values.reshape(-1), kept.reshape(-1)


def _norm_elsewhere(tensor: Tensor) -> Number:
    exact = torch.float32 if tensor.device.type == "mps" else torch.float64
    norm: Tensor = torch.linalg.vector_norm(tensor, dtype=exact)
    return float(norm) if norm.is_cpu else norm
