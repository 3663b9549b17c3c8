"""Intervals on their way to a file, and the steps that they are labelled with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ganscope.probe.selection import Selection
from ganscope.traces import Interval, Network


class Sink(Protocol):
    """Where intervals go."""

    def append(self, interval: Interval, step: int, networks: Sequence[Network]) -> None:
        """Keep one more interval, labelled with the index of its step."""

    def label(self, steps: Mapping[int, int | None], networks: Sequence[Network]) -> None:
        """Give intervals, by their ids, other labels; None drops them."""

    def end(self, networks: Sequence[Network]) -> None:
        """The step of the last interval has ended, as far as is known."""

    def settle(self) -> None:
        """None but the last step's intervals will be given other labels."""


class StepLabels:
    """Counts steps, and tells the sink which interval belongs to which.

    Args:
        sink: Where intervals go at once.
        selection: Which steps to keep.
    """

    def __init__(self, sink: Sink, selection: Selection) -> None:
        self.index = 0
        """Of the step that runs now."""
        self.has_content = False
        """Whether an interval of that step has ended."""
        self._losses = 0
        self._first_loss: str | None = None
        self._sink, self._selection = sink, selection
        self._recent: dict[int, int] = {}
        """Labels of the last intervals in the sink, by id, as many as may be given others."""
        self._incomplete = -1
        """The last step of which the sink refused an interval."""
        self._settled = False

    @property
    def lost(self) -> str | None:
        """Why steps are missing that were to be kept."""
        if self._losses < 2:
            return self._first_loss
        return f"{self._first_loss}; nor could {self._losses - 1} further one(s)"

    @property
    def has_last(self) -> bool:
        """Whether the step before this one can still be added to."""
        return self.index - 1 in self._recent.values()

    @property
    def is_full(self) -> bool:
        """Whether no further step is wanted; one that the sink refused has had its turn."""
        return self._settled and self._selection.is_over(self.index)

    @property
    def wants_next(self) -> bool:
        """Whether the step that begins now is to be kept."""
        return self._selection.wants(self.index)

    def add(self, interval: Interval, networks: Sequence[Network]) -> None:
        """An interval of the step that runs now has ended."""
        self.has_content = True
        if self.index == self._incomplete or (self._settled and not self.wants_next):
            return
        self._tell(lambda: self._sink.append(interval, self.index, networks))
        if self.index == self._incomplete:
            return
        if self._settled:
            self._recent = {
                key: label for key, label in self._recent.items() if label == self.index
            }
        self._recent[interval.id] = self.index

    def end(self, networks: Sequence[Network] = ()) -> None:
        """The step has ended."""
        if self.index in self._recent.values():
            self._tell(lambda: self._sink.end(networks))
        if self._settled:
            self._tell(self._sink.settle)
        self.index += 1
        self.has_content = False

    def reopen(self) -> None:
        """The step that ended last goes on after all."""
        self.index -= 1
        self.has_content = True
        if self.index not in self._recent.values():
            self._incomplete = self.index  # the rest of what is missing, or was not recorded

    def skip(self) -> None:
        """A step has ended that is not kept."""
        self.end()
        self._recent.clear()

    def join(self, count: int, networks: Sequence[Network]) -> None:
        """The last `count` steps that have ended are one."""
        first = self.index - count
        if count < 2 or first not in self._recent.values():
            return
        changed = {
            key: first if label < self.index else label - count + 1
            for key, label in self._recent.items()
            if label > first
        }
        self.index -= count - 1
        self._label(changed, networks)

    def join_all(self, networks: Sequence[Network]) -> None:
        """All that there is so far is one step."""
        if self._recent:
            self.join(self.index - min(self._recent.values()), networks)

    def settle(self, networks: Sequence[Network]) -> None:
        """It is known where steps end: keep of the first ones what was asked for."""
        if self._settled:
            return
        self._settled = True
        unwanted = {
            key: None for key, label in self._recent.items() if not self._selection.wants(label)
        }
        if unwanted:
            self._label(unwanted, networks)

    def _label(self, steps: Mapping[int, int | None], networks: Sequence[Network]) -> None:
        for key, label in steps.items():
            if label is None:
                self._recent.pop(key, None)
            else:
                self._recent[key] = label
        self._tell(lambda: self._sink.label(steps, networks))

    def _tell(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        self._recent.clear()  # the sink holds something else than was to stand there
        self._incomplete = self.index
        self._losses += 1
        if self._first_loss is None:
            self._first_loss = f"step {self.index} could not be kept: {error}"
