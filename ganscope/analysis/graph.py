"""Which call output each tensor that another call took: the data flow of a step as one graph.

Concluded from the ids of records alone, never from equal values. A record without an id, and a
tensor that no recorded call output, such as data, noise or a parameter, has no source.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ganscope.traces import Call, TensorRecord

SAME, ALIAS, CHANGED = "same", "alias", "changed"
"""How a taken tensor is connected with an output: it is the very tensor; it is a view, a `detach`
or a reshape of it that no recorded call made; its values were changed in place, unrecorded."""

_HOW = {"alias_of": ALIAS, "changed_from": CHANGED}
_MOST_LINKS = 32
"""Unrecorded changes of one tensor beyond which nothing is said of where it came from."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tensor that a call took came from.

    Attributes:
        call: Id of the call that output it; of the enclosing call, where that took it.
        index: Which of that call's outputs, or of its inputs.
        is_input: Whether it is an input of the enclosing call.
        how: `SAME`, `ALIAS` or `CHANGED`.
    """

    call: int
    index: int
    is_input: bool = False
    how: str = SAME


class DataFlow:
    """The sources of all inputs of a sequence of calls.

    The source of an input is the last call before, within the same enclosing call, that output
    this tensor; else the enclosing call, where it took the tensor as an input; else whichever
    call output it last, inside other calls too.

    Args:
        calls: In the order in which they began; one whose enclosing call is not among them is
            outermost.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = {call.id: call for call in calls}
        self._sources: dict[int, tuple[Source | None, ...]] = {}
        self._makers: dict[int, tuple[Source | None, ...]] = {}
        search = _Search()
        for call in calls:
            for ended in search.close(call.parent):
                self._makers[ended.id] = search.end(ended)
            self._sources[call.id] = search.begin(call)
        for ended in search.close(None):
            self._makers[ended.id] = search.end(ended)

    def source(self, call: Call, index: int) -> Source | None:
        """Where one input of a call came from; None for data, noise and parameters.

        Args:
            call: One of the calls.
            index: Which of its inputs.
        """
        return self._sources[call.id][index]

    def sources(self, call: Call) -> tuple[Source | None, ...]:
        """Where the inputs of a call came from, one for each."""
        return self._sources[call.id]

    def maker(self, call: Call, index: int) -> Source | None:
        """Which call directly inside a call output one of its outputs, or the input that it is.

        Args:
            call: One of the calls.
            index: Which of its outputs.
        """
        return self._makers[call.id][index]

    def innermost_maker(self, call: Call, index: int) -> Source:
        """The call that output a tensor, and the innermost one inside it that did."""
        found = Source(call.id, index)
        inside = self.maker(call, index)
        while inside is not None and not inside.is_input:
            found, inside = inside, self.maker(self.calls[inside.call], inside.index)
        return found

    def record(self, source: Source) -> TensorRecord:
        """The record of a source, as its call output or took it."""
        call = self.calls[source.call]
        return (call.inputs if source.is_input else call.outputs)[source.index]


IN_ORDER = {
    "view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "squeeze", "unsqueeze",
    "contiguous", "clone", "detach", "detach_", "float", "double", "half", "to", "type", "ravel",
    "Flatten", "Unflatten", "Identity",
}  # fmt: skip
"""Operations and modules that hand on all values of their input in the same order."""

_TURNED = {
    "permute", "transpose", "t", "movedim", "swapaxes", "flip", "roll", "pixel_shuffle",
    "pixel_unshuffle", "PixelShuffle", "PixelUnshuffle",
}  # fmt: skip
"""Those that hand on all values in another order."""


def keeps_values(call: Call) -> bool:
    """Whether a call's output contains the values of its first input, and no others."""
    if not call.inputs or len(call.outputs) != 1:
        return False
    if call.type in IN_ORDER or call.type in _TURNED:
        return True
    given, made = call.inputs[0], call.outputs[0]
    is_view = made.id is not None and origin_id(made) == origin_id(given)
    return is_view and math.prod(made.shape or ()) == math.prod(given.shape or ())


def origin_id(record: TensorRecord) -> int | None:
    """One number for all views of one tensor: the id of the one that was there first."""
    return record.id if record.alias_of is None else record.alias_of


class _Search:
    """What has been output so far, as calls begin and end in turn."""

    def __init__(self) -> None:
        self._open: list[Call] = []
        self._beside: list[dict[int, Source]] = [{}]
        """For each open call, and before all for none: tensors that calls directly in it output."""
        self._given: dict[int, list[Source]] = {}
        """By the tensor: the open calls that took it."""
        self._made: dict[int, Source] = {}
        """By the tensor: the call that output it last; of nested ones the outermost."""
        self._before: dict[int, list[tuple[int, str]]] = {}
        """By the tensor: others over the same memory, and how they are connected."""

    def close(self, parent: int | None) -> Iterator[Call]:
        """The calls that have ended where a call of this parent begins, the innermost first."""
        while self._open and self._open[-1].id != parent:
            call = self._open.pop()
            for record in call.inputs:
                if record.id is not None and (given := self._given[record.id]):
                    given.pop()
            yield call

    def begin(self, call: Call) -> tuple[Source | None, ...]:
        """The sources of what a call takes; those inside it can come from its inputs."""
        for record in call.inputs:
            self._note(record)
        found = tuple(map(self._source, call.inputs))
        self._open.append(call)
        self._beside.append({})
        for index, record in enumerate(call.inputs):
            if record.id is not None:
                source = Source(call.id, index, is_input=True)
                self._given.setdefault(record.id, []).append(source)
        return found

    def end(self, call: Call) -> tuple[Source | None, ...]:
        """Who made the outputs of a call inside it."""
        inside = self._beside.pop()
        inputs = {record.id: index for index, record in reversed(list(enumerate(call.inputs)))}
        makers: list[Source | None] = []
        for index, record in enumerate(call.outputs):
            if record.id is None:
                makers.append(None)
                continue
            self._note(record)
            passed = inputs.get(record.id)
            given = None if passed is None else Source(call.id, passed, is_input=True)
            made = inside.get(record.id, given)
            if made is None and record.alias_of in inside:
                made = replace(inside[record.alias_of], how=ALIAS)
            makers.append(made)
            self._made[record.id] = self._beside[-1][record.id] = Source(call.id, index)
        return tuple(makers)

    def _note(self, record: TensorRecord) -> None:
        if record.id is None or record.id in self._before:
            return
        links = ((getattr(record, name), how) for name, how in _HOW.items())
        self._before[record.id] = [(other, how) for other, how in links if other is not None]

    def _source(self, record: TensorRecord) -> Source | None:
        """The source of a tensor, else of one that lies over the same memory."""
        if record.id is None:
            return None
        waiting, seen = [(record.id, SAME)], {record.id}
        while waiting and len(seen) <= _MOST_LINKS:
            tensor, how = waiting.pop(0)
            found = self._exact(tensor)
            if found is not None:
                return replace(found, how=how) if how != SAME else found
            for other, link in self._before.get(tensor, ()):
                if other not in seen:
                    seen.add(other)
                    waiting.append((other, CHANGED if CHANGED in (how, link) else link))
        return None

    def _exact(self, tensor: int) -> Source | None:
        beside = self._beside[-1].get(tensor)
        if beside is not None:
            return beside
        made, given = self._made.get(tensor), self._given.get(tensor)
        if not given:
            return made
        return made if made is not None and made.call > given[-1].call else given[-1]
