"""The user's source at the place where a frame stands: which call runs, on which expression."""

from __future__ import annotations

import ast
import linecache
import textwrap
from collections.abc import Callable
from functools import lru_cache, wraps
from itertools import islice
from types import CodeType, FrameType
from typing import Generic, TypeVar

Read = TypeVar("Read")
Position = tuple[int | None, int | None, int | None, int | None]


@lru_cache(maxsize=32)
def tree(file: str) -> ast.Module | None:
    """The source of a file, parsed; None where there is none."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None


def _inside(code: CodeType) -> list[ast.AST]:
    """Everything in the definition of a function; nothing of what is none."""
    module = tree(code.co_filename)
    for function in () if module is None else ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = min([function.lineno, *(each.lineno for each in function.decorator_list)])
        if (function.name, first) == (code.co_name, code.co_firstlineno):
            return list(ast.walk(function))
    return []


def is_method(code: CodeType) -> bool:
    """Whether a function is one of a class, and takes an instance or the class first."""
    around = code.co_qualname.rpartition(".")[0]
    if not around or around.endswith("<locals>"):
        return False
    decorators = [name_of(each) for node in _inside(code)[:1] for each in _decorators(node)]
    return "staticmethod" not in decorators


def _decorators(node: ast.AST) -> list[ast.expr]:
    return node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []


def assigned_in(code: CodeType) -> list[tuple[str, ast.expr | None]]:
    """Variables and what statements of a function give them; None where that is no one value."""
    inside = _inside(code)
    plain = [node for node in inside if isinstance(node, ast.Assign)]
    values = {id(node.targets[0]): node.value for node in plain if len(node.targets) == 1}
    return [
        (node.id, values.get(id(node)))
        for node in inside
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def returned_by(code: CodeType) -> list[ast.expr]:
    """What the statements of a function return."""
    returns = [node for node in _inside(code) if isinstance(node, ast.Return)]
    return [node.value for node in returns if node.value is not None]


def targets_of_call(frame: FrameType) -> list[ast.expr]:
    """The variables to which `frame` assigns what the call that it is at returns: several where
    that is taken apart, none where it goes elsewhere."""
    place, module = position(frame), tree(frame.f_code.co_filename)
    for node in () if module is None else ast.walk(module):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            value, target = node.value, node.targets[0]
            if (value.lineno, value.end_lineno, value.col_offset, value.end_col_offset) == place:
                return target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return []


def once_per_instruction(read: Callable[[FrameType], Read]) -> Callable[[FrameType], Read]:
    """Remember what `read` finds in the source at an instruction of some code.

    A call that runs in a loop is parsed once. What was remembered is let go when it gets much,
    and with it the code; frames are not held at all.
    """
    known = _Known[Read]()

    @wraps(read)
    def remembered(frame: FrameType) -> Read:
        return known.of(frame.f_code, frame.f_lasti, lambda: read(frame))

    return remembered


class _Known(Generic[Read]):
    """What was read of instructions of code.

    By id, since to hash or compare code means to go through all of it; the code is held, so that
    the id stays its own.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[CodeType, Read]] = {}

    def of(self, code: CodeType, instruction: int, read: Callable[[], Read]) -> Read:
        """What `read` finds at an instruction, found once."""
        key = id(code), instruction
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[key] = code, read()
        return found[1]


_MOST = 4096


@once_per_instruction
def call_of(frame: FrameType) -> ast.Call | None:
    """The call that `frame` is at, as an expression."""
    expression = parsed(call_source(frame))
    return expression if isinstance(expression, ast.Call) else None


def parsed(source: str | None) -> ast.expr | None:
    """One expression; None where it is none."""
    if source is None:
        return None
    try:
        return ast.parse(textwrap.dedent(source).strip(), mode="eval").body
    except SyntaxError:
        try:  # a call over several lines, each with its own indentation
            return ast.parse(f"({source.strip()})", mode="eval").body
        except SyntaxError:
            return None


def call_source(frame: FrameType) -> str | None:
    """The source text of the instruction that `frame` is at."""
    first, last, start, end = position(frame)
    if first is None or last is None or start is None or end is None:
        return None
    lines = [
        linecache.getline(frame.f_code.co_filename, line, frame.f_globals)
        for line in range(first, last + 1)
    ]
    if not all(lines):
        return None
    # Columns count bytes of UTF-8.
    encoded = [line.encode() for line in lines]
    encoded[-1] = encoded[-1][:end]
    encoded[0] = encoded[0][start:]
    return b"".join(encoded).decode(errors="replace")


def position(frame: FrameType) -> Position:
    """First and last line, first and last column of the instruction that `frame` is at."""
    return position_of(frame.f_code, frame.f_lasti)


def position_of(code: CodeType, instruction: int) -> Position:
    """The same of the instruction at this offset in `code`."""
    # Positions can only be gone through from the first on: long, in a long function.
    return _positions.of(
        code, instruction, lambda: next(islice(code.co_positions(), instruction // 2, None))
    )


_positions = _Known[Position]()


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
