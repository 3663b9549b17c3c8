"""Intervals to a file of steps: each step is put together anew when it has grown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganscope.traces.file import TraceWriter
from ganscope.traces.interval import Interval, step_of
from ganscope.traces.trace import Network


class LabelledWriter:
    """Writes intervals as the steps that they are labelled with.

    Args:
        writer: Writes the steps.
    """

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._steps: dict[int, list[Interval]] = {}

    def append(self, interval: Interval, step: int, networks: Sequence[Network]) -> None:
        """Add an interval to a step, the last one or a new one."""
        known = step in self._steps
        self._steps.setdefault(step, []).append(interval)
        while len(self._steps) > 64:
            del self._steps[next(iter(self._steps))]
        whole = step_of(step, self._steps[step])
        if known:
            self._writer.replace_last(1, [whole], networks)
        else:
            self._writer.append(whole, networks)

    def label(self, steps: Mapping[int, int | None], networks: Sequence[Network]) -> None:
        """Give intervals other labels; None drops them."""
        before = len(self._steps)
        entries = [
            (steps.get(interval.id, label), interval)
            for label, intervals in self._steps.items()
            for interval in intervals
        ]
        self._steps = {}
        for label, interval in entries:
            if label is not None:
                self._steps.setdefault(label, []).append(interval)
        whole = [step_of(label, intervals) for label, intervals in self._steps.items()]
        self._writer.replace_last(before, whole, networks)
