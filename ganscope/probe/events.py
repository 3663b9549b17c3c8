"""What happens between calls: weights changed by hand, values that leave torch, and the like.

Everything that a recording tells carries a number of one counter, so that what came before what
is a fact. Loops repeat themselves: events of one kind at one line of one interval are one event
with a count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ganscope.probe import sites
from ganscope.probe.clock import Clock
from ganscope.probe.identities import Identity
from ganscope.probe.networks import Networks
from ganscope.probe.operations import Operation
from ganscope.traces import Event
from ganscope.traces.event import CHANGED, CLEARED, EXIT, STEPPED

_MOST_TENSORS = 8
"""Tensors that one event names."""


@dataclass(slots=True)
class _EventDraft:
    first: int
    last: int
    after: int | None
    times: int = 0
    tensors: list[Identity] = field(default_factory=list)


_Key = tuple[str, str, str, sites.Place | None]
"""Kind, name, network and place."""


class EventLog:
    """Gathers the events of an interval.

    Args:
        clock: Numbers them.
        networks: Who owns which weights.
    """

    def __init__(self, clock: Clock, networks: Networks) -> None:
        self._clock, self._networks = clock, networks
        self._events: dict[_Key, _EventDraft] = {}
        self._weights: dict[int, str] | None = None
        """Networks by the address of their weights and buffers, for the time of an interval."""

    def changed(self, operation: Operation, frame: Any) -> None:
        """An operation outside every module may have changed a weight or a buffer in place."""
        target = operation.target
        network = None if target is None else self._network_of(target)
        if network is not None:
            self._add(CHANGED, operation.name, network, sites.find(frame))

    def left(self, operation: Operation, tensor: Identity, network: str, frame: Any) -> None:
        """Values of a recorded tensor have left torch, as a number or as an array."""
        draft = self._add(EXIT, operation.raw.strip("_"), network, sites.find(frame))
        if len(draft.tensors) < _MOST_TENSORS and tensor not in draft.tensors:
            draft.tensors.append(tensor)

    def stepped(self, optimizer: str, place: sites.Place | None) -> None:
        """An optimizer is about to step."""
        self._add(STEPPED, optimizer, "", place)

    @property
    def now(self) -> int:
        """The moment that was numbered last."""
        return self._clock.last

    def cleared(self, network: str, after: int) -> None:
        """The gradient of a parameter is gone, which it was not at the moment `after`."""
        draft = self._add(CLEARED, "", network, None)
        draft.after = after if draft.after is None else min(after, draft.after)

    @property
    def has_any(self) -> bool:
        """Whether anything happened since the last time."""
        return bool(self._events)

    def take(self) -> tuple[Event, ...]:
        """The events since the last time; statistics have been settled."""
        taken, self._events, self._weights = self._events, {}, None
        for draft in taken.values():
            for tensor in draft.tensors:
                tensor.settle()
        return tuple(
            Event(
                sequence=draft.first,
                last=draft.last,
                kind=kind,
                name=name,
                network=network,
                count=draft.times,
                tensors=tuple(dict.fromkeys(each.number for each in draft.tensors)),
                site=sites.read(place),
                after=draft.after,
            )
            for (kind, name, network, place), draft in taken.items()
        )

    def _add(self, kind: str, name: str, network: str, place: sites.Place | None) -> _EventDraft:
        number = self._clock.tick()
        draft = self._events.setdefault(
            (kind, name, network, place), _EventDraft(first=number, last=number, after=None)
        )
        draft.last, draft.times = number, draft.times + 1
        return draft

    def _network_of(self, tensor: Tensor) -> str | None:
        owner = self._networks.owner_of(tensor)
        if owner is not None:
            return owner[0]
        if self._weights is None:
            self._weights = self._networks.addresses()
        try:
            return self._weights.get(tensor.data_ptr())
        except RuntimeError:  # it has no memory of its own
            return None
