"""Exceptions told from others without keeping them: one that is held keeps every frame alive that
it has passed, and the tensors in there that somebody catches it to get rid of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Raised:
    """What an exception is known again by.

    Attributes:
        identity: Its id, which is another one's once it is gone.
        kind: Its class.
        place: Where it was raised: file, line and instruction.
    """

    identity: int
    kind: str
    place: tuple[str, int, int] | None

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        """The mark of an exception that has been raised."""
        kind = type(error)
        return cls(id(error), f"{kind.__module__}.{kind.__qualname__}", _place_of(error))

    def is_behind(self, error: BaseException) -> bool:
        """Whether `error` is it, or was raised from it or while it was handled."""
        current: BaseException | None = error
        met: set[int] = set()  # an exception can be its own cause
        while current is not None and id(current) not in met:
            if self._is_of(current):
                return True
            met.add(id(current))
            current = current.__cause__ or current.__context__
        return False

    def _is_of(self, error: BaseException) -> bool:
        if id(error) != self.identity:
            return False
        other = Raised.of(error)  # the id may be another one's by now
        stripped = other.place is None or self.place is None
        return other.kind == self.kind and (stripped or other.place == self.place)


def _place_of(error: BaseException) -> tuple[str, int, int] | None:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return None
    return traceback.tb_frame.f_code.co_filename, traceback.tb_lineno, traceback.tb_lasti
