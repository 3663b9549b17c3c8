"""What a sentence may know beside the call itself: the mode, and where its inputs came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganscope.analysis.graph import DataFlow, Source, keeps_values
from ganscope.traces import Call, TensorRecord
from ganscope.traces.call import main_output
from ganscope.views import style

_ORDINALS = ("first", "second", "third", "fourth")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tensor was seen before.

    Attributes:
        words: ``the output of down3``, ``what went into this ResidualBlock``.
        call: The call that made it, or into which it went.
        made: Whether that call made it.
    """

    words: str
    call: Call
    made: bool


class Context:
    """The surroundings of the calls of one step.

    Args:
        mode: ``train`` or ``eval``; anything else says nothing.
        roles: Name of a network → its role.
        calls: All calls of the step, in the order in which they began.
    """

    def __init__(
        self,
        mode: str | None = None,
        roles: Mapping[str, str] | None = None,
        calls: Sequence[Call] = (),
    ) -> None:
        self.mode = mode
        self._roles = roles or {}
        self._calls = {call.id: call for call in calls}
        self._flow = DataFlow(calls)
        self._takers: dict[int, list[Call]] = {}
        for call in calls:
            for taken in _ids(call.inputs):
                self._takers.setdefault(taken, []).append(call)

    def role(self, call: Call) -> str:
        """``generator``, ``discriminator``, ``other`` or ``unknown``."""
        return self._roles.get(call.network, "unknown")

    def around(self, call: Call) -> list[Call]:
        """The calls that enclose it, the nearest first."""
        found: list[Call] = []
        while call.parent is not None and call.parent < call.id:
            above = self._calls.get(call.parent)
            if above is None:
                break
            found.append(above)
            call = above
        return found

    def ends_network(self, call: Call) -> bool:
        """Whether its output contains the numbers that the network as a whole outputs."""
        outermost = ([call, *self.around(call)])[-1]
        whole, mine = main_output(outermost), main_output(call)
        if whole is None or mine is None or mine.id is None:
            return False
        index = next(i for i, record in enumerate(outermost.outputs) if record is whole)
        at: Source | None = Source(outermost.id, index)
        while at is not None and not at.is_input:
            if self._flow.record(at).id == mine.id:
                return True
            maker = self._calls[self._flow.innermost_maker(self._calls[at.call], at.index).call]
            at = self._flow.source(maker, 0) if keeps_values(maker) else None
        return False

    def origin(self, call: Call, record: TensorRecord) -> Origin | None:
        """Where one of its inputs came from; None where that is not known."""
        entrance: Origin | None = None
        source = self._flow.source(call, _index(call, record))
        while source is not None and source.is_input:
            around, place = self._calls[source.call], source.index
            several = len(around.inputs) > 1
            lead = f"{_ordinal(place)} input of" if several else "what went into"
            entrance = entrance or Origin(f"{lead} {self.name(around, around)}", around, False)
            if not several:
                return entrance
            source = self._flow.source(around, place)
        if source is None:
            return entrance
        maker = self._calls[source.call]
        return Origin(f"the output of {self.name(maker, call)}", maker, True)

    def skips(self, old: Origin, new: Origin, record: TensorRecord) -> bool:
        """Whether `old` led, through layers, to `new`, and now passes them by.

        Args:
            old: Where the earlier of two tensors came from.
            new: Where the later one came from.
            record: The earlier tensor.
        """
        begun, ended = self.when(old), self.when(new)
        if record.id is None or not new.made or begun >= ended:
            return False
        reached = {record.id}
        for call in self._calls.values():
            inside = begun < call.id <= ended and not call.type.endswith("_like")
            if inside and not reached.isdisjoint(_ids(call.inputs)):
                reached.update(_ids(call.outputs))
        return not (reached - {record.id}).isdisjoint(_ids(new.call.outputs))

    def when(self, origin: Origin) -> int:
        """Id of the last call that had begun when the tensor was there."""
        return self._last_inside(origin.call) if origin.made else origin.call.id

    def takers(self, call: Call) -> list[Call]:
        """The calls that its output goes into, as far as seen."""
        output = main_output(call)
        if output is None or output.id is None:
            return []
        return [one for one in self._takers.get(output.id, []) if one.id > call.id]

    def name(self, call: Call, seen_from: Call) -> str:
        """How a call is called from where another stands: without the path that they share."""
        label = call.label or call.type
        around = self.around(seen_from)
        if call is seen_from or call in around:
            return f"this {style.printable(call.type)}"
        for above in around:
            for joint in "./":
                if label.startswith(above.path + joint):
                    return style.printable(label[len(above.path) + 1 :])
        return style.printable(label)

    def _last_inside(self, call: Call) -> int:
        """Id of the last call that began inside it, its own if none did."""
        last = call.id
        for one in self._calls.values():
            if one.id > last and one.parent is not None and call.id <= one.parent <= last:
                last = one.id
            elif one.id > last + 1:
                break
        return last


def _ordinal(place: int) -> str:
    return f"the {_ORDINALS[place]}" if place < len(_ORDINALS) else "another"


def _index(call: Call, record: TensorRecord) -> int:
    return next(index for index, given in enumerate(call.inputs) if given is record)


def _ids(records: Sequence[TensorRecord]) -> set[int]:
    return {record.id for record in records if record.id is not None}
