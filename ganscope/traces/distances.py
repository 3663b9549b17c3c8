"""How far two figures of the same thing are apart.

A difference is relative: to the larger of the two, or, for a figure of values around zero, to
the root mean square of the values where that is larger. So a mean that moves from 1e-9 to 2e-9
among values of size 1 is near, not far.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganscope.traces.tensor import TensorRecord, TensorStats, sides_of

Figure = float | str | None


class Distance(NamedTuple):
    """How far apart one figure is.

    Attributes:
        figure: Which: ``mean``, ``shape``.
        first: What it is in the first of the two.
        second: What it is in the second.
        relative: How far apart these are.
        fine: Whether it tells little by itself: single values, the histogram.
    """

    figure: str
    first: Figure
    second: Figure
    relative: float
    fine: bool = False


def distance(first: float | None, second: float | None, scale: float = 0.0) -> float:
    """|first − second| / max(|first|, |second|, scale).

    Returns:
        0.0 where both are equal, both NaN or both missing; infinity where one alone is missing
        or not finite.
    """
    if first is None or second is None:
        return 0.0 if first is second else math.inf
    if first == second or (first != first and second != second):  # noqa: PLR0124
        return 0.0
    try:
        if not (math.isfinite(first) and math.isfinite(second)):
            return math.inf
        return abs(first - second) / max(abs(first), abs(second), scale)
    except OverflowError:  # whole numbers beyond any float
        return math.inf


def of_records(first: TensorRecord, second: TensorRecord) -> Iterator[Distance]:
    """Between two tensors: shape, type, statistics, first values."""
    if first.shape != second.shape:
        yield Distance("shape", _words(first.shape), _words(second.shape), math.inf)
    if first.dtype != second.dtype:
        yield Distance("dtype", first.dtype, second.dtype, math.inf)
    yield from of_stats(first.stats, second.stats)
    if first.spread is not None and second.spread is not None:  # known of some tensors alone
        scale = max(_size(first.stats), _size(second.stats))
        far = distance(first.spread, second.spread, scale)
        if far:
            yield Distance("spread", first.spread, second.spread, far)
    if first.preview != second.preview and first.shape == second.shape:
        scale = max(_size(first.stats), _size(second.stats))
        for place, (one, other) in enumerate(zip(first.preview, second.preview, strict=False)):
            far = distance(one, other, scale)
            if far:
                yield Distance(f"value {place}", one, other, far, fine=True)


def of_stats(first: TensorStats | None, second: TensorStats | None) -> Iterator[Distance]:
    """Between the statistics of two tensors."""
    if first is None or second is None:
        if first is not second:
            yield Distance("figures", _seen(first), _seen(second), math.inf)
        return
    if first == second:
        return
    if first.count != second.count:
        yield Distance("count", first.count, second.count, math.inf)
    scale = max(_size(first), _size(second))
    for name in ("mean", "std", "min", "max", "norm"):
        here, there = getattr(first, name), getattr(second, name)
        far = distance(here, there, 0.0 if name == "norm" else scale)
        if far:
            yield Distance(name, here, there, far)
    for name in ("fraction_nonpositive", "fraction_zero"):
        here, there = getattr(first, name), getattr(second, name)
        far = distance(here, there, 1.0)
        if far:
            yield Distance(name, here, there, far)
    if first.nonfinite != second.nonfinite:
        far = distance(first.nonfinite, second.nonfinite, max(first.count, second.count))
        yield Distance("nonfinite", first.nonfinite, second.nonfinite, far)
    far = _between_histograms(first, second)
    if far:
        yield Distance("histogram", None, None, far, fine=True)


def _between_histograms(first: TensorStats, second: TensorStats) -> float:
    """The share of values that stand in another bin, 0 to 1."""
    here = first.histogram.counts if first.histogram else ()
    there = second.histogram.counts if second.histogram else ()
    if here == there:
        return 0.0
    if len(here) != len(there):
        return math.inf
    moved = sum(abs(one - other) for one, other in zip(here, there, strict=True))
    return distance(moved, 0, sum(map(abs, here)) + sum(map(abs, there)))


def _size(stats: TensorStats | None) -> float:
    """Root mean square of the finite values; 0.0 where it is not known."""
    if stats is None or stats.norm is None or stats.count <= stats.nonfinite:
        return 0.0
    try:
        size = stats.norm / math.sqrt(stats.count - stats.nonfinite)
    except OverflowError:
        return 0.0
    return size if math.isfinite(size) else 0.0  # of two scales, NaN would be either


def _words(shape: Sequence[int] | None) -> str | None:
    return None if shape is None else sides_of(shape)


def _seen(stats: TensorStats | None) -> str:
    return "none" if stats is None else "measured"
