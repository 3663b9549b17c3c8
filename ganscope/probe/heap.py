"""What Python itself knows of an object: who holds it. Asked so often in one recording, no more."""

from __future__ import annotations

import gc
from typing import Any

from torch import nn
from torch.optim import Optimizer


class Heap:
    """Looks through all that the collector of cycles knows, which takes a while: torch is large.

    Args:
        most: How many times in all. A loop that makes its networks anew in every turn would
            otherwise have to wait each time.
    """

    def __init__(self, most: int = 64) -> None:
        self._left = most

    def holders(self, thing: object) -> list[Any]:
        """Dictionaries, lists and tuples that hold `thing`; none once it was asked too often."""
        # Nothing else: frames and generators of ours are among those that hold it, and whoever
        # holds them in turn keeps all of it alive, until the collector comes.
        found = gc.get_referrers(thing) if self._may_look() else []
        return [each for each in found if type(each) in (dict, list, tuple)]

    def modules(self) -> list[nn.Module]:
        """Every module that lives; none once it was asked too often."""
        found = gc.get_objects() if self._may_look() else []
        return [each for each in found if issubclass(type(each), nn.Module)]

    def optimizers(self) -> list[Optimizer]:
        """Every optimizer that lives; none once it was asked too often."""
        found = gc.get_objects() if self._may_look() else []
        return [each for each in found if issubclass(type(each), Optimizer)]

    def _may_look(self) -> bool:
        self._left -= 1
        return self._left >= 0
