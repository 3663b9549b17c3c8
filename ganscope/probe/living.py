"""What is known of somebody's objects: for as long as they live, and no longer."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Living(Generic[Value]):
    """Values by object, told apart by identity; an object that dies takes its value with it.

    The objects are held by weak references alone. Those of torch compare element by element, so
    that they cannot be keys themselves.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[_Reference, Value]] = {}
        own = weakref.ref(self)

        def forget(reference: weakref.ref[Any]) -> None:
            living = own()
            if living is not None and isinstance(reference, _Reference):
                living._forget(reference)

        self._forgets = forget

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, thing: object) -> Value | None:
        """What is known of `thing`."""
        known = self._entries.get(id(thing))
        # The id may be another object's by now: the reference tells.
        return None if known is None or known[0]() is not thing else known[1]

    def put(self, thing: object, value: Value) -> None:
        """Know `value` of `thing`."""
        self._entries[id(thing)] = (_Reference(thing, self._forgets), value)

    def discard(self, thing: object) -> None:
        """Know nothing of `thing` any more."""
        if self.get(thing) is not None:
            del self._entries[id(thing)]

    def items(self) -> list[tuple[Any, Value]]:
        """Every object that lives, with what is known of it."""
        # Copied in one go, since any of them may die meanwhile.
        found = [(reference(), value) for reference, value in list(self._entries.values())]
        return [(thing, value) for thing, value in found if thing is not None]

    def clear(self) -> None:
        """Know nothing any more."""
        self._entries.clear()

    def _forget(self, reference: _Reference) -> None:
        known = self._entries.get(reference.key)
        if known is not None and known[0] is reference:
            del self._entries[reference.key]


class _Reference(weakref.ref[Any]):
    """One that remembers where it is kept, when nothing is left of what it referred to."""

    __slots__ = ("key",)

    key: int

    def __new__(cls, thing: Any, callback: Any) -> _Reference:
        reference = super().__new__(cls, thing, callback)
        reference.key = id(thing)
        return reference
