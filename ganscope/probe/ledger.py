"""The ledger of gradients: who received them from which backward, and what became of them.

A generator's backward fills the discriminator's gradients too. Whether they were cleared before
the discriminator's own update, or went into it, is told here by looking at the gradients
themselves: no call to ``zero_grad`` has to be seen. So is what an optimizer has used and nobody
has cleared before the next backward.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from torch import Tensor

from ganscope.probe.events import EventLog
from ganscope.probe.gradients import Run
from ganscope.traces import Fate, Received


@dataclass(slots=True)
class _Pending:
    """What is in one parameter's gradient.

    Attributes:
        parameter: The parameter.
        network: Whose it is.
        gradient: Its gradient, when it was last looked at.
        version: Of that.
        was_asked: Whether ``autograd.grad`` has given another one since, which may replace it.
        runs: The engine's runs that nobody has used or cleared yet.
        stale: Those that an optimizer has used, and that are still there.
    """

    parameter: weakref.ref[Tensor]
    network: str
    gradient: weakref.ref[Tensor] | None = None
    version: int = -1
    was_asked: bool = False
    runs: list[int] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)

    def see(self, gradient: Tensor) -> None:
        """What is there now is what was left there."""
        self.gradient, self.version = weakref.ref(gradient), _version(gradient)
        self.was_asked = False

    def change(self, gradient: Tensor | None) -> str:
        """``gone``, ``zero``, ``changed`` in another way, or nothing, since the last look."""
        if gradient is None:
            return "gone"
        before = None if self.gradient is None else self.gradient()
        version = _version(gradient)
        if before is gradient and version == self.version:
            return ""
        # Made of the one before, or put in its place?
        if before is not gradient and self.was_asked:
            return "gone"
        self.see(gradient)
        # Scaled, clipped or zeroed? Only the values tell; on a device, asking would stall it.
        is_zero = gradient.is_cpu and not bool(gradient.detach().any())
        return "zero" if is_zero else "changed"


_MOST_STALE = 64
"""Gradients that nobody ever clears have come of every backward so far: the last ones are told."""


class Ledger:
    """Follows the gradients of every parameter of every network.

    Args:
        events: Told of what was cleared.
    """

    def __init__(self, events: EventLog | None = None) -> None:
        self._events = events
        self._looked = -1
        """The moment of the last look."""
        self._pending: dict[int, _Pending] = {}
        self._received: Counter[tuple[str, int]] = Counter()
        self._fates: Counter[tuple[str, tuple[int, ...], tuple[int, ...], str]] = Counter()

    def received(self, run: Run, *, told: Container[int] = ()) -> None:
        """A backward has left gradients; of the parameters with the ids `told` that is known."""
        for network, parameters in run.reached.items():
            for parameter in parameters:
                if id(parameter) in told:
                    continue
                if run.kind != "backward":
                    self._asked(parameter)
                elif parameter.grad is not None:
                    entry = self._entry(parameter, network)
                    entry.runs.append(run.ident)
                    entry.see(parameter.grad)
                    self._received[network, run.ident] += 1
        self._see()

    def look(self) -> None:
        """Notice what was cleared since the last look."""
        zeroed: dict[str, list[int]] = {}
        scaled: set[str] = set()
        for key, entry in list(self._pending.items()):
            parameter = entry.parameter()
            if parameter is None:
                del self._pending[key]
                continue
            found = entry.change(parameter.grad)
            if found == "gone":
                self._clear(key)
            elif found == "zero":
                zeroed.setdefault(entry.network, []).append(key)
            elif found == "changed":
                scaled.add(entry.network)
        # What scales gradients (clipping) leaves those at zero that were zero before.
        for network in zeroed.keys() - scaled:
            for key in zeroed[network]:
                self._clear(key)
        self._see()

    def _see(self) -> None:
        if self._events is not None:
            self._looked = self._events.now

    def _clear(self, key: int) -> None:
        entry = self._pending.pop(key)
        if self._events is not None:
            self._events.cleared(entry.network, self._looked)
        if entry.runs:
            self._settle(entry, "cleared")

    def _asked(self, parameter: Tensor) -> None:
        entry = self._pending.get(id(parameter))
        if entry is not None and entry.parameter() is parameter:
            entry.was_asked = True

    def used(self, parameters: Iterable[Tensor]) -> None:
        """An optimizer steps on these."""
        for parameter in parameters:
            entry = self._pending.get(id(parameter))
            if entry is None or not entry.runs or entry.parameter() is not parameter:
                continue
            self._settle(entry, "used")
            # Nobody has cleared it: the next backward adds to it.
            stale = list(dict.fromkeys((*entry.stale, *entry.runs)))
            entry.stale, entry.runs = stale[-_MOST_STALE:], []

    def take(self) -> tuple[tuple[Received, ...], tuple[Fate, ...]]:
        """What was received since the last time, and what became of what was there."""
        received = tuple(
            Received(network=network, backward=backward, tensors=tensors)
            for (network, backward), tensors in self._received.items()
        )
        fates = tuple(
            Fate(network=network, backwards=runs, stale=stale, fate=fate, tensors=tensors)
            for (network, runs, stale, fate), tensors in self._fates.items()
        )
        self._received.clear()
        self._fates.clear()
        return received, fates

    def forget(self) -> None:
        """Steps will go unrecorded."""
        self._pending.clear()
        self._received.clear()
        self._fates.clear()

    def _entry(self, parameter: Tensor, network: str) -> _Pending:
        entry = self._pending.get(id(parameter))
        if entry is None or entry.parameter() is not parameter:
            entry = _Pending(weakref.ref(parameter), network)
            self._pending[id(parameter)] = entry
        return entry

    def _settle(self, entry: _Pending, fate: str) -> None:
        # What is cleared after it was used was told of when it was used.
        stale = tuple(entry.stale) if fate == "used" else ()
        self._fates[entry.network, tuple(entry.runs), stale, fate] += 1


def _version(gradient: Tensor) -> int:
    try:
        return gradient._version
    except RuntimeError:  # an inference tensor
        return -1
