"""Figures of a tensor's values on the CPU: numpy over the tensor's own memory, no copy.

Speed decides here: a layer's statistics should cost little beside the layer. Sums and sums
of squares are taken in the values' own precision over short blocks and added up in float64;
a second, centred pass is made only where the first would cancel. Whatever is unusual
(non-finite values, extreme magnitudes, integers) goes through float64 as a whole.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

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

_SMALLEST, _LARGEST = 1e-15, 1e15
"""Between these magnitudes no square vanishes or overflows in float32."""

Array = NDArray[Any]

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

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
    with np.errstate(all="ignore"):  # whatever the user's own settings are
        return _measure(flat)


def _measure(flat: Array) -> TensorStats:
    if flat.dtype in _FLOATS:
        sweep = sweep_of(flat)
        if is_ordinary(sweep[0], sweep[1]):
            histogram = _histogram(flat, sweep[0], sweep[1])
            return TensorStats(*numbers(flat, sweep), histogram)
        return unusual(flat, sweep[0], sweep[1])
    return _careful(flat)


def is_sound(squares: float) -> bool:
    """Whether a sum of squares in float32 has neither vanished nor overflowed."""
    return _SMALLEST**2 < squares < _LARGEST**2


def scratch(values: Array) -> Array:
    """Memory for `BLOCK` values of the kind of `values`, overwritten by the next who asks."""
    return _scratch[_kind(values)]


def is_equal(one: Array, other: Array) -> bool:
    """Whether two arrays of at most `BLOCK` values are equal."""
    return bool(np.equal(one, other, out=_mask[: one.size]).all())


def ones(values: Array) -> Array:
    """`DOT_BLOCK` ones of the kind of `values`."""
    return _ones[_kind(values)]


def root(squares: float, flat: Array) -> float:
    """The L2 norm of `flat` out of the sum of its squares, which may have lost too much."""
    if is_sound(squares):
        return math.sqrt(squares)
    if squares == 0.0 and not flat.any():
        return 0.0
    exact = flat.astype(np.float64)
    largest = float(np.max(np.abs(exact), initial=0.0))
    if not 0.0 < largest < math.inf:
        return largest
    return largest * math.sqrt(float(np.sum(np.square(exact / largest))))


def unusual(flat: Array, low: float, high: float) -> TensorStats:
    """The statistics of values for whose range `is_ordinary` does not hold."""
    return constant_zero(flat.size) if low == 0.0 == high else _careful(flat)


def is_ordinary(low: float, high: float) -> bool:
    """Whether float32 arithmetic holds for values between the two; NaN does not pass."""
    return _SMALLEST < max(high, -low) < _LARGEST


Sweep = tuple[float, float, float, float, int, int]
"""Smallest, largest, sum, sum of squares, count ≤ 0 and count == 0."""

BINS_BELOW = HISTOGRAM_BINS * (1 - 2.0**-21)
"""Just so much less than 32 that the largest value, rounding included, stays in the last bin."""

# Scratch memory: allocating anew costs more than the arithmetic.
_mask = np.empty(BLOCK, dtype=np.bool_)
_bins = np.empty(HISTOGRAM_SAMPLE, dtype=np.int32)
_wide_bins = np.empty(HISTOGRAM_SAMPLE, dtype=np.intp)
_scratch: dict[Any, Array] = {kind: np.empty(BLOCK, dtype=kind) for kind in ("f4", "f8")}
_ones: dict[Any, Array] = {kind: np.ones(DOT_BLOCK, dtype=kind) for kind in ("f4", "f8")}
_minimum, _maximum, _count = np.minimum.reduce, np.maximum.reduce, np.count_nonzero


def _kind(values: Array) -> str:
    return "f4" if values.dtype == np.float32 else "f8"


def sweep_of(flat: Array) -> Sweep:
    """Everything that one pass over float32 or float64 values tells."""
    return _sweep(flat) if flat.size <= BLOCK else _sweep_blocks(flat)


def _sweep(part: Array) -> Sweep:
    low, high = float(_minimum(part)), float(_maximum(part))
    if not max(high, -low) < _LARGEST:
        return low, high, 0.0, 0.0, 0, 0  # squares would overflow; NaN fails the comparison
    nonpositive = zero = 0
    if not low > 0.0:
        mask = _mask[: part.size]
        nonpositive = int(_count(np.less_equal(part, 0, out=mask)))
        zero = int(_count(np.equal(part, 0, out=mask)))
    total, squares = _sums(part)
    return low, high, total, squares, nonpositive, zero


def _sweep_blocks(flat: Array) -> Sweep:
    low, high, total, squares, nonpositive, zero = _sweep(flat[:BLOCK])
    for start in range(BLOCK, flat.size, BLOCK):
        part = _sweep(flat[start : start + BLOCK])
        # NaN must win, which min() and max() do not promise.
        low, high = float(np.minimum(low, part[0])), float(np.maximum(high, part[1]))
        total, squares = total + part[2], squares + part[3]
        nonpositive, zero = nonpositive + part[4], zero + part[5]
    return low, high, total, squares, nonpositive, zero


def _sums(part: Array) -> tuple[float, float]:
    """Sum and sum of squares, as short dot products added up in float64."""
    ones = _ones[_kind(part)]
    rest = part.size % DOT_BLOCK
    total = squares = 0.0
    if part.size >= DOT_BLOCK:
        pieces = part[: part.size - rest].reshape(-1, DOT_BLOCK)
        total = sum(pieces.dot(ones).tolist())
        squares = sum(np.vecdot(pieces, pieces).tolist())
    if rest:
        piece = part[part.size - rest :]
        total += float(piece.dot(ones[:rest]))
        squares += float(piece.dot(piece))
    return total, squares


Numbers = tuple[int, float, float, float, float, float, float, float, int]
"""All of `TensorStats` but the histogram."""


def sum_of_squares(part: Array) -> float:
    """Sum of the squares of floats, as short dot products added up in float64."""
    rest = part.size % DOT_BLOCK
    total = 0.0
    if part.size >= DOT_BLOCK:
        pieces = part[: part.size - rest].reshape(-1, DOT_BLOCK)
        total = sum(np.vecdot(pieces, pieces).tolist())
    if rest:
        piece = part[part.size - rest :]
        total += float(piece.dot(piece))
    return total


def numbers(flat: Array, sweep: Sweep) -> Numbers:
    """The figures of ordinary values out of the sweep over them."""
    count = flat.size
    low, high, total, squares, nonpositive, zero = sweep
    mean, mean_square = total / count, squares / count
    variance = mean_square - mean * mean
    if variance < _CANCELLATION * mean_square:
        mean, variance = _centred(flat, mean)
    return (
        count,
        mean,
        math.sqrt(variance) if variance > 0.0 else 0.0,
        low,
        high,
        math.sqrt(squares),
        nonpositive / count,
        zero / count,
        0,
    )


def _centred(flat: Array, mean: float) -> tuple[float, float]:
    """Mean and variance from the distances to a first guess of the mean."""
    scratch = _scratch[_kind(flat)]
    guess = flat.dtype.type(mean)
    total = squares = 0.0
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        part_total, part_squares = _sums(np.subtract(part, guess, out=scratch[: part.size]))
        total += part_total
        squares += part_squares
    offset = total / flat.size
    return float(guess) + offset, squares / flat.size - offset * offset


def constant_zero(count: int) -> TensorStats:
    """The statistics of zeros alone."""
    sampled = len(range(0, count, sample_stride(count))) if count > HISTOGRAM_SAMPLE else None
    counts = (count if sampled is None else sampled, *([0] * (HISTOGRAM_BINS - 1)))
    histogram = Histogram(0.0, 0.0, counts, sampled)
    return TensorStats(count, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0, histogram)


def _careful(flat: Array) -> TensorStats:
    """Every figure in float64, of the finite values only."""
    count = flat.size
    exact = flat.astype(np.float64)
    finite = exact[np.isfinite(exact)]
    if finite.size == 0:
        return TensorStats(count, None, None, None, None, None, None, None, count, None)
    low, high = float(finite.min()), float(finite.max())
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
        replace(
            _histogram(scaled, math.ldexp(low, -exponent), math.ldexp(high, -exponent)),
            low=low,
            high=high,
        ),
    )


def _rescaled(value: float, exponent: int) -> float | None:
    """`value` · 2^`exponent`, or None where float64 cannot hold it."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return None


def _histogram(flat: Array, low: float, high: float) -> Histogram:
    """Counts in 32 equal bins between `low` and `high`, the smallest and the largest value."""
    sampled = None
    if flat.size > HISTOGRAM_SAMPLE:
        flat = flat[:: sample_stride(flat.size)]
        sampled = flat.size
    place, bins = _scratch[_kind(flat)][: flat.size], _bins[: flat.size]
    np.subtract(flat, low, out=place)
    np.multiply(place, BINS_BELOW / (high - low) if high > low else 0.0, out=place)
    np.copyto(bins, place, casting="unsafe")  # many times faster than to int64 at once
    wide = _wide_bins[: flat.size]
    np.copyto(wide, bins)
    counts = np.bincount(wide, minlength=HISTOGRAM_BINS).tolist()
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


def unscaled(stats: TensorStats, scale: float) -> TensorStats:
    """The figures of the same values divided by a positive `scale`."""
    histogram = stats.histogram
    if histogram is not None:
        low, high = histogram.low / scale, histogram.high / scale
        histogram = replace(histogram, low=low, high=high)
    figures = (stats.mean, stats.std, stats.min, stats.max, stats.norm)
    mean, std, low_, high_, norm = [
        None if figure is None else figure / scale for figure in figures
    ]
    return replace(stats, mean=mean, std=std, min=low_, max=high_, norm=norm, histogram=histogram)
