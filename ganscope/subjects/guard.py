"""While a user's code is looked into: nothing of it runs off, and nothing of it reaches stdout."""

from __future__ import annotations

import argparse
import builtins
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ganscope import locations
from ganscope.subjects.syntax import ASKS, PARSES, TRAINS


class RanOff(BaseException):
    """Raised through a shut door; not an Exception, so that no user's handler swallows it.

    Attributes:
        what: What it was about to do: ``trains``.
        where: The file, as a module that the user's own file imports, or None.
        line: The line in it.
    """

    def __init__(self, what: str, where: Path | None = None, line: int | None = None) -> None:
        super().__init__(what)
        self.what, self.where, self.line = what, where, line


@contextmanager
def shut_doors() -> Iterator[None]:
    """For the time of the context, parsing arguments, asking and training raise `RanOff`."""

    def shut(what: str) -> Callable[..., Any]:
        def door(*_: Any, **__: Any) -> Any:
            raise RanOff(what)

        return door

    doors: list[tuple[Any, str, str]] = [
        (argparse.ArgumentParser, "parse_known_args", PARSES),
        (builtins, "input", ASKS),
        (torch.Tensor, "backward", TRAINS),
        (torch.autograd, "backward", TRAINS),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in doors]
    for owner, name, what in doors:
        setattr(owner, name, shut(what))
    try:
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


@contextmanager
def output_aside() -> Iterator[None]:
    """For the time of the context, what goes to standard output goes to standard error.

    The result stands alone on standard output, though a model prints, runs a program or calls
    into C: the file descriptor is turned over too.
    """
    sys.stdout.flush()
    kept = None
    with suppress(OSError):
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


@contextmanager
def importable(folders: Sequence[str]) -> Iterator[None]:
    """`folders` come first for imports in the context, and last after it.

    A class may import its neighbours later, but a user's ``json.py`` must not stand in for
    Python's once the file is read.
    """
    kept = [folder for folder in folders if folder in sys.path]
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            sys.path.remove(folder)
            if folder not in kept:
                sys.path.append(folder)


@contextmanager
def reading_first(folders: Sequence[str], check: Callable[[Path], None]) -> Iterator[None]:
    """For the time of the context, `check` sees each of the user's files before it is imported.

    Args:
        folders: The user's own: modules found below them are read, installed ones are not.
        check: Raises `RanOff` to keep a file from running.
    """
    finder = _ReadingFinder(folders, check)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _ReadingFinder:
    """Finds nothing itself, so that the normal import takes place after the check."""

    def __init__(self, folders: Sequence[str], check: Callable[[Path], None]) -> None:
        self._folders = folders
        self._check = check

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Check the file that the normal lookup would find."""
        if path is None and name in sys.builtin_module_names:
            return None
        spec = PathFinder.find_spec(name, self._folders if path is None else path, target)
        if spec is not None and spec.origin and self._is_users(Path(spec.origin)):
            self._check(Path(spec.origin))
        return None

    def _is_users(self, file: Path) -> bool:
        return (
            file.suffix == ".py"
            and not locations.is_library(str(file))
            and any(file.is_relative_to(folder) for folder in self._folders)
        )
