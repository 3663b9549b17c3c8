"""Finished steps on their way to a file, until it is known which of them are one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ganscope.probe.selection import Selection
from ganscope.probe.steps import joined
from ganscope.traces import Network, Step


class Sink(Protocol):
    """Where finished steps go."""

    def append(self, step: Step, networks: Sequence[Network]) -> None:
        """Keep one more step."""

    def replace_last(self, count: int, steps: Sequence[Step], networks: Sequence[Network]) -> None:
        """Put `steps` where the last `count` were."""


class StepStore:
    """Finished steps on their way to the sink, until it is known which of them are one.

    Args:
        sink: Where they go at once.
        selection: Which of them to keep.
        complete: Adds to a step that was joined what was known too late for its parts.
    """

    def __init__(
        self, sink: Sink, selection: Selection, complete: Callable[[Step], Step] = lambda step: step
    ) -> None:
        self.index = 0
        """Of the step that runs now."""
        self._losses = 0
        self._first_loss: str | None = None
        self._sink, self._selection, self._complete = sink, selection, complete
        self._recent: list[Step] = []
        """The last steps of the sink, as many as may have to be joined."""
        self._rest: list[Step] = []
        """What belongs to the last of them, and is not in the sink yet."""
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
        return bool(self._recent) and self._recent[-1].index == self.index - 1

    @property
    def last(self) -> Step:
        """The step before this one, where it can be added to."""
        if not self._rest:
            return self._recent[-1]
        return self._complete(joined([self._recent[-1], *self._rest]))

    @property
    def is_full(self) -> bool:
        """Whether no further step is wanted; one that the sink refused has had its turn."""
        return self._settled and self._selection.is_over(self.index)

    @property
    def wants_next(self) -> bool:
        """Whether the step that begins now is to be kept."""
        return self._selection.wants(self.index)

    def add(self, step: Step, networks: Sequence[Network], *, reopened: bool) -> None:
        """A step has ended; `reopened`: it is the rest of the one before."""
        if reopened:
            self._add_rest(step, networks)
            return
        self._write_rest(networks)
        if self._settled and not self.wants_next:
            self.skip()
            return
        self.index += 1
        try:
            self._sink.append(step, networks)
        except Exception as error:
            self._lose(step, error)
            return
        self._recent.append(step)
        if self._settled:
            del self._recent[:-1]

    def _add_rest(self, step: Step, networks: Sequence[Network]) -> None:
        if not self._recent:
            return  # the rest of what is missing, or was not recorded
        self._rest.append(step)
        # Not each time: rewriting a long step for every update would take its square.
        if len(self._rest) >= len(self._recent[-1].updates) // 2:
            self._write_rest(networks)

    def skip(self) -> None:
        """A step has ended that is not kept."""
        self.index += 1
        self._recent.clear()
        self._rest.clear()

    def join(self, count: int, networks: Sequence[Network]) -> None:
        """The last `count` steps are one."""
        self._write_rest(networks)
        if count > len(self._recent):
            return
        whole = self._complete(joined(self._recent[-count:]))
        self._recent[-count:] = [whole]
        self.index -= count - 1
        self._replace(count, [whole], networks)

    def join_all(self, networks: Sequence[Network]) -> None:
        """All that there is so far is one step."""
        if len(self._recent) > 1:
            self.join(len(self._recent), networks)

    def settle(self, networks: Sequence[Network]) -> None:
        """It is known where steps end: keep of the first ones what was asked for."""
        self._write_rest(networks)
        if self._settled:
            return
        self._settled = True
        kept = [step for step in self._recent if self._selection.wants(step.index)]
        if len(kept) < len(self._recent):
            self._replace(len(self._recent), kept, networks)
        last = self._recent[-1:]
        self._recent = last if last and kept and last[0] is kept[-1] else []

    def _write_rest(self, networks: Sequence[Network]) -> None:
        """Bring the sink up to what is known of the last step."""
        if not self._rest:
            return
        whole = self._recent[-1] = self.last
        self._rest.clear()
        self._replace(1, [whole], networks)

    def _replace(self, count: int, steps: Sequence[Step], networks: Sequence[Network]) -> None:
        try:
            self._sink.replace_last(count, steps, networks)
        except Exception as error:
            self._lose(steps[-1] if steps else None, error)

    def _lose(self, step: Step | None, error: Exception) -> None:
        self._recent.clear()
        self._rest.clear()  # the sink holds something else than was to stand there
        self._losses += 1
        if self._first_loss is None:
            which = "a step" if step is None else f"step {step.index}"
            self._first_loss = f"{which} could not be kept: {error}"
