"""The ledger of gradients: who received them from which backward, and what became of them.

A generator's backward fills the discriminator's gradients too. Whether they were cleared before
the discriminator's own update, or went into it, is told here by looking at the gradients
themselves: no call to ``zero_grad`` has to be seen.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ganscope.probe.gradients import Run
from ganscope.traces import LedgerEntry

EARLIER = -1
"""Stands for a backward of an earlier step."""


@dataclass(slots=True)
class _Pending:
    """Gradients in one parameter that nobody has used or cleared yet."""

    parameter: weakref.ref[Tensor]
    network: str
    runs: list[int]
    version: int


Fate = tuple[str, tuple[int, ...], str, int]
"""What became of one parameter's gradient: network, the engine's runs in it, fate, round."""


class Ledger:
    """Follows the gradients of every parameter of every network."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}
        self._fates: list[Fate] = []

    def received(self, run: Run) -> None:
        """A backward has left gradients."""
        if run.kind != "backward":
            return
        for network, parameters in run.reached.items():
            for parameter in parameters:
                if parameter.grad is None:
                    continue
                entry = self._entry(parameter, network)
                entry.runs.append(run.ident)
                entry.version = _version(parameter.grad)

    def look(self, round: int) -> None:
        """Notice what was cleared since the last look."""
        for key, entry in list(self._pending.items()):
            parameter = entry.parameter()
            if parameter is None:
                del self._pending[key]
            elif self._was_cleared(parameter, entry):
                self._settle(key, "cleared", round)

    def used(self, parameters: Iterable[Tensor], round: int) -> None:
        """An optimizer steps on these."""
        for parameter in parameters:
            entry = self._pending.get(id(parameter))
            if entry is not None and entry.parameter() is parameter:
                self._settle(id(parameter), "used", round)

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
            entry.runs = _aged(entry.runs, runs)
        fates, self._fates = self._fates, []
        for network, own, fate, round in fates:
            if round > last:  # of the step that follows; when this one ended, they were there
                for run in runs.keys() & own:
                    counted[network, runs[run], "left", None] += 1
                self._fates.append((network, tuple(_aged(own, runs)), fate, round))
                continue
            # Several earlier backwards may have filled one parameter: it counts once.
            for backward in {runs.get(run, EARLIER) for run in own}:
                counted[network, backward, fate, rounds.get(round)] += 1
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
            entry = _Pending(weakref.ref(parameter), network, [], -1)
            self._pending[id(parameter)] = entry
        return entry

    def _was_cleared(self, parameter: Tensor, entry: _Pending) -> bool:
        gradient = parameter.grad
        if gradient is None:
            return True
        version = _version(gradient)
        if version == entry.version:
            return False
        entry.version = version
        # Scaled, clipped or zeroed? Only the values tell; on a device, asking would stall it.
        return gradient.is_cpu and not bool(gradient.detach().any())

    def _settle(self, key: int, fate: str, round: int) -> None:
        entry = self._pending.pop(key)
        self._fates.append((entry.network, tuple(entry.runs), fate, round))


def _aged(own: Iterable[int], ended: Mapping[int, int]) -> list[int]:
    """The runs of one gradient when the step of the `ended` ones is over."""
    return list(dict.fromkeys(EARLIER if run in ended else run for run in own))


def _version(gradient: Tensor) -> int:
    try:
        return gradient._version
    except RuntimeError:  # an inference tensor
        return -1
