"""Which steps of a training loop are recorded."""

from __future__ import annotations

from dataclasses import dataclass

from ganscope.errors import InputError

_LEAST = {"after": 0, "every": 1, "count": 1}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which steps are recorded; they are counted from 0.

    Attributes:
        after: So many are left out first.
        every: Of the others, every so many-th is recorded, the first one included.
        count: So many are recorded; None goes on.

    Raises:
        InputError: One of them is no number of steps, or too small a one.
    """

    after: int = 0
    every: int = 1
    count: int | None = None

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            number = getattr(self, name)
            if number is None and name == "count":
                continue
            if not isinstance(number, int) or isinstance(number, bool) or number < least:
                shown = "steps" if name == "count" else name
                raise InputError(f"{shown} {number!r}: give a number of steps, at least {least}")

    def wants(self, index: int) -> bool:
        """Whether step `index` is recorded."""
        place, rest = divmod(index - self.after, self.every)
        return rest == 0 and place >= 0 and (self.count is None or place < self.count)

    def is_over(self, index: int) -> bool:
        """Whether neither step `index` nor any that follows is recorded."""
        return self.count is not None and index > self.after + (self.count - 1) * self.every


EVERY_STEP = Selection()
