"""Figures that are still to come: of small tensors in a bounded stage, of a device's in a batch.

A small tensor costs more in calls than in arithmetic, and most of that is the processor
finding its way back into code that a layer has just driven out of its caches. So the values
of small tensors are copied, inside the hook, into one stage of fixed size, and worked off in
a row when it is full or the step ends. The stage is overwritten, never grown.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from ganscope.probe import statistics
from ganscope.probe.samples import reshaped, take_samples
from ganscope.traces import Samples, TensorStats
from ganscope.traces.tensor import Value

PREVIEW = 8
STAGE = 1 << 20
"""Float32 values that the stage holds: 4 MB."""
SMALL = 16_384
"""Most values of a tensor that goes over the stage."""

Array = np.ndarray[Any, Any]


class Source(Protocol):
    """Where figures are waiting."""

    def flush(self) -> None:
        """Work out every figure that waits here."""


class Figures:
    """Statistics, preview and samples of one tensor, perhaps still to come."""

    __slots__ = ("_origin", "_shape", "_source", "contiguous", "preview", "samples", "stats")

    def __init__(self, source: Source | None = None) -> None:
        self.stats: TensorStats | None = None
        self.preview: tuple[Value, ...] = ()
        self.samples: Samples | None = None
        self.contiguous = False
        """Whether the values lay in memory in their own order."""
        self._source = source
        self._origin: Figures | None = None
        self._shape: tuple[int, ...] = ()

    def reread(self, shape: tuple[int, ...]) -> Figures:
        """The figures of the same values under another shape."""
        figures = Figures()
        figures._origin, figures._shape = self, shape
        figures.contiguous = self.contiguous
        return figures

    def settle(self) -> None:
        """Make sure that the figures are there."""
        if self._source is not None:
            self._source.flush()
        if self._origin is not None:
            self._settle_from(self._origin)
            self._origin = None

    def _settle_from(self, origin: Figures) -> None:
        origin.settle()
        self.stats, self.preview = origin.stats, origin.preview
        if origin.samples is not None:
            self.samples = reshaped(origin.samples, self._shape)

    def arrived(self) -> None:
        """They are there now."""
        self._source = None

    def take(self, values: Array, *, samples: bool) -> None:
        """Work them out from `values`."""
        self.fill(statistics.measure(values), values, samples=samples)

    def fill(self, stats: TensorStats, values: Array, *, samples: bool) -> None:
        """Take `stats`, and what else there is from the same `values`."""
        self.stats = stats
        self._source = None
        self.preview = tuple(values.flat[:PREVIEW].tolist())
        if samples:
            self.samples = take_samples(values)


class Stage:
    """Values of small tensors, waiting for their turn."""

    # One for the process, since only one observer is at work: 4 MB each time would be slow.
    _memory: Array | None = None

    def __init__(self) -> None:
        self._filled = 0
        self._waiting: list[tuple[Figures, int, tuple[int, ...], bool]] = []

    def add(self, values: Array, *, samples: bool) -> Figures:
        """Copy float32 `values`, at most `SMALL` of them."""
        memory = Stage._memory
        if memory is None:
            memory = Stage._memory = np.empty(STAGE, dtype=np.float32)
        size = values.size
        if self._filled + size > STAGE:
            self.flush()
        start = self._filled
        memory[start : start + size] = values.reshape(-1)
        self._filled = start + size
        figures = Figures(self)
        self._waiting.append((figures, start, values.shape, samples))
        return figures

    def flush(self) -> None:
        """Work off all that waits, runs of equal size together, and begin anew."""
        memory, waiting = Stage._memory, self._waiting
        self._waiting, self._filled = [], 0
        first = 0
        while first < len(waiting):
            size = math.prod(waiting[first][2])
            start = waiting[first][1]
            last = first + 1
            most = first + statistics.rows_at_once(size) if size else last
            while last < min(most, len(waiting)) and math.prod(waiting[last][2]) == size:
                last += 1
            assert memory is not None
            table = memory[start : start + (last - first) * size].reshape(last - first, size)
            stats = statistics.measure_rows(table)
            for row, (figures, _, shape, samples) in enumerate(waiting[first:last]):
                figures.fill(stats[row], table[row].reshape(shape), samples=samples)
            first = last
