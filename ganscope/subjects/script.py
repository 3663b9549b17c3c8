"""Somebody's program, run in this process as ``python`` itself would run it."""

from __future__ import annotations

import builtins
import os
import runpy
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from ganscope import locations
from ganscope.errors import TargetError, nearest

_KEPT: list[ModuleType] = []
"""The ``__main__`` modules of ours that programs have taken the place of."""


@dataclass(frozen=True, slots=True)
class Program:
    """What ``python TARGET ARGUMENTS`` or ``python -m TARGET ARGUMENTS`` names.

    Attributes:
        target: A file, a folder or archive with a ``__main__.py``, or the name of a module.
        arguments: The program's own.
        is_module: Whether `target` names a module.
    """

    target: str
    arguments: tuple[str, ...] = ()
    is_module: bool = False

    @property
    def name(self) -> str:
        """A short name, fit for a file: ``train`` for ``src/train.py``, ``gan`` for ``lab.gan``."""
        if not self.is_module:
            return Path(os.path.realpath(self.target)).stem
        parts = self.target.split(".")
        if len(parts) > 1 and parts[-1] == "__main__":
            parts.pop()
        return parts[-1]

    @property
    def words(self) -> tuple[str, ...]:
        """The program as it stands on a command line."""
        return (*(["-m"] if self.is_module else []), self.target, *self.arguments)

    def require(self) -> None:
        """Refuse a target that is not there, before anything is done.

        Raises:
            TargetError: There is no such file, or it is no program. Whether a module is there,
                python's own search says later.
        """
        path = Path(self.target)
        if self.is_module:
            return
        if not path.exists():
            near = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
            raise TargetError(f"there is no script {self.target}{nearest(path.name, near)}")
        if path.is_dir() and not (path / "__main__.py").is_file():
            raise TargetError(f"{self.target} is a folder without a __main__.py; name a script")
        if not os.access(path, os.R_OK):
            raise TargetError(f"{self.target} cannot be read: no permission")


def execute(program: Program) -> None:
    """Run `program` in this process, as its ``__main__``.

    The process is its own from here on: ``sys.argv``, the first entry of ``sys.path`` and the
    module ``__main__`` stay what it has made of them, as threads and exit handlers may still
    need them.

    Raises:
        BaseException: Whatever ends it, `SystemExit` included.
    """
    path = Path(program.target)
    first = _own_first_entry()
    if program.is_module:
        _take_over(["-m", *program.arguments], first, str(Path.cwd()))
        runpy._run_module_as_main(program.target)  # type: ignore[attr-defined]
    elif path.is_dir() or zipfile.is_zipfile(path):
        _take_over([program.target, *program.arguments], first, str(path.absolute()))
        runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
    else:
        folder = os.path.dirname(os.path.realpath(path))  # noqa: PTH120
        main = _take_over([program.target, *program.arguments], first, folder)
        _run_file(os.path.abspath(program.target), main)  # noqa: PTH100


def _run_file(file: str, main: ModuleType) -> None:
    variables = main.__dict__
    variables["__file__"] = file
    variables["__cached__"] = None
    variables["__loader__"] = SourceFileLoader("__main__", file)
    try:
        with open(file, "rb") as source:  # noqa: PTH123
            code = compile(source.read(), file, "exec", dont_inherit=True)
        exec(code, variables)
    finally:
        # Python too writes out what was printed before it shows a traceback.
        for stream in (sys.stderr, sys.stdout):
            with suppress(Exception):
                stream.flush()


def _own_first_entry() -> str | None:
    """The entry of ``sys.path`` that python made for ganscope's own start."""
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None:
        return str(Path.cwd())
    file = getattr(main, "__file__", None)
    return None if file is None else os.path.dirname(os.path.realpath(file))  # noqa: PTH120


def _take_over(arguments: list[str], own: str | None, first: str) -> ModuleType:
    """Make the process the program's: its arguments, where it imports from, its ``__main__``."""
    sys.argv = arguments
    if not getattr(sys.flags, "safe_path", False):
        if sys.path and sys.path[0] == own:
            sys.path[0] = first
        else:
            sys.path.insert(0, first)
        _forget_shadowed(first)
    _KEPT.append(sys.modules["__main__"])
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = main
    return main


def _forget_shadowed(folder: str) -> None:
    """Let the program find its own ``click.py``, though we have imported another module so named.

    What python itself has imported at its start stays, as it would.
    """
    started = {*sys.builtin_module_names, *_AT_START, "__main__", "torch", "numpy", "ganscope"}
    with suppress(OSError):
        for entry in os.scandir(folder):
            name = entry.name.removesuffix(".py")
            top = sys.modules.get(name)
            file = _file_of(top)  # in `folder` there may be a .venv, where ours come from
            if top is None or name in started or file == entry.path:
                continue
            if locations.is_inside(file, entry.path):
                continue
            if entry.name != name or Path(entry.path, "__init__.py").is_file():
                for loaded in [each for each in sys.modules if each.split(".")[0] == name]:
                    del sys.modules[loaded]


_AT_START = (
    "abc", "codecs", "encodings", "genericpath", "io", "os", "posixpath", "runpy", "site",
    "sitecustomize", "stat", "types", "usercustomize", "zipimport", "_collections_abc",
    "_sitebuiltins", "importlib", "warnings", "contextlib", "collections", "functools",
    "operator", "keyword", "reprlib", "pkgutil",
)  # fmt: skip


def _file_of(module: Any) -> str:
    return str(getattr(module, "__file__", None) or "")
