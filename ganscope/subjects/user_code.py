"""Looking into a user's file for a class, without letting it run off.

A training script parses its arguments and trains when it is imported. Whether a file does so
is first read from its syntax, before anything of it runs, and so is every other file of the
user's that it imports. While it then runs, the doors to training and argument parsing are
shut, for what no syntax shows.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from ganscope import locations
from ganscope.errors import TargetError, nearest
from ganscope.subjects.guard import (
    RanOff,
    importable,
    output_aside,
    reading_first,
    shut_doors,
)
from ganscope.subjects.syntax import happenings, relative_levels

_MEND = "put that under if __name__ == '__main__':, or move the class to a file of its own"


def load_file(path: Path) -> ModuleType:
    """Import the Python file at `path` for its definitions.

    Raises:
        TargetError: It is not there, is no Python, does more than define, or fails.
    """
    if path.is_dir():
        raise TargetError(f"{path} is a folder; name a file in it, such as {path / 'models.py'}")
    if not path.is_file():
        raise TargetError(f"there is no file {path}{_near_file(path)}")
    if path.suffix != ".py":
        raise TargetError(f"{path} is no Python file; name one that ends in .py")
    tree = parse(path)
    _require_definitions(tree, str(path))
    file = path.resolve()
    levels = relative_levels(tree)
    if levels:
        return _load_as_part(file, levels, str(path))
    return _load_alone(file, str(path))


def load_module(name: str) -> ModuleType:
    """Import the module `name` for its definitions; the working directory is looked at too.

    Raises:
        TargetError: It is not there, does more than define, or fails.
    """
    folders = [str(Path.cwd())]
    found: list[ModuleType] = []

    def load() -> None:
        if _exists(name):
            found.append(importlib.import_module(name))

    run_guarded(load, name, folders=folders)
    if not found:
        raise TargetError(_no_module(name))
    if found[0].__file__ is None and hasattr(found[0], "__path__"):
        raise TargetError(f"{name} is a folder; name a module in it, such as {name}.models")
    return found[0]


def parse(path: Path) -> ast.Module:
    """The syntax of the file at `path`.

    Raises:
        TargetError: It cannot be read or is no Python.
    """
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        line = f" (line {error.lineno})" if error.lineno else ""
        raise TargetError(
            f"{path} is no valid Python: {error.msg}{line}; mend that first"
        ) from None
    except (OSError, ValueError) as error:
        raise TargetError(f"{path} cannot be read: {error}; name another file") from None


def run_guarded(
    load: Callable[[], Any], shown: str, *, folders: Sequence[str] = (), when: str = "imported"
) -> None:
    """Run some of the user's code: doors shut, output aside, no bytecode written.

    Args:
        load: What to run.
        shown: What to call it in a message.
        folders: Where its neighbours are found.
        when: What is done to it, for a message.

    Raises:
        TargetError: It does more than define, leaves or fails; one line says what.
    """
    arguments, bytecode, stdin = sys.argv, sys.dont_write_bytecode, sys.stdin
    sys.argv, sys.dont_write_bytecode, sys.stdin = [shown], True, io.StringIO()
    try:
        with shut_doors(), output_aside(), importable(folders), reading_first(folders, _check):
            load()
    except RanOff as door:
        raise TargetError(_ran_off(door, shown, when)) from None
    except SystemExit as leave:
        code = " ".join(str(leave.code or 0).split())
        mend = _MEND if when == "imported" else "mend that first"
        raise TargetError(f"{shown} exits when it is {when} (exit code {code}); {mend}") from None
    except TargetError:
        raise
    except Exception as error:
        raise TargetError(
            f"{shown} fails when it is {when}: {summary(error)}; mend that first"
        ) from None
    finally:
        sys.argv, sys.dont_write_bytecode, sys.stdin = arguments, bytecode, stdin


def summary(error: BaseException) -> str:
    """An exception in one line: its type, its text, the last line of the user's code."""
    place = _place(error)
    kind = type(error).__name__
    text = _text(error)
    return f"{kind}: {text}{place}" if text else f"{kind}{place}"


# -- importing ---------------------------------------------------------------------------------


def _load_alone(file: Path, shown: str) -> ModuleType:
    """The file as a module without a package, as Python runs a script."""
    folders = list(dict.fromkeys((str(file.parent), str(Path.cwd()))))
    name = file.stem if _is_free(file) else f"_{file.stem}_of_user"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader
    # Classes look their module up by name, dataclasses already while they are made.
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        run_guarded(lambda: loader.exec_module(module), shown, folders=folders)
    except BaseException:
        if previous is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = previous
        raise
    return module


def _load_as_part(file: Path, levels: int, shown: str) -> ModuleType:
    """The file as a part of its package, so that its relative imports find their way."""
    chain = 0
    while (file.parents[chain] / "__init__.py").is_file() and chain < len(file.parents) - 1:
        chain += 1
    depth = min(max(levels, chain), len(file.parents) - 1)
    root = file.parents[depth]
    name = ".".join([*file.relative_to(root).parts[:-1], file.stem])
    found: list[ModuleType] = []
    folders = list(dict.fromkeys((str(root), str(Path.cwd()))))
    run_guarded(lambda: found.append(importlib.import_module(name)), shown, folders=folders)
    if Path(found[0].__file__ or "").resolve() != file:
        raise TargetError(
            f"{shown} belongs to a package {name.partition('.')[0]}, and another one of that "
            "name comes first; rename its folder"
        )
    return found[0]


def _is_free(file: Path) -> bool:
    """Whether no other module has or could have the file's name."""
    name = file.stem
    if name in sys.modules or name in sys.stdlib_module_names:
        return False
    spec = PathFinder.find_spec(name)
    return spec is None or spec.origin == str(file)


def _exists(name: str) -> bool:
    if name.startswith("."):
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except (ValueError, ModuleNotFoundError) as error:
        missing = getattr(error, "name", None)
        if isinstance(error, ValueError) or (missing and f"{name}.".startswith(f"{missing}.")):
            return False
        raise  # it is there, and what it imports is not


def _no_module(name: str) -> str:
    parent = name.rpartition(".")[0]
    file = Path(*name.split(".")).with_suffix(".py") if name.strip(".") else Path(name)
    paths: list[str] | None = [str(Path.cwd())]
    if parent:
        package = sys.modules.get(parent)
        paths = list(getattr(package, "__path__", ()))
    beside = [module.name for module in pkgutil.iter_modules(paths)] if paths else []
    hint = nearest(name, [f"{parent}.{module}" if parent else module for module in beside])
    given = f"there is no module '{name}'"
    return (
        f"{given}{hint}"
        if hint
        else f"{given}; name a file ({file.name}:Generator) or an importable module "
        "(package.module:Generator)"
    )


def _near_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} is not there either"
    hint = nearest(path.name, [entry.name for entry in folder.glob("*.py")])
    return hint or "; name a Python file and a class, such as models.py:Generator"


# -- refusing ----------------------------------------------------------------------------------


def _require_definitions(tree: ast.Module, shown: str) -> None:
    """Refuse a file that, read from its syntax, parses arguments or trains at import."""
    for what, line in happenings(tree):
        raise TargetError(f"{shown} {what} when it is imported (line {line}); {_MEND}")


def _check(file: Path) -> None:
    """Keep a file that is imported by the user's own from running off."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, OSError, ValueError):
        return  # the import itself says so
    for what, line in happenings(tree):
        raise RanOff(what, file, line)


def _ran_off(door: RanOff, shown: str, when: str) -> str:
    if door.where is not None and door.where.stem != shown.rpartition(".")[2]:
        file = door.where.name
        return (
            f"{shown} imports {file}, which {door.what} when it is imported (line {door.line}); "
            f"in {file}, put that under if __name__ == '__main__':"
        )
    place = f" (line {door.line})" if door.line else _place(door)
    return f"{shown} {door.what} when it is {when}{place}; {_MEND}"


def _text(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:
        return ""  # its own text fails


def _place(error: BaseException) -> str:
    """Where in the user's code it was raised, as `` (file.py:12)``."""
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not locations.is_library(file):
            place = f" ({Path(file).name}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return place
