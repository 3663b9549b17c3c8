"""Which tensor is which: one number for one tensor object at one version.

An object keeps its number as long as it lives and is not changed, across steps, recorded or not.
Another object over the same memory (a view, a ``detach``) has a number of its own and names the
one that was there first. Nothing here keeps a tensor alive, and no address is trusted alone: an
object that still lives vouches for the memory under it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from torch import Tensor

from ganscope.probe.figures import Figures

_Seen = tuple[object, object]
"""Statistics and preview."""


class Identity:
    """One tensor object at one version.

    Whether values that were read anew are still the same is known only when their statistics
    are; the number is worked out when it is asked for.
    """

    __slots__ = (
        "_alias",
        "_before",
        "_changed",
        "_figures",
        "_next",
        "_number",
        "_seen",
        "version",
    )

    def __init__(
        self,
        next_number: Callable[[], int],
        version: int,
        figures: Figures,
        *,
        before: Identity | None = None,
        changed: bool = False,
        alias: Identity | None = None,
    ) -> None:
        self.version = version
        self._next = next_number
        self._figures: Figures | None = figures
        self._before, self._changed, self._alias = before, changed, alias
        self._seen: _Seen = (None, None)
        # Known at once, unless the object may or may not be what it was.
        self._number = next_number() if before is None or changed else -1

    def settle(self) -> None:
        """Work out the number; the statistics are there."""
        figures = self._figures
        if figures is None:
            return
        figures.settle()
        self._seen = figures.stats, repr(figures.preview)  # as text, NaN equals NaN
        self._figures = None
        before = self._before
        if before is None:
            return
        before.settle()
        if self._number < 0 and before._seen == self._seen:
            self._number, self._alias = before._number, before._alias
            self._before, self._changed = before._before, before._changed
        else:
            self._number = self._next() if self._number < 0 else self._number
            self._changed = True
        if self._before is not None:
            self._before._before = None  # one step back is enough, and no chain grows

    @property
    def number(self) -> int:
        """The id; only after `settle`."""
        return self._number

    @property
    def alias_of(self) -> int | None:
        """Id of the object over the same memory that was there first."""
        if self._alias is None:
            return None
        self._alias.settle()
        return self._alias.number

    @property
    def changed_from(self) -> int | None:
        """Id of the same values before they were changed in place."""
        return self._before.number if self._before is not None and self._changed else None


_Reach = tuple[int, int]
"""First and last byte of a tensor's values, the last not included."""

_Occupant = tuple["weakref.ref[Tensor]", Identity, _Reach]


class Identities:
    """The numbers of all tensors that live."""

    def __init__(self) -> None:
        self._last = -1
        # By id, which is given to another object once this one is gone: the reference tells.
        self._known: dict[int, tuple[weakref.ref[Tensor], Identity]] = {}
        self._memory: dict[int, list[_Occupant]] = {}
        """Objects by the address at which their storage begins."""

    def of(self, tensor: Tensor, figures: Figures, version: int = -1, place: int = 0) -> Identity:
        """The identity of `tensor`, whose values have just been read.

        Args:
            tensor: The object.
            figures: What was read.
            version: Its version; -1 where it has none.
            place: Address of its first value; 0 where it has none.
        """
        reference = weakref.ref(tensor)
        known = self._known.get(id(tensor))
        if known is not None and known[0] is reference:
            before = known[1]
            changed = version != before.version
            identity = Identity(self._number, version, figures, before=before, changed=changed)
            self._replace(tensor, place, before, identity)
        else:
            identity = self._newcomer(tensor, reference, figures, version, place)
        self._known[id(tensor)] = reference, identity
        return identity

    def known(self, tensor: Tensor) -> Identity | None:
        """The last identity of an object that was seen before."""
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def sweep(self) -> None:
        """Forget the objects that are gone."""
        self._known = {key: it for key, it in self._known.items() if it[0]() is not None}
        self._memory = {
            address: kept
            for address, all_there in self._memory.items()
            if (kept := [one for one in all_there if one[0]() is not None])
        }

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _newcomer(
        self,
        tensor: Tensor,
        reference: weakref.ref[Tensor],
        figures: Figures,
        version: int,
        place: int,
    ) -> Identity:
        """The identity of an object that was not seen before."""
        if not place:
            return Identity(self._number, version, figures)
        reach = _reach_of(tensor, place)
        there = self._occupants(tensor, place)
        first = _first_over(there, reach)
        if first is None:
            identity = Identity(self._number, version, figures)
        elif _is_unchanged(first):
            identity = Identity(self._number, version, figures, alias=first[1])
        else:
            identity = Identity(self._number, version, figures, before=first[1], changed=True)
        there.append((reference, identity, reach))
        return identity

    def _replace(self, tensor: Tensor, place: int, before: Identity, identity: Identity) -> None:
        """The object over this memory has another identity now."""
        if not place:
            return
        there = self._occupants(tensor, place)
        for index, (reference, known, reach) in enumerate(there):
            if known is before:
                there[index] = reference, identity, reach
                return
        there.append((weakref.ref(tensor), identity, _reach_of(tensor, place)))

    def _occupants(self, tensor: Tensor, place: int) -> list[_Occupant]:
        """Those that live over the storage of `tensor`, in the order in which they came."""
        address = place - int(tensor.storage_offset()) * tensor.itemsize
        there = [one for one in self._memory.get(address, ()) if one[0]() is not None]
        self._memory[address] = there
        return there


def _first_over(there: list[_Occupant], reach: _Reach) -> _Occupant | None:
    """The first object over just these bytes, else the first that shares any."""
    shared = None
    for one in there:
        if one[2] == reach:
            return one
        if shared is None and one[2][0] < reach[1] and reach[0] < one[2][1]:
            shared = one
    return shared


def _is_unchanged(occupant: _Occupant) -> bool:
    """Whether an object's values are still those that were recorded, as far as versions tell."""
    tensor = occupant[0]()
    return tensor is not None and occupant[1].version == tensor._version


def _reach_of(tensor: Tensor, place: int) -> _Reach:
    """The bytes from the first value to the last."""
    if tensor.is_contiguous():
        return place, place + tensor.numel() * tensor.itemsize
    last = sum(
        (side - 1) * stride for side, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )
    return place, place + (last + 1) * tensor.itemsize
