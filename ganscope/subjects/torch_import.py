"""Waiting until a program imports torch.

We import none before: settings that a program makes for torch and its libraries (thread counts,
visible devices) must be read after it has made them, and one that needs no torch gets none.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

_NAME = "torch"


class Waiting:
    """Calls `then` once torch is there: at once, or as soon as it has been imported.

    Args:
        then: What to call; it must not raise.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def begin(self) -> None:
        """Wait from now on."""
        if _NAME in sys.modules:
            self._then()
        else:
            sys.meta_path.insert(0, self)

    def end(self) -> None:
        """Wait no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Find torch as everybody else would, and have it loaded by a loader that tells us."""
        if name != _NAME:
            return None
        self.end()
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec, spec.loader, self._then)
        return spec


class _Telling(Loader):
    """Loads a module by its own loader, and leaves no trace of itself on it."""

    def __init__(self, spec: ModuleSpec, loader: Loader, then: Callable[[], None]) -> None:
        self._spec, self._loader, self._then = spec, loader, then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the module's own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the module's own loader does; then tell."""
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then()
