"""One counter over everything that a recording tells."""

from __future__ import annotations


class Clock:
    """Numbers moments: what has the smaller number came first."""

    def __init__(self) -> None:
        self.last = -1
        """The number that was given last."""

    def tick(self) -> int:
        """The next number."""
        self.last += 1
        return self.last
