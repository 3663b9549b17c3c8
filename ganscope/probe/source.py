"""The user's source at the place where a frame stands: which call runs, on which expression.

CPython gives the exact position of every instruction, and a call in a file is where it ends: no
search is needed, nothing of a frame is kept (docs/decisions/0018-names.md).
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from itertools import islice
from types import CodeType, FrameType
from typing import TypeVar

Read = TypeVar("Read")
Position = tuple[int | None, int | None, int | None, int | None]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Parsed:
    """The source of a file.

    Attributes:
        tree: Its statements.
        calls: Its calls and the node around each, by the position of the instruction that runs it.
    """

    tree: ast.Module
    calls: dict[Position, tuple[ast.Call, ast.AST]]


@lru_cache(maxsize=32)
def parsed(file: str) -> Parsed | None:
    """The source of a file, parsed; None where there is none."""
    lines = linecache.getlines(file)
    try:
        tree = ast.parse("".join(lines)) if lines else None
    except (SyntaxError, ValueError):
        tree = None
    if tree is None:
        return None
    calls = {
        place: (child, node)
        for node in ast.walk(tree)
        for child in ast.iter_child_nodes(node)
        if isinstance(child, ast.Call)
        for place in _places(child)
    }
    return Parsed(tree, calls)


def _places(call: ast.Call) -> list[Position]:
    """Where the instruction of a call may stand: that of a method, behind a line's end, begins at
    the method's name."""
    end, last = call.end_lineno, call.end_col_offset
    places: list[Position] = [(call.lineno, end, call.col_offset, last)]
    if isinstance(call.func, ast.Attribute) and call.func.end_col_offset is not None:
        start = call.func.end_col_offset - len(call.func.attr.encode())
        if call.func.end_lineno != call.lineno:
            places.append((call.func.end_lineno, end, start, last))
    return places


def _function(code: CodeType) -> Function | None:
    """The definition of a function; None for what is none."""
    file = parsed(code.co_filename)
    for node in () if file is None else ast.walk(file.tree):
        if isinstance(node, Function) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


def is_method(code: CodeType) -> bool:
    """Whether a function is one of a class, and takes an instance or the class first."""
    around = code.co_qualname.rpartition(".")[0]
    if not around or around.endswith("<locals>"):
        return False
    function = _function(code)
    decorators = [] if function is None else function.decorator_list
    return "staticmethod" not in map(name_of, decorators)


def assigned_in(code: CodeType) -> list[tuple[str, ast.expr | None]]:
    """Variables and what statements of a function give them; None where that is no one value."""
    function = _function(code)
    inside = [] if function is None else list(ast.walk(function))
    plain = [node for node in inside if isinstance(node, ast.Assign)]
    values = {id(node.targets[0]): node.value for node in plain if len(node.targets) == 1}
    return [
        (node.id, values.get(id(node)))
        for node in inside
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def returned_by(code: CodeType) -> list[list[ast.expr]]:
    """What the statements of a function return: several expressions for a tuple."""
    function = _function(code)
    nodes = [] if function is None else ast.walk(function)
    returned = [node.value for node in nodes if isinstance(node, ast.Return)]
    return [elements(each) for each in returned if each is not None]


def elements(expression: ast.expr) -> list[ast.expr]:
    """What a tuple or a list is written of; of anything else, itself."""
    return expression.elts if isinstance(expression, ast.Tuple | ast.List) else [expression]


def targets_of(point: tuple[CodeType, int]) -> list[ast.expr]:
    """The variables to which the call at a point is assigned: several where what it returns is
    taken apart, none where it goes elsewhere."""
    file = parsed(point[0].co_filename)
    found = None if file is None else file.calls.get(position_of(*point))
    around = None if found is None else found[1]
    if isinstance(around, ast.Assign) and len(around.targets) == 1:
        return elements(around.targets[0])
    return []


def is_within(place: tuple[int, int], node: ast.stmt | ast.expr) -> bool:
    """Whether a line and column, in bytes, stand in a statement or expression."""
    end = node.end_lineno or node.lineno, node.end_col_offset or 0
    return (node.lineno, node.col_offset) <= place < end


def once_per_instruction(
    read: Callable[[CodeType, int], Read],
) -> Callable[[CodeType, int], Read]:
    """Remember what `read` finds in the source at an instruction of some code.

    A call that runs in a loop is read once. It is kept by the id of the code, since to hash or
    compare code means to go through all of it; the code is held, so that the id stays its own.
    What was remembered is let go when it gets much, and with it the code.
    """
    known: dict[tuple[int, int], tuple[CodeType, Read]] = {}

    @wraps(read)
    def remembered(code: CodeType, instruction: int) -> Read:
        found = known.get((id(code), instruction))
        if found is None:
            if len(known) >= _MOST:
                known.clear()
            found = known[id(code), instruction] = code, read(code, instruction)
        return found[1]

    return remembered


_MOST = 4096


def call_of(frame: FrameType) -> ast.Call | None:
    """The call that `frame` is at; None without a source, and where none runs."""
    code = frame.f_code
    if code.co_filename not in linecache.cache:
        linecache.lazycache(code.co_filename, frame.f_globals)  # it may stand in an archive
    return call_at(code, frame.f_lasti)


@once_per_instruction
def call_at(code: CodeType, instruction: int) -> ast.Call | None:
    """The call that the instruction at this offset of `code` runs."""
    file = parsed(code.co_filename)
    found = None if file is None else file.calls.get(position_of(code, instruction))
    return found[0] if found is not None and _is_of(found[0], code) else None


def _is_of(call: ast.Call, code: CodeType) -> bool:
    """Whether `code` has the names of what is called: a file may have been written anew since, and
    what ``exec`` runs is called ``<string>``, as others are."""
    own = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    function = call.func
    while isinstance(function, ast.Attribute | ast.Subscript):
        function = function.value
    return not isinstance(function, ast.Name) or function.id in own


@once_per_instruction
def position_of(code: CodeType, instruction: int) -> Position:
    """First and last line, first and last column of the instruction at this offset in `code`."""
    # Positions can only be gone through from the first on: long, in a long function.
    return next(islice(code.co_positions(), instruction // 2, None))


def name_of(expression: ast.expr) -> str | None:
    """``generator``, ``self.generator`` and ``nets["generator"]`` → ``generator``."""
    if isinstance(expression, ast.Name):
        return expression.id
    if isinstance(expression, ast.Attribute):
        return expression.attr
    if isinstance(expression, ast.Subscript) and isinstance(expression.slice, ast.Constant):
        key = expression.slice.value
        return key if isinstance(key, str) and key.isidentifier() else None
    return None
