"""The ledger of gradients: who received them from which backward, and what became of them.

A generator's backward fills the discriminator's gradients too. Whether they were cleared before
the discriminator's own update, or went into it, is told here by looking at the gradients
themselves: no call to ``zero_grad`` has to be seen. So is what an optimizer has used and nobody
has cleared before the next backward.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from ganscope.probe.gradients import Run
from ganscope.traces import EARLIER, LedgerEntry


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


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of one parameter's gradient: of the engine's runs in it, and in which round.

    Used gradients may have gone into an earlier update as well: `stale`.
    """

    network: str
    runs: Sequence[int]
    stale: Sequence[int]
    what: str
    round: int


class Ledger:
    """Follows the gradients of every parameter of every network."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}
        self._fates: list[_Fate] = []

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

    def look(self, round: int) -> None:
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
                self._clear(key, round)
            elif found == "zero":
                zeroed.setdefault(entry.network, []).append(key)
            elif found == "changed":
                scaled.add(entry.network)
        # What scales gradients (clipping) leaves those at zero that were zero before.
        for network in zeroed.keys() - scaled:
            for key in zeroed[network]:
                self._clear(key, round)

    def _clear(self, key: int, round: int) -> None:
        entry = self._pending.pop(key)
        if entry.runs:
            self._settle(entry, "cleared", round)

    def _asked(self, parameter: Tensor) -> None:
        entry = self._pending.get(id(parameter))
        if entry is not None and entry.parameter() is parameter:
            entry.was_asked = True

    def used(self, parameters: Iterable[Tensor], round: int) -> None:
        """An optimizer steps on these."""
        for parameter in parameters:
            entry = self._pending.get(id(parameter))
            if entry is None or not entry.runs or entry.parameter() is not parameter:
                continue
            self._settle(entry, "used", round)
            # Nobody has cleared it: the next backward adds to it.
            entry.stale, entry.runs = list(dict.fromkeys((*entry.stale, *entry.runs))), []

    def take(
        self, runs: Mapping[int, int], rounds: Mapping[int, int], last: float
    ) -> tuple[LedgerEntry, ...]:
        """The entries of a step that ends now; what is left goes on to the next one.

        Args:
            runs: The engine's runs of the step, as they are numbered in it.
            rounds: The updates of the step, as they are numbered in it.
            last: The last round of the step, updates or not.
        """
        counted: Counter[tuple[str, int, str, int | None]] = Counter()
        for entry in self._pending.values():
            for run in runs.keys() & entry.runs:
                counted[entry.network, runs[run], "left", None] += 1
            entry.runs, entry.stale = _aged(entry.runs, runs), _aged(entry.stale, runs)
        fates, self._fates = self._fates, []
        for each in fates:
            if each.round > last:  # of the step that follows; when this one ended, they were there
                for run in runs.keys() & each.runs:
                    counted[each.network, runs[run], "left", None] += 1
                own, stale = _aged(each.runs, runs), _aged(each.stale, runs)
                self._fates.append(replace(each, runs=own, stale=stale))
                continue
            # Several earlier backwards may have filled one parameter: it counts once.
            for backward in {runs.get(run, EARLIER) for run in (*each.runs, *each.stale)}:
                counted[each.network, backward, each.what, rounds.get(each.round)] += 1
        return tuple(
            LedgerEntry(network, backward, tensors, fate, update)
            for (network, backward, fate, update), tensors in sorted(
                counted.items(), key=lambda item: (item[0][1], item[0][0], item[0][2])
            )
        )

    def forget(self) -> None:
        """Steps will go unrecorded."""
        self._pending.clear()
        self._fates.clear()

    def _entry(self, parameter: Tensor, network: str) -> _Pending:
        entry = self._pending.get(id(parameter))
        if entry is None or entry.parameter() is not parameter:
            entry = _Pending(weakref.ref(parameter), network)
            self._pending[id(parameter)] = entry
        return entry

    def _settle(self, entry: _Pending, what: str, round: int) -> None:
        # What is cleared after it was used was told of when it was used.
        stale = tuple(entry.stale) if what == "used" else ()
        self._fates.append(_Fate(entry.network, tuple(entry.runs), stale, what, round))


def _aged(own: Iterable[int], ended: Mapping[int, int]) -> list[int]:
    """The runs of one gradient when the step of the `ended` ones is over."""
    return list(dict.fromkeys(EARLIER if run in ended else run for run in own))


def _version(gradient: Tensor) -> int:
    try:
        return gradient._version
    except RuntimeError:  # an inference tensor
        return -1
