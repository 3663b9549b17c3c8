"""What importing a Python file would do beyond defining, read from its syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

PARSES, TRAINS, ASKS = "parses arguments", "trains", "waits for input"

_TELLTALE = {
    "parse_args": PARSES,
    "parse_known_args": PARSES,
    "parse_intermixed_args": PARSES,
    "parse_args_into_dataclasses": PARSES,
    "docopt": PARSES,
    "Fire": PARSES,
    "backward": TRAINS,
    "input": ASKS,
}
_COMMANDS = ("command", "group", "main", "option", "argument")
"""Decorators, of click, typer and hydra, that make a function parse arguments when called."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def happenings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """What running the module would do beyond defining, and on which line.

    Functions and methods of the file are followed where they are called; what it imports is
    not.
    """
    reader = _Reader(tree)
    waiting = list(_at_import(tree.body))
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            reader.remember(node)
        if not isinstance(node, ast.Call):
            continue
        what = reader.telltale(node)
        if what:
            yield what, node.lineno
        waiting.extend(reader.entered(node))


def relative_levels(tree: ast.Module) -> int:
    """How many packages up the file's relative imports reach; 0 where it has none."""
    return max(
        (node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)), default=0
    )


def class_names(tree: ast.Module) -> list[str]:
    """Names of the classes that the file defines, in order."""
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


class _Reader:
    """Follows calls through the functions and classes of one file, each once."""

    def __init__(self, tree: ast.Module) -> None:
        self._functions = {node.name: node for node in tree.body if isinstance(node, _Function)}
        self._classes = {
            node.name: {part.name: part for part in node.body if isinstance(part, _Function)}
            for node in tree.body
            if isinstance(node, ast.ClassDef)
        }
        self._instances: dict[str, str] = {}
        self._seen: set[ast.AST] = set()

    def remember(self, node: ast.Assign | ast.AnnAssign) -> None:
        """Which names hold an instance of which of the file's classes."""
        made = self._class_of(node.value)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if made and isinstance(target, ast.Name):
                self._instances[target.id] = made

    def telltale(self, call: ast.Call) -> str | None:
        """What the call itself does, where its name tells."""
        function = call.func
        if isinstance(function, ast.Name):
            called = self._functions.get(function.id)
            if called is not None and any(_parses(item) for item in called.decorator_list):
                return PARSES
            return None if called is not None else _TELLTALE.get(function.id)
        if not isinstance(function, ast.Attribute) or function.attr == "input":
            return None
        known = self._class_of(function.value)
        if known and function.attr in self._classes[known]:
            return None  # the file's own method of that name: it is followed instead
        return _TELLTALE.get(function.attr)

    def entered(self, call: ast.Call) -> Iterator[ast.AST]:
        """What runs inside the called function, where the file defines it."""
        function = call.func
        called: _Function | None = None
        if isinstance(function, ast.Name):
            made = self._classes.get(function.id, {})
            called = self._functions.get(function.id) or made.get("__init__")
        elif isinstance(function, ast.Attribute):
            owner = self._class_of(function.value)
            called = self._classes[owner].get(function.attr) if owner else None
        if called is not None and called not in self._seen:
            self._seen.add(called)
            yield from _at_import(called.body)

    def _class_of(self, value: ast.expr | None) -> str | None:
        """The file's class that `value` is an instance of, where that shows."""
        if isinstance(value, ast.Name):
            return self._instances.get(value.id)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            return value.func.id if value.func.id in self._classes else None
        return None


def _parses(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(function, ast.Attribute) and function.attr in _COMMANDS


def _at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node that runs when `body` runs: not what stands in functions or the main guard."""
    for statement in body:
        yield from _running(statement)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, _Function | ast.Lambda):
        return
    if isinstance(node, ast.If) and _is_main_guard(node.test):
        yield from _at_import(node.orelse)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def _is_main_guard(test: ast.expr) -> bool:
    """Whether it is ``__name__ == "__main__"``, either way round, alone or joined by `and`."""
    if isinstance(test, ast.BoolOp):
        return isinstance(test.op, ast.And) and any(map(_is_main_guard, test.values))
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = [test.left, *test.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
