"""Who brought out a tensor, recognised by its record."""

from __future__ import annotations

from collections import Counter

from ganscope.traces import Call, TensorRecord
from ganscope.traces.recognition import Likeness, likeness


class Makers:
    """The calls and the inputs of a network that brought out tensors, in their order.

    Tensors with the same values cannot be told apart. Of several that are alike, one that
    passes on what it takes in (a dropout at rest) stands for the one before it, and one that
    nothing has taken in yet goes before those that something has. Where this leaves more than
    one, the first of them is a guess.
    """

    def __init__(self) -> None:
        self._known: dict[Likeness, list[int]] = {}
        self._taken: set[int] = set()
        self._origins: dict[int, object] = {}

    def add_input(self, record: TensorRecord, maker: int) -> None:
        """Note an input of the network under a number of its own."""
        self._known.setdefault(likeness(record), []).append(maker)

    def add(self, call: Call, sources: tuple[int, ...]) -> None:
        """Note what a call brought out, and what that was made of."""
        self._origins[call.id] = (call.path, call.type, sources)
        for record in call.outputs:
            known = self._known.setdefault(likeness(record), [])
            known[:] = [one for one in known if one not in sources and one != call.id]
            known.append(call.id)

    def of(self, record: TensorRecord) -> int | None:
        """The latest that brought out a tensor."""
        found = self._known.get(likeness(record)) if record.shape is not None else None
        return found[-1] if found else None

    def taken_by(self, call: Call) -> tuple[tuple[int, ...], frozenset[int]]:
        """Who brought out what a call takes in, and which of these are guesses."""
        times = Counter(likeness(record) for record in call.inputs if record.shape is not None)
        sources: list[int] = []
        guesses: set[int] = set()
        for key, count in times.items():
            chosen, is_sure = self._chosen(key, count)
            sources += chosen
            guesses.update(() if is_sure else chosen)
        self._taken.update(sources)
        return tuple(sources), frozenset(guesses)

    def _chosen(self, key: Likeness, count: int) -> tuple[list[int], bool]:
        """So many of those that brought out tensors alike, and whether it can be no others."""
        alike = self._known.get(key, [])
        if len(alike) < 2:
            return alike, True
        free = [one for one in alike if one not in self._taken]
        if not free:
            return alike[-1:], self._are_twins(alike)
        return free[:count], len(free) <= count or self._are_twins(free)

    def _are_twins(self, makers: list[int]) -> bool:
        """Whether all are calls of one layer on the same tensors: any is as good as another."""
        return len({self._origins.get(one, one) for one in makers}) == 1
