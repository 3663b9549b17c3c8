"""How far the samples of a batch differ: what collapses first when a generator does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ganscope.probe import statistics
from ganscope.probe.statistics import BLOCK, DOT_BLOCK

_Array = np.ndarray[Any, Any]


def spread_of(values: _Array | None) -> float | None:
    """The standard deviation (population) across the first dimension, averaged over all values.

    Args:
        values: Float32 or float64, one entry per sample.

    Returns:
        None where there are no values, and where the result is not finite.
    """
    if values is None or values.size == 0:
        return None
    with np.errstate(all="ignore"):  # whatever the user's own settings are
        found = _spread(_by_sample(values))
    return found if math.isfinite(found) else None


def _by_sample(values: _Array) -> _Array:
    """One row per sample, without a copy where a sample's values lie together in any order."""
    if not values.flags.c_contiguous:
        inner = sorted(range(1, values.ndim), key=lambda axis: -values.strides[axis])
        values = values.transpose(0, *inner)
    return values.reshape(len(values), -1)


def _spread(rows: _Array) -> float:
    """Every value is looked at as its distance to that of the first sample: what is equal in all
    samples has no spread at all, and a mean far from 0 costs no digits."""
    count, width = rows.shape
    high = min(count, DOT_BLOCK)
    wide = BLOCK // high
    total: float = 0.0
    for left in range(0, width, wide):
        part = rows[:, left : left + wide]
        sums = np.zeros(part.shape[1])
        squares = np.zeros(part.shape[1])
        for top in range(0, count, high):
            _add(part[top : top + high], part[0], sums, squares)
        variance = squares / count - np.square(sums / count)
        total += float(np.sum(np.sqrt(np.maximum(variance, 0.0))))
    return float(total / width)


def _add(rows: _Array, first: _Array, sums: _Array, squares: _Array) -> None:
    """Add up the distances of `rows` to the `first`, and their squares."""
    memory = statistics.scratch(rows)[: rows.size].reshape(rows.shape)
    ones = statistics.ones(rows)[: len(rows)]
    apart = np.subtract(rows, first, out=memory)
    sums += ones.dot(apart)
    squares += ones.dot(np.square(apart, out=memory))
