"""Intervals to a file of steps: a step is put together when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganscope.traces.file import TraceWriter
from ganscope.traces.interval import Interval, step_of
from ganscope.traces.trace import Network

_OPEN = 4
"""So many intervals of a step that goes on may be lost when a process is killed; of a long step
a third, since to write it anew at every interval would take its square."""


class LabelledWriter:
    """Writes intervals as the steps that they are labelled with.

    Args:
        writer: Writes the steps.
    """

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._steps: dict[int, list[Interval]] = {}
        """Intervals that may be given other labels, by their labels; the last one is open."""
        self._written = 0
        """How many of these steps are in the file."""
        self._waiting = 0
        """How many intervals of the last one are not."""

    def append(self, interval: Interval, step: int, networks: Sequence[Network]) -> None:
        """Add an interval to a step, the last one or a new one."""
        if step not in self._steps:
            self._write(networks)
        self._steps.setdefault(step, []).append(interval)
        self._writer.add_sources(interval.sources)
        self._waiting += 1
        if self._waiting >= max(_OPEN, len(self._steps[step]) // 3):
            self._write(networks)

    def end(self, networks: Sequence[Network]) -> None:
        """The last step has ended, as far as is known."""
        self._write(networks)

    def settle(self) -> None:
        """It is known where steps end: none but the last one will be given other labels."""
        for label in list(self._steps)[:-1]:
            del self._steps[label]
            self._written -= 1

    def label(self, steps: Mapping[int, int | None], networks: Sequence[Network]) -> None:
        """Give intervals other labels; None drops them."""
        entries = [
            (steps.get(interval.id, label), interval)
            for label, intervals in self._steps.items()
            for interval in intervals
        ]
        self._steps = {}
        for label, interval in entries:
            if label is not None:
                self._steps.setdefault(label, []).append(interval)
        before, self._written, self._waiting = self._written, len(self._steps), 0
        whole = [step_of(label, intervals) for label, intervals in self._steps.items()]
        self._writer.replace_last(before, whole, networks)

    def _write(self, networks: Sequence[Network]) -> None:
        """Bring the file up to what is known of the last step."""
        if not self._waiting:
            return
        self._waiting = 0
        label, intervals = next(reversed(self._steps.items()))
        whole = step_of(label, intervals)
        if self._written == len(self._steps):
            self._writer.replace_last(1, [whole], networks)
        else:
            self._writer.append(whole, networks)
            self._written += 1
