"""Figures of a tensor's values on the CPU: numpy over the tensor's own memory, no copy.

Speed decides here: a layer's statistics should cost little beside the layer. Sums and sums
of squares are taken in the values' own precision over short blocks and added up in float64;
a second, centred pass is made only where the first would cancel. Whatever is unusual
(non-finite values, extreme magnitudes, integers) goes through float64 as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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

Array = NDArray[Any]

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
    return measure_rows(flat.reshape(1, -1))[0]


def measure_rows(table: Array) -> list[TensorStats]:
    """The statistics of each row of `table`, at little more than the cost of one.

    Args:
        table: (rows, values), contiguous; at most `rows_at_once` rows.
    """
    count = table.shape[1]
    if count == 0:
        return [EMPTY] * table.shape[0]
    with np.errstate(all="ignore"):
        if table.dtype != np.float32 and table.dtype != np.float64:
            return [_careful(row) for row in table]
        sweep = _sweep_all(table)
        if all(map(_is_usual, sweep.lows, sweep.highs)):
            return _finish(table, sweep)
        if table.shape[0] > 1:
            return [measure_rows(row.reshape(1, -1))[0] for row in table]
        if sweep.lows[0] == 0.0 == sweep.highs[0]:
            return [_constant_zero(count)]
        return [_careful(table[0])]


def rows_at_once(count: int) -> int:
    """How many rows of `count` values one call of `measure_rows` takes: what caches hold."""
    return max(1, min(BLOCK // count, _MOST_BINNED // min(count, HISTOGRAM_SAMPLE)))


def _is_usual(low: float, high: float) -> bool:
    """Whether squares neither vanish in float32 nor overflow; NaN fails every comparison."""
    return 1e-15 < max(high, -low) < 1e15


@dataclass(slots=True)
class _Sweep:
    """What one pass over a table tells of each row."""

    lows: list[float]
    highs: list[float]
    totals: list[float]
    squares: list[float]
    nonpositives: list[int]
    zeros: list[int]

    def add(self, other: _Sweep) -> None:
        """Join with the sweep over further values of the same, single row."""
        # NaN must win, which min() and max() do not promise.
        self.lows = [float(np.minimum(self.lows[0], other.lows[0]))]
        self.highs = [float(np.maximum(self.highs[0], other.highs[0]))]
        self.totals[0] += other.totals[0]
        self.squares[0] += other.squares[0]
        self.nonpositives[0] += other.nonpositives[0]
        self.zeros[0] += other.zeros[0]


_BINS_BELOW = HISTOGRAM_BINS * (1 - 2.0**-21)
"""Just so much less than 32 that the largest value, rounding included, stays in the last bin."""

# Scratch memory: allocating anew costs more than the arithmetic.
_MOST_BINNED = 16_384
_mask = np.empty(BLOCK, dtype=np.bool_)
_bins = np.empty(_MOST_BINNED, dtype=np.intp)
_bin_offsets = (np.arange(_MOST_BINNED) * HISTOGRAM_BINS).reshape(-1, 1)
_scratch: dict[Any, Array] = {kind: np.empty(BLOCK, dtype=kind) for kind in ("f4", "f8")}
_ones: dict[Any, Array] = {kind: np.ones(DOT_BLOCK, dtype=kind) for kind in ("f4", "f8")}


def _kind(table: Array) -> str:
    return "f4" if table.dtype == np.float32 else "f8"


def _sweep_all(table: Array) -> _Sweep:
    rows, count = table.shape
    if table.size <= BLOCK:
        return _sweep(table)
    assert rows == 1
    sweep = _sweep(table[:, :BLOCK])
    for start in range(BLOCK, count, BLOCK):
        sweep.add(_sweep(table[:, start : start + BLOCK]))
    return sweep


def _sweep(table: Array) -> _Sweep:
    lows = np.minimum.reduce(table, axis=1).tolist()
    highs = np.maximum.reduce(table, axis=1).tolist()
    if min(lows) > 0.0:
        nonpositives = zeros = [0] * len(lows)
    else:
        mask = _mask[: table.size].reshape(table.shape)
        np.less_equal(table, 0, out=mask)
        nonpositives = [int(np.count_nonzero(row)) for row in mask]
        np.equal(table, 0, out=mask)
        zeros = [int(np.count_nonzero(row)) for row in mask]
    totals, squares = _sums(table)
    return _Sweep(lows, highs, totals, squares, list(nonpositives), list(zeros))


def _sums(table: Array) -> tuple[list[float], list[float]]:
    """Sum and sum of squares of each row, as short dot products added up in float64."""
    rows, count = table.shape
    ones = _ones[_kind(table)]
    if count <= DOT_BLOCK:
        return table.dot(ones[:count]).tolist(), np.vecdot(table, table).tolist()
    totals, squares = np.zeros(rows), np.zeros(rows)
    whole = count - count % DOT_BLOCK
    if whole:
        pieces = table[:, :whole].reshape(-1, DOT_BLOCK)
        totals += pieces.dot(ones).reshape(rows, -1).sum(axis=1, dtype=np.float64)
        squares += np.vecdot(pieces, pieces).reshape(rows, -1).sum(axis=1, dtype=np.float64)
    if whole < count:
        rest = table[:, whole:]
        totals += rest.dot(ones[: count - whole])
        squares += np.vecdot(rest, rest)
    return totals.tolist(), squares.tolist()


def _finish(table: Array, sweep: _Sweep) -> list[TensorStats]:
    count = table.shape[1]
    stats = []
    histograms = _histograms(table, sweep.lows, sweep.highs)
    for row, (low, high) in enumerate(zip(sweep.lows, sweep.highs, strict=True)):
        mean, mean_square = sweep.totals[row] / count, sweep.squares[row] / count
        variance = mean_square - mean * mean
        if variance < _CANCELLATION * mean_square:
            mean, variance = _centred(table[row], mean)
        stats.append(
            TensorStats(
                count,
                mean,
                math.sqrt(variance) if variance > 0.0 else 0.0,
                low,
                high,
                math.sqrt(sweep.squares[row]),
                sweep.nonpositives[row] / count,
                sweep.zeros[row] / count,
                0,
                histograms[row],
            )
        )
    return stats


def _centred(flat: Array, mean: float) -> tuple[float, float]:
    """Mean and variance from the distances to a first guess of the mean."""
    scratch = _scratch[_kind(flat)]
    guess = flat.dtype.type(mean)
    total = squares = 0.0
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        distance = np.subtract(part, guess, out=scratch[: part.size])
        part_total, part_squares = _sums(distance.reshape(1, -1))
        total += part_total[0]
        squares += part_squares[0]
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
            _histograms(
                scaled.reshape(1, -1), [math.ldexp(low, -exponent)], [math.ldexp(high, -exponent)]
            )[0],
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


def _histograms(table: Array, lows: list[float], highs: list[float]) -> list[Histogram]:
    """Counts in 32 equal bins between each row's smallest and largest value."""
    count = table.shape[1]
    sampled = None
    if count > HISTOGRAM_SAMPLE:
        table = table[:, :: sample_stride(count)]
        sampled = table.shape[1]
    rows, size = table.shape
    place = _scratch[_kind(table)][: rows * size].reshape(rows, size)
    widths = [high - low for low, high in zip(lows, highs, strict=True)]
    scales = [_BINS_BELOW / width if width > 0.0 else 0.0 for width in widths]
    if rows == 1:
        np.subtract(table, lows[0], out=place)
        np.multiply(place, scales[0], out=place)
    else:
        np.subtract(table, np.array(lows, table.dtype).reshape(-1, 1), out=place)
        np.multiply(place, np.array(scales, table.dtype).reshape(-1, 1), out=place)
    bins = _bins[: rows * size].reshape(rows, size)
    np.copyto(bins, place, casting="unsafe")
    if rows > 1:
        np.add(bins, _bin_offsets[:rows], out=bins)
    counts = np.bincount(bins.reshape(-1), minlength=rows * HISTOGRAM_BINS).tolist()
    return [
        Histogram(
            lows[row],
            highs[row],
            tuple(counts[row * HISTOGRAM_BINS : (row + 1) * HISTOGRAM_BINS]),
            sampled,
        )
        for row in range(rows)
    ]


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
