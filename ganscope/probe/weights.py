"""A weight before and after an update: kept in memory allocated once, read block by block.

On the CPU each block is copied, or subtracted, and summed while it is in the processor's cache;
on a device everything stays there until the update's numbers are fetched together.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganscope.probe import statistics
from ganscope.probe.statistics import BLOCK
from ganscope.probe.tensors import array_if_any, as_array, explain

Number = float | Tensor | None
"""A number, one that still waits on its device, or none."""


class Numbers(NamedTuple):
    """Of a weight: its L2 norm, its smallest and its largest value."""

    norm: Number
    low: Number
    high: Number


_Array = np.ndarray[Any, Any]
_PLAIN = (Tensor, torch.nn.Parameter)
_FLOATS = (torch.float32, torch.float64)
_SKETCH = 256
_minimum, _maximum = np.minimum.reduce, np.maximum.reduce


def finite(number: Number) -> float | None:
    """A finite number; None for what is none."""
    if isinstance(number, Tensor):
        number = float(number)
    return number if number is not None and math.isfinite(number) else None


def is_readable(parameter: Tensor) -> bool:
    """Whether there are values to read."""
    plain = type(parameter) in _PLAIN and parameter.is_cpu and parameter.dtype in _FLOATS
    return (plain and parameter.layout is torch.strided) or explain(parameter) is None


class Memory:
    """Where a weight is kept while an optimizer changes it, and until the next one does.

    Args:
        parameter: What is to have room in it.
    """

    __slots__ = ("flat", "left", "sketch", "tensor")

    def __init__(self, parameter: Tensor) -> None:
        self.tensor = torch.empty_like(parameter.detach())
        values = as_array(self.tensor) if _is_flat(parameter) else None
        self.flat = None if values is None else values.reshape(-1)
        """The same memory for numpy; None where only torch can read it."""
        self.left: Numbers | None = None
        """The numbers of the weight as its last update has left it, while that is known."""
        self.sketch: bytes | None = None
        """Some of its values then, where it is not all in `flat`."""

    def fits(self, parameter: Tensor) -> bool:
        """Whether it can hold what `parameter` holds."""
        own = self.tensor
        alike = own.shape == parameter.shape and own.dtype == parameter.dtype
        return alike and own.device == parameter.device


def keep(parameter: Tensor, memory: Memory) -> tuple[Numbers, bool]:
    """Copy a weight into `memory`; returns its numbers, and whether it is seen to have changed
    since its last update."""
    kept, values = memory.flat, _flat(parameter)
    left, memory.left = memory.left, None
    if kept is None or values is None:
        with torch.no_grad():
            memory.tensor.copy_(parameter.detach())
        numbers = Numbers(_norm_elsewhere(memory.tensor), *_extremes_elsewhere(parameter))
        return numbers, left is not None and memory.sketch != sketch(parameter)
    if left is not None and _is_same(values, kept):
        return left, False
    squares, lows, highs = 0.0, [], []
    with np.errstate(all="ignore"):
        for start in range(0, values.size, BLOCK):
            part = kept[start : start + BLOCK]
            np.copyto(part, values[start : start + BLOCK])
            squares += statistics.sum_of_squares(part)
            lows.append(_minimum(part))
            highs.append(_maximum(part))
        norm = statistics.root(squares, kept)
    return Numbers(norm, *_extremes(lows, highs)), left is not None


def distance(parameter: Tensor, memory: Memory) -> tuple[Number, Numbers]:
    """The L2 norm of the difference between a weight and what `memory` holds, and the numbers of
    the weight itself, which `memory` holds from now on."""
    kept, values = memory.flat, _flat(parameter)
    if kept is None or values is None:
        with torch.no_grad():
            moved = _norm_elsewhere(memory.tensor.sub_(parameter.detach()))
        # Its norm is measured when the next update begins.
        memory.left = Numbers(None, *_extremes_elsewhere(parameter))
        memory.sketch = sketch(parameter)
        return moved, memory.left
    apart, squares, lows, highs = 0.0, 0.0, [], []
    with np.errstate(all="ignore"):
        scratch = statistics.scratch(values)
        for start in range(0, values.size, BLOCK):
            now, part = values[start : start + BLOCK], kept[start : start + BLOCK]
            change = np.subtract(now, part, out=scratch[: part.size])
            far = statistics.root(statistics.sum_of_squares(change), change)
            apart = math.hypot(apart, far)
            np.copyto(part, now)
            squares += statistics.sum_of_squares(part)
            lows.append(_minimum(part))
            highs.append(_maximum(part))
        norm = statistics.root(squares, kept)
    memory.left = Numbers(norm, *_extremes(lows, highs))
    return apart, memory.left


def norm_of(tensor: Tensor) -> Number:
    """The L2 norm of a gradient; None where its values cannot be read."""
    if type(tensor) in _PLAIN and tensor.is_cpu and tensor.dtype in _FLOATS:
        values = array_if_any(tensor)
        if values is not None and values.flags.c_contiguous:
            flat, squares = values.reshape(-1), 0.0
            with np.errstate(all="ignore"):
                for start in range(0, flat.size, BLOCK):
                    squares += statistics.sum_of_squares(flat[start : start + BLOCK])
                return statistics.root(squares, flat)
    if explain(tensor) is not None:
        return None
    with torch.no_grad():
        return _norm_elsewhere(tensor.detach())


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


def _is_same(values: _Array, kept: _Array) -> bool:
    """Whether both are equal bit by bit, NaN too."""
    even = values.size - values.size % 2  # read as whole numbers of 64 bits, where they fit
    one, other = values[:even].view(np.int64), kept[:even].view(np.int64)
    for start in range(0, one.size, BLOCK):
        part = one[start : start + BLOCK]
        if not statistics.is_equal(part, other[start : start + BLOCK]):
            return False
    return values[even:].tobytes() == kept[even:].tobytes()


def _is_flat(parameter: Tensor) -> bool:
    """Whether its values lie in memory one after another, for numpy to read."""
    return parameter.is_cpu and parameter.dtype in _FLOATS and parameter.is_contiguous()


def _flat(parameter: Tensor) -> _Array | None:
    values = as_array(parameter) if _is_flat(parameter) else None
    return None if values is None else values.reshape(-1)


def _extremes(lows: list[Any], highs: list[Any]) -> tuple[Number, Number]:
    """Out of those of the blocks; NaN wins, which min() and max() do not promise."""
    if not lows:
        return None, None
    if len(lows) == 1:
        return float(lows[0]), float(highs[0])
    return float(_minimum(lows)), float(_maximum(highs))


def _extremes_elsewhere(tensor: Tensor) -> tuple[Number, Number]:
    try:
        low, high = torch.aminmax(tensor.detach())
    except RuntimeError:  # no values, or a type without an order
        return None, None
    return (float(low), float(high)) if low.is_cpu else (low, high)


def _norm_elsewhere(tensor: Tensor) -> Number:
    exact = torch.float32 if tensor.device.type == "mps" else torch.float64
    norm: Tensor = torch.linalg.vector_norm(tensor, dtype=exact)
    return float(norm) if norm.is_cpu else norm
