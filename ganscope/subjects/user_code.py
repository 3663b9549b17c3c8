"""Looking into a user's file for a class, without letting it run off.

A training script parses its arguments and trains when it is imported. Whether a file does so
is first read from its syntax, before anything of it runs; while it then runs, the doors to
training and argument parsing are shut, so that what it imports cannot run off either.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ganscope.errors import TargetError

_PARSES, _TRAINS, _ASKS = "parses arguments", "trains", "waits for input"
_TELLTALE = {
    "parse_args": _PARSES,
    "parse_known_args": _PARSES,
    "parse_intermixed_args": _PARSES,
    "backward": _TRAINS,
    "input": _ASKS,
}
_MEND = "put that under if __name__ == '__main__':, or move the class to a file of its own"


def load_file(path: Path) -> ModuleType:
    """Import the Python file at `path` for its definitions.

    Raises:
        TargetError: It is not there, is no Python, does more than define, or fails.
    """
    if not path.is_file():
        raise TargetError(f"there is no file {path}{_near_file(path)}")
    _require_definitions(path, str(path))
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} is no Python file; name one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader
    sys.path.insert(0, str(path.parent.resolve()))
    previous = sys.modules.get(name)
    # Classes look their module up by name, dataclasses already while they are made.
    sys.modules[name] = module
    try:
        _run_guarded(lambda: loader.exec_module(module), str(path))
    except BaseException:
        if previous is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = previous
        raise
    return module


def load_module(name: str) -> ModuleType:
    """Import the module `name` for its definitions; the working directory is looked at too.

    Raises:
        TargetError: It is not there, does more than define, or fails.
    """
    working = str(Path.cwd())
    if working not in sys.path:
        sys.path.insert(0, working)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise TargetError(
            f"there is no module '{name}'; name a file (models.py:Generator) or an importable "
            "module (package.module:Generator)"
        )
    if spec.origin and spec.origin.endswith(".py") and name.partition(".")[0] not in _TRUSTED:
        _require_definitions(Path(spec.origin), name)
    found: list[ModuleType] = []
    _run_guarded(lambda: found.append(importlib.import_module(name)), name)
    return found[0]


_TRUSTED = {"torch", "torchvision", "ganscope"}


class _RanOff(BaseException):
    """Raised through a shut door; not an Exception, so that no user's handler swallows it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def _run_guarded(load: Callable[[], Any], shown: str) -> None:
    """Run `load` with stdout sent to stderr, no bytecode written and the doors shut."""
    arguments, bytecode = sys.argv, sys.dont_write_bytecode
    sys.argv, sys.dont_write_bytecode = [shown], True
    try:
        with _shut_doors(), redirect_stdout(sys.stderr):
            load()
    except _RanOff as door:
        raise TargetError(f"{shown} {door.what} when it is imported; {_MEND}") from None
    except SystemExit as leave:
        raise TargetError(
            f"{shown} exits when it is imported (exit code {leave.code}); {_MEND}"
        ) from None
    except Exception as error:
        raise TargetError(
            f"{shown} fails when it is imported: {summary(error)}; mend that first"
        ) from None
    finally:
        sys.argv, sys.dont_write_bytecode = arguments, bytecode


@contextmanager
def _shut_doors() -> Iterator[None]:
    """For the time of the context, parsing arguments or running backward raises `_RanOff`."""

    def shut(what: str) -> Callable[..., Any]:
        def door(*args: Any, **kwargs: Any) -> Any:
            raise _RanOff(what)

        return door

    doors: list[tuple[Any, str, str]] = [
        (argparse.ArgumentParser, "parse_known_args", _PARSES),
        (torch.Tensor, "backward", _TRAINS),
        (torch.autograd, "backward", _TRAINS),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in doors]
    for owner, name, what in doors:
        setattr(owner, name, shut(what))
    try:
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def summary(error: BaseException) -> str:
    """An exception in one line: its type, its text, the last line of the user's code."""
    text = " ".join(str(error).split()) or "no message"
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith("<frozen") and "site-packages" not in file:
            inside = Path(file).name
            if not file.startswith(str(Path(__file__).parent.parent)):
                place = f" ({inside}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return f"{type(error).__name__}: {text}{place}"


def _near_file(path: Path) -> str:
    from ganscope.errors import nearest

    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} is not there either"
    hint = nearest(path.name, [entry.name for entry in folder.glob("*.py")])
    return hint or "; name a Python file and a class, such as models.py:Generator"


# -- reading the syntax ------------------------------------------------------------------------


def _require_definitions(path: Path, shown: str) -> None:
    """Refuse a file that, read from its syntax, parses arguments or trains at import."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise TargetError(f"{shown} is no valid Python: {error.msg} (line {error.lineno})") from None
    except (OSError, ValueError) as error:
        raise TargetError(f"{shown} cannot be read: {error}") from None
    for what, line in _happenings(tree):
        raise TargetError(f"{shown} {what} when it is imported (line {line}); {_MEND}")


def _happenings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """What running the module would do beyond defining, and on which line."""
    functions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    entered: set[str] = set()
    waiting: list[ast.AST] = list(_at_import(tree.body))
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _TELLTALE and (name != "input" or isinstance(function, ast.Name)):
            yield _TELLTALE[name], node.lineno
        if isinstance(function, ast.Name) and name in functions and name not in entered:
            entered.add(name)
            waiting.extend(_at_import(functions[name].body))


def _at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node that runs when `body` runs: not what stands in functions or the main guard."""
    for statement in body:
        if isinstance(statement, ast.If) and _is_main_guard(statement.test):
            yield from _at_import(statement.orelse)
        else:
            yield from _running(statement)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.If) and _is_main_guard(node.test):
        for statement in node.orelse:
            yield from _running(statement)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def _is_main_guard(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))
