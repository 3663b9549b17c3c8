"""What a sentence may know beside the call itself: the mode, and where its inputs came from.

A record keeps no tensors, so a tensor is recognised by its figures: the same shape, mean,
deviation, extremes and norm to the last bit are taken for the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganscope.traces import Call, TensorRecord
from ganscope.traces.call import main_output
from ganscope.views import style

Figures = tuple[float | None, ...]
Key = tuple[tuple[int, ...], Figures]

_FEWEST_VALUES = 4
"""Fewer numbers than this may be the same by chance."""

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
        self._makers: dict[Key, list[Call]] = {}
        self._takers: dict[Key, list[Call]] = {}
        for call in calls:
            _enter(self._makers, call.outputs, call)
            _enter(self._takers, call.inputs, call)

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
        """Whether its output holds the numbers that the network as a whole gives."""
        outermost = ([call, *self.around(call)])[-1]
        mine, whole = main_output(call), main_output(outermost)
        return mine is not None and whole is not None and _figures(mine) == _figures(whole)

    def origin(self, call: Call, record: TensorRecord) -> Origin | None:
        """Where one of its inputs came from; None where that cannot be told."""
        key = _key(record)
        if key is None:
            return None
        outside = self.around(call)
        enclosing = {above.id for above in outside}
        makers = self._makers.get(key, [])
        made = [one for one in makers if one.id < call.id and one.id not in enclosing]
        if made and not self._handed_in(outside, key, made):
            maker = self._widest(made[-1], key, enclosing)
            return Origin(f"the output of {self.name(maker, call)}", maker, True)
        return self._entrance(outside, key)

    def _handed_in(self, outside: Sequence[Call], key: Key, made: Sequence[Call]) -> bool:
        """Whether the tensor is all that the enclosing module was given, and as it was given."""
        if not outside or len(outside[0].inputs) != 1 or made[-1].id > outside[0].id:
            return False
        return _key(outside[0].inputs[0]) == key

    def _entrance(self, outside: Sequence[Call], key: Key) -> Origin | None:
        """The input of the nearest enclosing module that it came in by."""
        for around in outside:
            for place, given in enumerate(around.inputs):
                if _key(given) == key:
                    several = len(around.inputs) > 1
                    lead = f"{_ordinal(place)} input of" if several else "what went into"
                    return Origin(f"{lead} {self.name(around, around)}", around, False)
        return None

    def skips(self, old: Origin, new: Origin, record: TensorRecord) -> bool:
        """Whether `old` led, through layers, to `new`, and now passes them by.

        Args:
            old: Where the earlier of two tensors came from.
            new: Where the later one came from.
            record: The earlier tensor.
        """
        key = _key(record)
        begun, ended = self.when(old), self.when(new)
        if key is None or not new.made or begun >= ended:
            return False
        reached = {key}
        for call in self._calls.values():
            inside = begun < call.id <= ended and not call.type.endswith("_like")
            if inside and any(_key(given) in reached for given in call.inputs):
                reached.update(made for record in call.outputs if (made := _key(record)))
        return any(_key(made) in reached - {key} for made in new.call.outputs)

    def when(self, origin: Origin) -> int:
        """Id of the last call that had begun when the tensor was there."""
        return self._last_inside(origin.call) if origin.made else origin.call.id

    def takers(self, call: Call) -> list[Call]:
        """The calls that its output goes into, as far as seen."""
        output = main_output(call)
        key = _key(output) if output else None
        return [one for one in self._takers.get(key, []) if one.id > call.id] if key else []

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

    def _widest(self, maker: Call, key: Key, enclosing: set[int]) -> Call:
        """The outermost call that ends with the same tensor, outside of what encloses us."""
        for above in self.around(maker):
            if above.id in enclosing or all(_key(made) != key for made in above.outputs):
                break
            maker = above
        return maker

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


def _enter(index: dict[Key, list[Call]], records: Sequence[TensorRecord], call: Call) -> None:
    for record in records:
        key = _key(record)
        if key is not None:
            index.setdefault(key, []).append(call)


def _key(record: TensorRecord) -> Key | None:
    figures = _figures(record)
    return (record.shape, figures) if figures and record.shape is not None else None


def _figures(record: TensorRecord) -> Figures | None:
    stats = record.stats
    if stats is None or stats.count < _FEWEST_VALUES or not stats.std:
        return None
    return (stats.count, stats.mean, stats.std, stats.min, stats.max, stats.norm)
