"""What became of what outside the networks: which networks' answers a loss was made of.

Told from the records of the outermost calls, as `flow` does it, scalars included: the last call
before that brought out the same tensor made an input.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from ganscope.traces import Call, Step, TensorRecord
from ganscope.traces.call import outermost_of
from ganscope.traces.recognition import Likeness, likeness

_Key = tuple[Likeness, bool]


def _key(record: TensorRecord) -> _Key:
    return likeness(record), record.requires_grad


class Origins:
    """Who made the inputs of the calls of a step.

    Args:
        step: The step.
    """

    def __init__(self, step: Step) -> None:
        self.calls = {call.id: call for call in step.calls}
        self._outermost = outermost_of(step.calls)
        self._before: dict[int, dict[_Key, int]] = {}
        makers: dict[_Key, int] = {}
        for call in step.calls:
            if self._outermost[call.id] != call.id:
                continue
            inputs = {_key(record) for record in call.inputs if record.stats is not None}
            self._before[call.id] = {key: makers[key] for key in inputs if key in makers}
            for record in call.outputs:
                if record.stats is not None:
                    makers[_key(record)] = call.id

    def outermost(self, call: Call) -> Call:
        """The outermost call around a call."""
        return self.calls[self._outermost[call.id]]

    @cached_property
    def outside(self) -> tuple[Call, ...]:
        """The calls that are inside no network, nor are a network's own."""
        return tuple(call for call in self.calls.values() if not self.outermost(call).network)

    def behind(self, call: Call, record: TensorRecord | None = None) -> list[Call]:
        """The outermost calls behind a call, or behind one of its inputs, up to networks."""
        return list(self._behind(call, record, stop=True))

    def answers(self, call: Call) -> list[Call]:
        """The calls of networks nearest behind a call."""
        return [each for each in self.behind(call) if each.network]

    def feeds(self, call: Call, later: int | None) -> bool:
        """Whether what a call brought out is a part of what a later call made."""
        end = None if later is None else self.outermost(self.calls[later])
        return end is not None and (
            end is call or any(each is call for each in self._behind(end, None, stop=False))
        )

    def _behind(self, call: Call, record: TensorRecord | None, *, stop: bool) -> Iterator[Call]:
        """The outermost calls behind a call; those behind networks are not looked at on `stop`."""
        before = self._before[self._outermost[call.id]]
        left = list(before.values()) if record is None else [before.get(_key(record), -1)]
        seen: set[int] = set()
        while left:
            number = left.pop()
            if number in seen or number not in self.calls:
                continue
            seen.add(number)
            yield self.calls[number]
            if not (stop and self.calls[number].network):
                left += self._before[number].values()
