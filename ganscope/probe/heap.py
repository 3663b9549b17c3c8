"""What Python itself knows of an object: who holds it. Asked so often in one recording, no more."""

from __future__ import annotations

import gc
from typing import Any


class Heap:
    """Looks through all that the collector of cycles knows, which takes a while: torch is large.

    Args:
        most: How many times in all. A loop that makes its networks anew in every turn would
            otherwise have to wait each time.
    """

    def __init__(self, most: int = 64) -> None:
        self._left = most

    def referrers(self, thing: object) -> list[Any]:
        """What holds `thing`; nothing once it was asked too often."""
        return gc.get_referrers(thing) if self._may_look() else []

    def objects(self) -> list[Any]:
        """Everything there is; nothing once it was asked too often."""
        return gc.get_objects() if self._may_look() else []

    def _may_look(self) -> bool:
        self._left -= 1
        return self._left >= 0
