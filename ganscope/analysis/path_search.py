"""The path through a network from its input to its output, out of the calls inside it.

Concluded from identity. Where nothing recorded has made any input of a call, it is inferred to
follow the call before it, if the shape fits. Where branches meet, the path is the longer one; the
others are skips. A path that does not reach the network's input is said to be broken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace

from ganscope.analysis.graph import DataFlow, Source
from ganscope.analysis.network_path import INPUT, Branch, Head, Link, NetworkPath, Side
from ganscope.traces import Call, TensorRecord
from ganscope.traces.call import main_output

_MOST_HEADS = 2


def path_through(network: Call, calls: Sequence[Call], failed: Call | None = None) -> NetworkPath:
    """Follow a network's output back to its input.

    Args:
        network: An outermost call.
        calls: Those of its step.
        failed: The call in it that failed, if one did: it is followed from there.
    """
    inner = _innermost(network, calls)
    start = _main_input(network)
    unseen = len(network.outputs) - 1
    if failed is not None and (not inner or inner == [network]):
        return NetworkPath(network=network, start=start, links=(), beside=0, failed=failed)
    if not inner:  # nothing was seen inside: the network is one layer
        return NetworkPath(
            network=network,
            start=start,
            links=(Link(network, network.parameters),),
            beside=0,
            unseen=max(0, unseen),
        )
    search = _Search(network, start, inner)
    found = search.back_from_failure(failed) if failed else search.back_from(main_output(network))
    on_path = {INPUT, *(call.id for call in found)}
    links = search.links(found, on_path)
    heads = () if failed else tuple(search.heads(network, on_path))
    shown = on_path | _beside(links)
    for head in heads:
        shown |= {link.call.id for link in head.links} | _beside(head.links)
    if failed is not None:
        shown.add(failed.id)
    return NetworkPath(
        network=network,
        start=start,
        links=links,
        beside=sum(call.id not in shown for call in inner),
        heads=heads,
        unseen=0 if failed else search.unseen(network, shown),
        broken=not search.reaches_start(links[0].call) if links else failed is None,
        failed=failed,
        inferred=search.inferred(shown),
    )


def _beside(links: Sequence[Link]) -> set[int]:
    """Ids of the calls that are named next to the path."""
    sides = [side.calls for link in links for side in link.sides]
    branches = [branch.calls for link in links for branch in link.branches]
    return {call.id for calls in (*sides, *branches) for call in calls}


def _innermost(network: Call, calls: Sequence[Call]) -> list[Call]:
    """The calls inside a network that have none inside them.

    A layer that works with parameters of its own by operations alone counts as one call; so does
    a network that is but one operation.
    """
    inside = {network.id}
    within = []
    for call in calls:
        if call.parent in inside:
            inside.add(call.id)
            within.append(call)
    if len(within) == 1 and within[0].kind == "op" and network.parameters:
        return []
    holds = {call.parent for call in within if call.kind != "op"}
    layers = {
        call.id for call in within if call.kind != "op" and call.parameters and call.id not in holds
    }
    own = [call for call in within if call.parent not in layers]
    around = {call.parent for call in own}
    return [call for call in own if call.id not in around]


def _main_input(network: Call) -> TensorRecord | None:
    """The input with the most dimensions and values: not a label beside the noise."""
    tensors = [record for record in network.inputs if record.shape is not None]
    return max(tensors, key=_weight) if tensors else None


def _weight(record: TensorRecord) -> tuple[int, int]:
    shape = record.shape or ()
    return len(shape), math.prod(shape)


class _Search:
    """Who made what, and how far from the network's input."""

    def __init__(self, network: Call, start: TensorRecord | None, calls: Sequence[Call]) -> None:
        self._calls = {call.id: call for call in calls}
        self._network, self._start = network, start
        self._depth: dict[int, int] = {INPUT: 0}
        self._before: dict[int, int | None] = {}
        self._sources: dict[int, tuple[int, ...]] = {}
        self._inferred: set[int] = set()
        self._named: set[int] = set()
        self._layers: set[str] = set()
        direct = [replace(call, parent=network.id) for call in calls if call.id != network.id]
        self._flow = DataFlow([network, *direct])
        last: Call | None = None
        for call in calls:
            self._place(call, last)
            last = call

    def _at(self, source: Source | None) -> int | None:
        """A call's id, or `INPUT`, or the number of another input of the network, below it."""
        if source is None:
            return None
        if not source.is_input:
            return source.call
        given = self._network.inputs[source.index]
        is_start = self._start is not None and given.id == self._start.id
        return INPUT if is_start else INPUT - 1 - source.index

    def _place(self, call: Call, last: Call | None) -> None:
        """Find a call's longest path back."""
        places = (self._at(source) for source in self._flow.sources(self._flow.calls[call.id]))
        known = tuple(dict.fromkeys(place for place in places if place is not None))
        if not known and last is not None and _fits(last, call):
            known = (last.id,)  # something that is not seen changed its values
            self._inferred.add(call.id)
        self._sources[call.id] = known
        reached = [source for source in known if source in self._depth]
        best = max(reached, key=lambda source: (self._depth[source], source), default=None)
        self._before[call.id] = best
        if best is not None:
            self._depth[call.id] = self._depth[best] + 1

    def _maker(self, output: TensorRecord | None) -> int | None:
        """What made an output of the network."""
        for index, record in enumerate(self._network.outputs):
            if record is output:
                return self._at(self._flow.maker(self._network, index))
        return None

    def back_from(self, output: TensorRecord | None) -> list[Call]:
        """The calls up to the network's output."""
        at = self._maker(output)
        if at is None or at <= INPUT:
            at = max(self._calls, key=lambda identity: (self._depth.get(identity, -1), identity))
        return self._back(at)

    def back_from_failure(self, failed: Call) -> list[Call]:
        """The calls up to one that failed, without it; up to the last one where it has parts."""
        at = self._before.get(failed.id)
        if failed.id not in self._calls:
            at = max((each.id for each in self._calls.values() if each.outputs), default=None)
        return self._back(at)

    def _back(self, at: int | None) -> list[Call]:
        found: list[Call] = []
        while at is not None and at > INPUT:
            found.append(self._calls[at])
            at = self._before[at]
        return found[::-1]

    def links(self, found: Sequence[Call], on_path: Set[int]) -> tuple[Link, ...]:
        """Calls with what comes in beside the path."""
        return tuple(
            Link(call, self._counted((call,)), *self._joins(call, on_path)) for call in found
        )

    def _counted(self, calls: Iterable[Call]) -> int:
        """The parameters of calls, those of a layer that is called again only once."""
        total = 0
        for call in calls:
            if call.parameters and call.path not in self._layers:
                self._layers.add(call.path)
                total += call.parameters
        return total

    def _joins(self, call: Call, on_path: Set[int]) -> tuple[tuple[Branch, ...], tuple[Side, ...]]:
        """What a call takes in beside the path: what left the path, and what never was on it."""
        main = self._before[call.id]
        left: list[Branch] = []
        never: list[Side] = []
        for source in self._sources[call.id]:
            if source == main:
                continue
            at: int | None = source
            while at is not None and at not in on_path:
                at = self._before.get(at)
            if at is None:
                never.append(self._side(source))
            else:
                calls = self._between(source, on_path)
                left.append(Branch(at, calls, self._counted(calls)))
        return tuple(left), tuple(never)

    def _between(self, source: int, on_path: Set[int]) -> tuple[Call, ...]:
        """The calls from the path up to one beside it, each named on one branch."""
        waiting, found = [source], set[int]()
        while waiting:
            at = waiting.pop()
            if at > INPUT and at not in on_path and at not in self._named:
                self._named.add(at)
                found.add(at)
                waiting += self._sources[at]
        return tuple(self._calls[at] for at in sorted(found))

    def _side(self, source: int) -> Side:
        calls: list[Call] = []
        at: int | None = source
        while at is not None and at > INPUT:
            calls.append(self._calls[at])
            at = next(iter(self._sources[at]), None)
        given = None if at is None or at >= INPUT else self._network.inputs[INPUT - 1 - at]
        return Side(tuple(calls[::-1]), given, self._counted(calls))

    def heads(self, network: Call, on_path: Set[int]) -> Iterator[Head]:
        """The paths to the outputs that are not the main one, as far as they leave the path."""
        main, known = main_output(network), set(on_path)
        further = [record for record in network.outputs if record is not main]
        count = 0
        for record in further:
            at = self._maker(record)
            if at is None or at <= INPUT or at in known or count == _MOST_HEADS:
                continue
            whole = self._back(at)
            own = [call for call in whole if call.id not in known]
            after = self._before[own[0].id]
            if after is None or after not in known:
                continue
            known |= {call.id for call in own}
            count += 1
            yield Head(record, after, self.links(own, known))

    def unseen(self, network: Call, shown: Set[int]) -> int:
        """How many outputs come from calls that are not shown."""
        main = main_output(network)
        further = [one for one in network.outputs if one is not main and one.shape is not None]
        return sum(self._maker(record) not in shown for record in further)

    def inferred(self, shown: Set[int]) -> int:
        """How many calls that are shown are only inferred to follow the one before them."""
        return len(self._inferred & shown)

    def reaches_start(self, call: Call) -> bool:
        """Whether the path ends at the network's input."""
        return self._before[call.id] == INPUT


def _fits(last: Call, call: Call) -> bool:
    output = main_output(last)
    shapes = [record.shape for record in call.inputs]
    return output is not None and output.shape is not None and output.shape in shapes
