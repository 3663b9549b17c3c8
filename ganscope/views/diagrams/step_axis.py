"""Training steps across a chart: where they are named, and where a figure is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ganscope.views.metrics.curves import Curve

CROSS = "✗"
"""Marks a step without a finite figure."""
_LEAST = 4
_ROUND = (1, 2, 5, 10)


def is_finite(value: float | None) -> bool:
    """Whether there is a figure, and it is neither NaN nor infinite."""
    return value is not None and math.isfinite(value)


def any_lost(curves: Iterable[Curve]) -> bool:
    """Whether any step has no finite figure."""
    return any(not is_finite(y) for curve in curves for _, y in curve.points)


def ticks_among(steps: Sequence[int], most: int) -> list[int]:
    """Steps to name: round ones among those recorded; where these are few, every so many of them.

    Args:
        steps: The recorded ones, ascending.
        most: How many are named at most.
    """
    from matplotlib.ticker import MaxNLocator

    if len(steps) <= most:
        return list(steps)
    recorded = set(steps)
    locator = MaxNLocator(most, integer=True, steps=list(_ROUND))
    wanted = locator.tick_values(steps[0], steps[-1])
    round_ones = [int(value) for value in wanted if int(value) in recorded]
    if len(round_ones) >= _LEAST:
        return round_ones
    stride, tens = 1, 1
    while len(steps) > most * stride:
        nearest = next(one for one in _ROUND if one * tens > stride)
        stride = nearest * tens
        tens *= 10 if nearest == _ROUND[-1] else 1
    return list(steps[::stride])
