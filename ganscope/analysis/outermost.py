"""The data flow among the outermost calls of a step: networks, and what is computed outside them.

Concluded from `graph`; what came from inside a network counts as made by the network. Of tensors
without a source nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from ganscope.analysis.graph import DataFlow, Source, keeps_values
from ganscope.traces import Call, Step
from ganscope.traces.call import outermost_of


class OutermostFlow:
    """Which outermost calls made the inputs of the outermost calls of a step.

    Args:
        step: The step.
    """

    def __init__(self, step: Step) -> None:
        self.inner = DataFlow(step.calls)
        """The same of all calls."""
        self.calls = self.inner.calls
        self._outermost = outermost_of(step.calls)

    @cached_property
    def top(self) -> tuple[Call, ...]:
        """The outermost calls, in their order; without those that ran again for a backward."""
        return tuple(
            call
            for call in self.calls.values()
            if self._outermost[call.id] == call.id and not call.recomputed
        )

    @cached_property
    def inside(self) -> dict[int, list[Call]]:
        """Id of an outermost call → itself and the calls inside it."""
        found: dict[int, list[Call]] = {}
        for call in self.calls.values():
            found.setdefault(self._outermost[call.id], []).append(call)
        return found

    @cached_property
    def outside(self) -> tuple[Call, ...]:
        """The calls that are inside no network, nor are a network's own."""
        return tuple(call for call in self.calls.values() if not self.outermost(call).network)

    def outermost(self, call: Call) -> Call:
        """The outermost call around a call."""
        return self.calls[self._outermost[call.id]]

    def source(self, call: Call, index: int) -> Source | None:
        """The output that an input of an outermost call is, past networks that handed it on.

        Args:
            call: An outermost call.
            index: Which of its inputs.
        """
        source = self.inner.source(call, index)
        while source is not None:
            maker = self.outermost(self.calls[source.call])
            passed = self._passed(maker, source) if maker.network else None
            if passed is None:
                break
            source = self.inner.source(maker, passed)
        return source

    def _passed(self, maker: Call, source: Source) -> int | None:
        """Which of a network's inputs one of its outputs is."""
        made = self.inner.record(source).id
        return next((i for i, given in enumerate(maker.inputs) if given.id == made), None)

    def values_from(self, call: Call, index: int) -> Source | None:
        """The output whose values an input contains, before operations that only lay them out
        anew: a module's or an operation's, of a network the network's own.

        Args:
            call: Any call.
            index: Which of its inputs.
        """
        source = self.inner.source(call, index)
        while source is not None:
            maker = self.calls[source.call]
            if source.is_input:
                source = self.inner.source(maker, source.index)
            elif maker.parent is None and not maker.network and keeps_values(maker):
                source = self.inner.source(maker, 0)
            else:
                break
        return source

    def handed_out(self, call: Call) -> Iterator[tuple[int, int]]:
        """The calls around a call that output what it made, each with the index of the output;
        itself among them."""
        made = {record.id for record in call.outputs} - {None}
        around: Call | None = call
        while around is not None:
            kept = [i for i, record in enumerate(around.outputs) if record.id in made]
            if not kept:
                break
            yield from ((around.id, index) for index in kept)
            around = None if around.parent is None else self.calls.get(around.parent)

    def behind(self, call: Call, index: int | None = None) -> list[Call]:
        """The outermost calls behind a call, or behind one of its inputs, up to networks."""
        return list(self._behind(call, index, stop=True))

    def networks_behind(self, call: Call) -> list[Call]:
        """The calls of networks nearest behind a call."""
        return [each for each in self.behind(call) if each.network]

    def feeds(self, call: Call, later: int | None) -> bool:
        """Whether what a call output is a part of what a later call made."""
        end = None if later is None else self.outermost(self.calls[later])
        return end is not None and (
            end is call or any(each is call for each in self._behind(end, None, stop=False))
        )

    def _behind(self, call: Call, index: int | None, *, stop: bool) -> Iterator[Call]:
        """The outermost calls behind a call; those behind networks are not visited on `stop`."""
        every = self._makers(self.outermost(call))
        left = every if index is None else [self._maker(self._outside_of(call, index))]
        seen: set[int] = set()
        while left:
            maker = left.pop()
            if maker is None or maker.id in seen:
                continue
            seen.add(maker.id)
            yield maker
            if not (stop and maker.network):
                left += self._makers(maker)

    def _outside_of(self, call: Call, index: int) -> Source | None:
        """The source of an input of any call, outside the outermost call around it."""
        while self.outermost(call) is not call:
            source = self.inner.source(call, index)
            if source is None or not source.is_input:
                return source
            call, index = self.calls[source.call], source.index
        return self.source(call, index)

    def _makers(self, call: Call) -> list[Call | None]:
        """The outermost call behind each input of an outermost call."""
        return [self._maker(self.source(call, index)) for index in range(len(call.inputs))]

    def _maker(self, source: Source | None) -> Call | None:
        return None if source is None else self.outermost(self.calls[source.call])
