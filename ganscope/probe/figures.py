"""Figures that are still to come, and the stage on which small tensors wait for theirs.

A small tensor costs more in calls than in arithmetic, and most of that is the processor
finding its way back into code that a layer has just driven out of its caches. So the values
of small tensors are copied, inside the hook, onto a stage of fixed size, and worked off in a
row when it is full or the step ends. The stage is overwritten, never grown.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ganscope.probe import statistics
from ganscope.probe.samples import SampleStage, reshaped
from ganscope.traces import Samples, TensorStats
from ganscope.traces.tensor import Value

PREVIEW = 8
STAGE = 1 << 20
"""Float32 values that the stage holds: 4 MB."""
SMALL = 16_384
"""Most values of a tensor that goes over the stage."""

Array = np.ndarray[Any, Any]


class Figures:
    """Statistics, preview and samples of one tensor; they may arrive later."""

    __slots__ = ("_origin", "_shape", "contiguous", "fault", "preview", "samples", "stats")

    def __init__(self) -> None:
        self.stats: TensorStats | None = None
        self.preview: tuple[Value, ...] = ()
        self.samples: Samples | None = None
        self.fault: str | None = None
        """Why they could not be worked out."""
        self.contiguous = False
        """Whether the values lay in memory in their own order."""
        self._origin: Figures | None = None
        self._shape: tuple[int, ...] = ()

    def take(self, values: Array, samples: SampleStage | None) -> None:
        """Work them out from `values`; a fault of ours is kept, never raised."""
        try:
            self.stats = statistics.measure(values)
            self.preview = tuple(values.flat[:PREVIEW].tolist())
            if samples is not None:
                samples.add(values, self)
        except Exception as error:
            self.fault = f"no figures: {type(error).__name__} while reading it"

    def reread(self, shape: tuple[int, ...]) -> Figures:
        """The figures of the same values under another shape."""
        figures = Figures()
        figures._origin, figures._shape = self, shape
        figures.contiguous = self.contiguous
        return figures

    def settle(self) -> None:
        """Take over what has arrived at the figures that these only re-read."""
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.settle()
            self.stats, self.preview = origin.stats, origin.preview
            if origin.samples is not None:
                self.samples = reshaped(origin.samples, self._shape)


class Stage:
    """Values of small tensors, waiting for their turn.

    Args:
        samples: Where their samples go; None keeps none.
    """

    # One for the process, since only one observer is at work: 4 MB each time would be slow.
    _memory: Array | None = None

    def __init__(self, samples: SampleStage | None) -> None:
        self._samples = samples
        self._filled = 0
        self._waiting: list[tuple[Figures, int, tuple[int, ...]]] = []

    def add(self, values: Array) -> Figures:
        """Copy float32 `values`, at most `SMALL` of them."""
        memory = Stage._memory
        if memory is None:
            memory = Stage._memory = np.empty(STAGE, dtype=np.float32)
        if self._filled + values.size > STAGE:
            self.flush()
        start = self._filled
        self._filled += values.size
        memory[start : self._filled] = values.reshape(-1)
        figures = Figures()
        self._waiting.append((figures, start, values.shape))
        return figures

    def flush(self) -> None:
        """Work off all that waits, and begin anew."""
        memory, waiting = Stage._memory, self._waiting
        self._waiting, self._filled = [], 0
        for figures, start, shape in waiting:
            assert memory is not None
            values = memory[start : start + math.prod(shape)].reshape(shape)
            figures.take(values, self._samples)
