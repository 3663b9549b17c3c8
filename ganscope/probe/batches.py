"""The statistics of many small float32 arrays at once: a call costs more than their arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganscope.probe import statistics
from ganscope.probe.statistics import BINS_BELOW, HISTOGRAM_SAMPLE, Numbers
from ganscope.traces import Histogram, TensorStats
from ganscope.traces.tensor import HISTOGRAM_BINS

STAGE = 1 << 16
"""Most values looked at together: 256 KB, what a processor has near at hand."""

Array = NDArray[Any]

# Scratch memory: fresh memory costs more than the arithmetic.
_squares = np.empty(STAGE, dtype=np.float32)
_place = np.empty(STAGE, dtype=np.float32)
_bins = np.empty(STAGE, dtype=np.int32)
_wide_bins = np.empty(STAGE, dtype=np.intp)
_nonpositive = np.empty(STAGE, dtype=np.bool_)
_zero = np.empty(STAGE, dtype=np.bool_)

Known = Numbers | None
"""What is known of an array beforehand: all but the histogram, or nothing."""

_Range = tuple[float, float] | None


def measure_many(values: Array, sizes: Sequence[int], known: Sequence[Known]) -> list[TensorStats]:
    """The statistics of arrays that lie one behind the other.

    Args:
        values: Float32, all arrays, at most `STAGE` values.
        sizes: Their lengths, none of them 0.
        known: For each None, or its figures where the array is only the sample that its
            histogram is to be taken from.

    Returns:
        For each what `statistics.measure` would return.
    """
    with np.errstate(all="ignore"):  # whatever the user's own settings are
        return _measure_many(values, sizes, known)


def _measure_many(values: Array, sizes: Sequence[int], known: Sequence[Known]) -> list[TensorStats]:
    starts = [0, *accumulate(sizes[:-1])]
    parts = [values[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    lows = np.minimum.reduceat(values, starts).tolist()
    highs = np.maximum.reduceat(values, starts).tolist()
    totals = np.add.reduceat(values, starts).tolist()
    count = values.size
    squared = np.multiply(values, values, out=_squares[:count])
    squares = np.add.reduceat(squared, starts).tolist()
    nonpositive = np.less_equal(values, 0, out=_nonpositive[:count])
    zero = np.equal(values, 0, out=_zero[:count])
    figures: list[Known] = []
    for index, (part, numbers) in enumerate(zip(parts, known, strict=True)):
        low, high = lows[index], highs[index]
        if numbers is not None or not statistics.is_ordinary(low, high):
            figures.append(numbers)
            continue
        below = none = 0
        if not low > 0.0:
            place = slice(starts[index], starts[index] + part.size)
            below = int(np.count_nonzero(nonpositive[place]))
            none = int(np.count_nonzero(zero[place]))
        sweep = (low, high, totals[index], squares[index], below, none)
        figures.append(statistics.numbers(part, sweep))
    ranges = [None if numbers is None else (numbers[3], numbers[4]) for numbers in figures]
    histograms = _histograms(parts, ranges, known)
    return [
        statistics.unusual(parts[index], lows[index], highs[index])
        if numbers is None
        else TensorStats(*numbers, histograms[index])
        for index, numbers in enumerate(figures)
    ]


def _histograms(
    parts: Sequence[Array], ranges: Sequence[_Range], known: Sequence[Known]
) -> list[Histogram | None]:
    """The histogram of each part, in the range given for it; None for None."""
    scales: list[float] = []
    lengths: list[int] = []
    sampled: list[int | None] = []
    end = 0
    for whole, span, numbers in zip(parts, ranges, known, strict=True):
        many = whole.size > HISTOGRAM_SAMPLE
        part = whole[:: statistics.sample_stride(whole.size)] if many else whole
        sampled.append(part.size if many or numbers is not None else None)
        start, end = end, end + part.size
        lengths.append(part.size)
        scale = 0.0
        if span is None:
            _place[start:end] = 0.0
        else:
            np.subtract(part, span[0], out=_place[start:end])
            scale = BINS_BELOW / (span[1] - span[0]) if span[1] > span[0] else 0.0
        scales.append(scale)
    place, bins, wide = _place[:end], _bins[:end], _wide_bins[:end]
    np.multiply(place, np.repeat(np.array(scales, dtype=np.float32), lengths), out=place)
    np.copyto(bins, place, casting="unsafe")  # many times faster than to int64 at once
    offsets = np.arange(len(parts), dtype=np.int32) * HISTOGRAM_BINS
    np.add(bins, np.repeat(offsets, lengths), out=bins)
    np.copyto(wide, bins)
    counts = np.bincount(wide, minlength=len(parts) * HISTOGRAM_BINS)
    rows = counts.reshape(len(parts), HISTOGRAM_BINS).tolist()
    return [
        None if span is None else Histogram(*span, tuple(row), taken)
        for span, row, taken in zip(ranges, rows, sampled, strict=True)
    ]
