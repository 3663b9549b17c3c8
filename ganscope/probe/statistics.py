"""Figures of a tensor's values on the CPU: numpy over the tensor's own memory, no copy.

Speed decides here: a layer's statistics should cost little beside the layer. Sums and sums
of squares are taken in the values' own precision over short blocks and added up in float64;
a second, centred pass is made only where the first would cancel. Whatever is unusual
(non-finite values, extreme magnitudes, integers) goes through float64 as a whole.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ganscope.traces import Histogram, TensorStats
from ganscope.traces.tensor import HISTOGRAM_BINS

BLOCK = 65_536
"""Values looked at in one go: small enough for the processor's cache."""

DOT_BLOCK = 8_192
"""Longest float32 dot product: its rounding stays below 1e-5 even for equal values."""

HISTOGRAM_SAMPLE = 4_096
"""Most values that a histogram is taken from."""

_CANCELLATION = 0.1
"""Variance below this share of the mean square calls for the second pass."""

Array = NDArray[np.generic]

EMPTY = TensorStats(0, None, None, None, None, None, None, None, 0, None)


def measure(values: Array) -> TensorStats:
    """The statistics of `values`.

    Args:
        values: Any shape; float32 and float64 are read in place, other real types are
            converted.

    Returns:
        Figures within 1e-5 · max(|figure|, RMS of the values) of those in exact arithmetic;
        minimum, maximum and the counts behind the fractions are exact.
    """
    flat = values.reshape(-1) if values.flags.c_contiguous else values.ravel(order="K")
    if flat.size == 0:
        return EMPTY
    with np.errstate(all="ignore"):
        if flat.dtype == np.float32 or flat.dtype == np.float64:
            quick = _quick(flat)
            if quick is not None:
                return quick
        return _careful(flat)


def _quick(flat: Array) -> TensorStats | None:
    """Figures in the values' own precision, or None where float64 must do it."""
    count = flat.size
    if count <= BLOCK:
        low, high, total, squares, nonpositive, zero = _block(flat)
    else:
        low, high = math.inf, -math.inf
        total = squares = 0.0
        nonpositive = zero = 0
        for start in range(0, count, BLOCK):
            part = _block(flat[start : start + BLOCK])
            low, high = min(low, part[0]), max(high, part[1])
            if part[0] != part[0]:  # a NaN, which min() would lose
                return None
            total += part[2]
            squares += part[3]
            nonpositive += part[4]
            zero += part[5]
    mean_square = squares / count
    largest = high if high > -low else -low
    # Squares of very small numbers vanish in float32, those of very large ones overflow;
    # NaN fails every comparison.
    if not (1e-15 < largest < 1e15):
        if largest == 0.0:
            return _constant_zero(count)
        return None
    mean = total / count
    variance = mean_square - mean * mean
    if variance < _CANCELLATION * mean_square:
        mean, variance = _centred(flat, mean)
    return TensorStats(
        count,
        mean,
        math.sqrt(variance) if variance > 0.0 else 0.0,
        low,
        high,
        math.sqrt(squares),
        nonpositive / count,
        zero / count,
        0,
        _histogram(flat, low, high),
    )


# Scratch memory: allocating anew costs more than the arithmetic.
_mask = np.empty(BLOCK, dtype=np.bool_)
_bins = np.empty(HISTOGRAM_SAMPLE, dtype=np.intp)
_scratch = {kind: np.empty(BLOCK, dtype=kind) for kind in (np.float32, np.float64)}
_ones = {kind: np.ones(DOT_BLOCK, dtype=kind) for kind in (np.float32, np.float64)}
_minimum, _maximum = np.minimum.reduce, np.maximum.reduce


def _block(part: Array) -> tuple[float, float, float, float, int, int]:
    """Smallest, largest, sum, sum of squares, count ≤ 0 and count == 0 of one block."""
    low, high = float(_minimum(part)), float(_maximum(part))
    nonpositive = zero = 0
    if low <= 0.0:
        if high < 0.0:
            nonpositive = part.size
        else:
            mask = _mask[: part.size]
            nonpositive = int(np.count_nonzero(np.less_equal(part, 0, out=mask)))
            zero = int(np.count_nonzero(np.equal(part, 0, out=mask)))
    total, squares = _sums(part)
    return low, high, total, squares, nonpositive, zero


def _sums(part: Array) -> tuple[float, float]:
    """Sum and sum of squares, as short dot products added up in float64."""
    ones = _ones[part.dtype.type]
    rows = part.size // DOT_BLOCK
    total = squares = 0.0
    if rows:
        table = part[: rows * DOT_BLOCK].reshape(rows, DOT_BLOCK)
        total = sum(table.dot(ones).tolist())
        squares = sum(np.vecdot(table, table).tolist())
        part = part[rows * DOT_BLOCK :]
    if part.size:
        total += float(part.dot(ones[: part.size]))
        squares += float(part.dot(part))
    return total, squares


def _centred(flat: Array, mean: float) -> tuple[float, float]:
    """Mean and variance from the distances to a first guess of the mean."""
    kind = flat.dtype.type
    scratch = _scratch[kind]
    guess = kind(mean)
    total = squares = 0.0
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        part_total, part_squares = _sums(np.subtract(part, guess, out=scratch[: part.size]))
        total += part_total
        squares += part_squares
    offset = total / flat.size
    return float(guess) + offset, squares / flat.size - offset * offset


def _constant_zero(count: int) -> TensorStats:
    counts = (min(count, HISTOGRAM_SAMPLE), *([0] * (HISTOGRAM_BINS - 1)))
    sampled = HISTOGRAM_SAMPLE if count > HISTOGRAM_SAMPLE else None
    histogram = Histogram(0.0, 0.0, counts, sampled)
    return TensorStats(count, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0, histogram)


def _careful(flat: Array) -> TensorStats:
    """Every figure in float64, of the finite values only."""
    count = flat.size
    exact = flat.astype(np.float64)
    finite = exact[np.isfinite(exact)]
    if finite.size == 0:
        return TensorStats(count, None, None, None, None, None, None, None, count, None)
    low, high = float(_minimum(finite)), float(_maximum(finite))
    # Scaled by a power of two (exact), so that no square under- or overflows.
    exponent = math.frexp(max(abs(low), abs(high)))[1]
    scaled = np.ldexp(finite, -exponent)
    mean = float(np.mean(scaled))
    std = math.sqrt(float(np.mean(np.square(scaled - mean))))
    norm = math.sqrt(float(np.sum(np.square(scaled))))
    return TensorStats(
        count,
        _rescaled(mean, exponent),
        _rescaled(std, exponent),
        low,
        high,
        _rescaled(norm, exponent),
        int(np.count_nonzero(finite <= 0)) / finite.size,
        int(np.count_nonzero(finite == 0)) / finite.size,
        count - finite.size,
        _histogram(scaled, math.ldexp(low, -exponent), math.ldexp(high, -exponent), exponent),
    )


def _rescaled(value: float, exponent: int) -> float | None:
    """`value` · 2^`exponent`, or None where float64 cannot hold it."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return None


def _histogram(flat: Array, low: float, high: float, exponent: int = 0) -> Histogram:
    """Counts in 32 equal bins from `low` to `high`; with `exponent`, of values · 2^exponent."""
    count = flat.size
    sampled = None
    if count > HISTOGRAM_SAMPLE:
        flat = flat[:: sample_stride(count)]
        sampled = flat.size
    width = high - low
    if width > 0.0:
        place = _scratch[flat.dtype.type][: flat.size]
        np.subtract(flat, low, out=place)
        np.multiply(place, HISTOGRAM_BINS / width, out=place)
        bins = _bins[: flat.size]
        np.copyto(bins, place, casting="unsafe")
        counts = np.bincount(bins, minlength=HISTOGRAM_BINS + 1).tolist()
        counts[HISTOGRAM_BINS - 1] += sum(counts[HISTOGRAM_BINS:])
        del counts[HISTOGRAM_BINS:]
    else:
        counts = [flat.size] + [0] * (HISTOGRAM_BINS - 1)
    if exponent:
        low, high = math.ldexp(low, exponent), math.ldexp(high, exponent)
    return Histogram(low, high, tuple(counts), sampled)


@lru_cache(maxsize=1024)
def sample_stride(count: int) -> int:
    """Distance between the values that a histogram of `count` values is taken from.

    The smallest that leaves at most 4,096 values and shares no divisor with `count`: so it
    shares none with any dimension's size, and no feature or channel is always skipped.
    """
    stride = -(-count // HISTOGRAM_SAMPLE)
    while math.gcd(stride, count) != 1:
        stride += 1
    return stride
