"""The way through a network from its input to its output, out of the calls inside it.

A trace holds no tensors, so who made one is recognised by its record: the same shape and the
same figures. Where branches meet, the way is the longer one; the others are skips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass

from ganscope.traces import Call, TensorRecord
from ganscope.views.rows import main_output

_Key = tuple[object, object]
INPUT = -1
"""Stands for the network's input where a call's id would stand."""


@dataclass(frozen=True, slots=True)
class Link:
    """A call on the way.

    Attributes:
        call: The call.
        joins: Ids of earlier calls on the way, or `INPUT`, from which something comes in that
            took a shorter way.
        sides: Classes of the calls that bring in what does not come from the way at all.
    """

    call: Call
    joins: tuple[int, ...] = ()
    sides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """The way through a network.

    Attributes:
        network: The network's own call.
        start: What goes in, as it is followed.
        links: The calls, in their order.
        beside: How many innermost calls do not lie on it.
        broken: Whether it could not be followed from the output back to the input.
    """

    network: Call
    start: TensorRecord | None
    links: tuple[Link, ...]
    beside: int
    broken: bool = False


def way_through(network: Call, calls: Sequence[Call]) -> Way:
    """Follow a network's output back to its input.

    Args:
        network: An outermost call.
        calls: Those of its step.
    """
    inner = _innermost(network, calls)
    start = _main_input(network)
    if not inner:  # nothing was seen inside: the network is one layer
        return Way(network, start, (Link(network),), 0)
    search = _Search(start, inner)
    found = search.back_from(main_output(network))
    on_way = {INPUT, *(call.id for call in found)}
    links = tuple(Link(call, *search.joins(call, on_way)) for call in found)
    whole = bool(links) and search.reaches_start(links[0].call)
    return Way(network, start, links, len(inner) - len(links), broken=not whole)


def _innermost(network: Call, calls: Sequence[Call]) -> list[Call]:
    """The calls inside a network that have none inside them."""
    inside = {network.id}
    within = []
    for call in calls:
        if call.parent in inside:
            inside.add(call.id)
            within.append(call)
    around = {call.parent for call in within}
    return [call for call in within if call.id not in around]


def _main_input(network: Call) -> TensorRecord | None:
    """The input with the most dimensions and values: not a label beside the noise."""
    tensors = [record for record in network.inputs if record.shape is not None]
    return max(tensors, key=_weight) if tensors else None


def _weight(record: TensorRecord) -> tuple[int, int]:
    shape = record.shape or ()
    return len(shape), math.prod(shape)


def _key(record: TensorRecord) -> _Key:
    return record.shape, record.stats


class _Search:
    """Who made what, and how far from the network's input."""

    def __init__(self, start: TensorRecord | None, calls: Sequence[Call]) -> None:
        self._calls = {call.id: call for call in calls}
        self._makers: dict[_Key, list[int]] = {}
        self._depth: dict[int, int] = {INPUT: 0}
        self._before: dict[int, int | None] = {}
        self._sources: dict[int, tuple[int, ...]] = {}
        if start is not None:
            self._makers[_key(start)] = [INPUT]
        last: Call | None = None
        for call in calls:
            self._place(call, last)
            for record in call.outputs:
                self._makers.setdefault(_key(record), []).append(call.id)
            last = call

    def _place(self, call: Call, last: Call | None) -> None:
        """Find a call's longest way back."""
        sources = [self._maker(record) for record in call.inputs]
        known = [source for source in sources if source is not None]
        if not known and last is not None and _fits(last, call):
            known = [last.id]  # something that is not seen changed its values
        self._sources[call.id] = tuple(dict.fromkeys(known))
        reached = [source for source in known if source in self._depth]
        best = max(reached, key=lambda source: (self._depth[source], source), default=None)
        self._before[call.id] = best
        if best is not None:
            self._depth[call.id] = self._depth[best] + 1

    def _maker(self, record: TensorRecord) -> int | None:
        """The latest call, or the input, that brought out a tensor."""
        found = self._makers.get(_key(record)) if record.shape is not None else None
        return found[-1] if found else None

    def back_from(self, output: TensorRecord | None) -> list[Call]:
        """The calls up to the network's output."""
        at = self._maker(output) if output is not None else None
        if at is None or at == INPUT:
            at = max(self._calls, key=lambda identity: (self._depth.get(identity, -1), identity))
        found: list[Call] = []
        while at is not None and at != INPUT:
            found.append(self._calls[at])
            at = self._before[at]
        return found[::-1]

    def joins(self, call: Call, on_way: Set[int]) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """What a call takes in beside the way: where it left the way, and what never was on it."""
        main = self._before[call.id]
        left: list[int] = []
        never: list[str] = []
        for source in self._sources[call.id]:
            if source == main:
                continue
            at: int | None = source
            while at is not None and at not in on_way:
                at = self._before[at]
            if at is None:
                never.append(self._calls[source].type)
            else:
                left.append(at)
        return tuple(left), tuple(never)

    def reaches_start(self, call: Call) -> bool:
        """Whether the way ends at the network's input."""
        return self._before[call.id] == INPUT


def _fits(last: Call, call: Call) -> bool:
    output = main_output(last)
    shapes = [record.shape for record in call.inputs]
    return output is not None and output.shape is not None and output.shape in shapes
