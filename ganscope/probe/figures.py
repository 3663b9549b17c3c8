"""Figures that are still to come, and the stage on which small tensors wait for theirs.

A small tensor costs more in calls than in arithmetic, and most of that is the processor
finding its way back into code that a layer has just driven out of its caches. So the values
of small tensors, and those from which a large one's histogram is taken, are copied inside the
hook onto a stage of fixed size, and worked off together when it is full or the step ends. The
stage is overwritten, never grown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganscope.probe import statistics
from ganscope.probe.batches import STAGE, measure_many
from ganscope.probe.samples import SampleStage, reshaped
from ganscope.probe.statistics import Numbers
from ganscope.traces import Samples, TensorStats
from ganscope.traces.tensor import Value

PREVIEW = 8
SMALL = 16_384
"""Most values of a tensor that goes over the stage."""

Array = np.ndarray[Any, Any]


class Figures:
    """Statistics, preview and samples of one tensor; they may arrive later."""

    __slots__ = (
        "_origin",
        "_shapes",
        "contiguous",
        "fault",
        "preview",
        "samples",
        "spread",
        "stats",
    )

    def __init__(self) -> None:
        self.stats: TensorStats | None = None
        self.preview: tuple[Value, ...] = ()
        self.samples: Samples | None = None
        self.spread: float | None = None
        """Of the samples of a batch; see `spread`. Worked out only where it is asked for."""
        self.fault: str | None = None
        """Why they could not be worked out."""
        self.contiguous = False
        """Whether the values lay in memory in their own order."""
        self._origin: Figures | None = None
        self._shapes: tuple[tuple[int, ...], tuple[int, ...]] = (), ()

    def take(self, values: Array, samples: SampleStage | None) -> None:
        """Work them out from `values`; a fault of ours is kept, never raised."""
        try:
            self.stats = statistics.measure(values)
            self.preview = tuple(values.flat[:PREVIEW].tolist())
            if samples is not None:
                samples.add(values, self)
        except Exception as error:
            self.fault = f"no figures: {type(error).__name__} while reading it"

    def reread(self, before: tuple[int, ...], shape: tuple[int, ...]) -> Figures:
        """The figures of the same values under another shape than the one `before`."""
        figures = Figures()
        figures._origin, figures._shapes = self, (before, shape)
        figures.contiguous = self.contiguous
        return figures

    @property
    def first(self) -> Figures:
        """Those of the same values in the same shape that were there first."""
        origin, (before, shape) = self._origin, self._shapes
        return origin.first if origin is not None and before == shape else self

    def settle(self) -> None:
        """Take over what has arrived at the figures that these only re-read."""
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.settle()
            if self._shapes[0] == self._shapes[1]:
                self.spread = origin.spread
            self.stats, self.preview = origin.stats, origin.preview
            if origin.samples is not None:
                self.samples = reshaped(origin.samples, *self._shapes)


class Stage:
    """Float32 values, waiting for their turn: small tensors whole, of large ones a sample.

    Args:
        samples: Where their samples go; None keeps none.
    """

    # One for the process, since only one observer is at work: a new one each time would be slow.
    _memory: Array | None = None

    def __init__(self, samples: SampleStage | None) -> None:
        self._samples = samples
        self._filled = 0
        self._waiting: list[Figures] = []
        self._sizes: list[int] = []
        self._known: list[Numbers | None] = []

    def add(self, values: Array) -> Figures:
        """Take float32 `values`: copied if there are at most `SMALL`, else looked at here."""
        figures = self.add_statistics(values)
        figures.preview = tuple(values.flat[:PREVIEW].tolist())
        if self._samples is not None:
            self._samples.add(values, figures)
        return figures

    def add_statistics(self, values: Array) -> Figures:
        """Like `add`, without a preview and samples."""
        figures = Figures()
        flat = values.reshape(-1) if values.flags.c_contiguous else values.ravel(order="K")
        if flat.size == 0:
            figures.stats = statistics.EMPTY
        elif flat.size <= SMALL:
            self._put(figures, flat, None)
        else:
            self._add_large(figures, flat)
        return figures

    def _add_large(self, figures: Figures, flat: Array) -> None:
        with np.errstate(all="ignore"):  # whatever the user's own settings are
            sweep = statistics.sweep_of(flat)
            if statistics.is_ordinary(sweep[0], sweep[1]):
                sample = flat[:: statistics.sample_stride(flat.size)]
                self._put(figures, sample, statistics.numbers(flat, sweep))
            else:
                figures.stats = statistics.unusual(flat, sweep[0], sweep[1])

    def _put(self, figures: Figures, values: Array, known: Numbers | None) -> None:
        memory = Stage._memory
        if memory is None:
            memory = Stage._memory = np.empty(STAGE, dtype=np.float32)
        if self._filled + values.size > STAGE:
            self.flush()
        start = self._filled
        self._filled += values.size
        memory[start : self._filled] = values
        self._waiting.append(figures)
        self._sizes.append(values.size)
        self._known.append(known)

    def flush(self) -> None:
        """Work off all that waits, and begin anew; a fault of ours is kept, never raised."""
        waiting, sizes, known, filled = self._waiting, self._sizes, self._known, self._filled
        self._waiting, self._sizes, self._known, self._filled = [], [], [], 0
        if not waiting or Stage._memory is None:
            return
        values = Stage._memory[:filled]
        found: Sequence[TensorStats | None]
        try:
            found = measure_many(values, sizes, known)
        except Exception:
            found = _one_by_one(values, sizes, known, waiting)
        for figures, stats in zip(waiting, found, strict=True):
            figures.stats = stats


def _one_by_one(
    values: Array, sizes: list[int], known: list[Numbers | None], waiting: list[Figures]
) -> list[TensorStats | None]:
    """What can be had when all together failed: one that cannot be measured costs no other."""
    found: list[TensorStats | None] = []
    end = 0
    for size, numbers, figures in zip(sizes, known, waiting, strict=True):
        start, end = end, end + size
        try:
            found += measure_many(values[start:end], [size], [numbers])
        except Exception as error:
            figures.fault = f"no figures: {type(error).__name__} while reading it"
            found.append(None)
    return found
