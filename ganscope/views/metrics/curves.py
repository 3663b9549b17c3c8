"""Figures over steps as curves: their points, their ends, and the scale that they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganscope.traces import Step, Trace
from ganscope.traces.series import Place, layouts, series
from ganscope.views.metrics.names import Metric, figures, find, shared_losses

_WIDE = 100.0
"""A span from least to most, as a factor, from which on powers of ten are drawn."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure over steps.

    Attributes:
        metric: Which figure.
        points: Index of each step with its figure; None where it is not finite or not known.
    """

    metric: Metric
    points: tuple[tuple[int, float | None], ...]

    @property
    def known(self) -> list[tuple[int, float]]:
        """The points with a figure."""
        return [(x, y) for x, y in self.points if y is not None and math.isfinite(y)]

    @property
    def lost(self) -> int:
        """How many points have none."""
        return len(self.points) - len(self.known)


def curves(trace: Trace, path: Path | None, asked: Sequence[str]) -> list[Curve]:
    """The figures that a reader asked for, over all steps.

    Args:
        trace: The trace.
        path: Its file, where it is a recording.
        asked: Their names; see `find`.

    Raises:
        UsageError: There is no such figure.
        TraceFileError: The file is damaged.
    """
    kinds = layouts(trace.steps, path)
    return curves_of(trace, path, find(asked, kinds, trace.networks), kinds)


def curves_of(
    trace: Trace, path: Path | None, metrics: Sequence[Metric], kinds: Sequence[Step]
) -> list[Curve]:
    """Figures over all steps.

    Args:
        trace: The trace.
        path: Its file, where it is a recording.
        metrics: Which figures.
        kinds: One step of every kind.

    Raises:
        TraceFileError: The file is damaged.
    """
    found = []
    shared = shared_losses(kinds, trace.networks)
    for metric in metrics:

        def places(step: Step, name: str = metric.name) -> Sequence[Place]:
            return figures(step, trace.networks, shared).get(name, [])

        found.append(Curve(metric, tuple(series(trace.steps, path, places))))
    return found


def suits_powers_of_ten(values: Sequence[float]) -> bool:
    """Whether figures lie so far apart that a plain scale would hide the small ones."""
    return bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)


def binned(
    points: Sequence[tuple[int, float]], low: int, high: int, bins: int
) -> list[float | None]:
    """Means of the points that fall into each of `bins` equal parts from `low` to `high`."""
    sums, counts = [0.0] * bins, [0] * bins
    for x, y in points:
        place = _bin(x, low, high, bins)
        sums[place] += y
        counts[place] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


def gaps(points: Sequence[tuple[int, float | None]], low: int, high: int, bins: int) -> set[int]:
    """The parts, as `binned` makes them, into which only steps without a finite figure fall."""
    known: dict[int, bool] = {}
    for x, y in points:
        if low <= x <= high:
            place = _bin(x, low, high, bins)
            known[place] = known.get(place, False) or (y is not None and math.isfinite(y))
    return {place for place, is_known in known.items() if not is_known}


def _bin(x: int, low: int, high: int, bins: int) -> int:
    return min(bins - 1, (x - low) * bins // (max(1, high - low) + 1))


def means(known: Sequence[tuple[int, float]], bins: int = 100) -> tuple[list[int], list[float]]:
    """Many points as the steps and the means of at most `bins` equal parts."""
    first, last = known[0][0], known[-1][0]
    width = (last - first + 1) / bins
    parts = enumerate(binned(known, first, last, bins))
    found = [(round(first + (at + 0.5) * width), y) for at, y in parts if y is not None]
    return [x for x, _ in found], [y for _, y in found]
