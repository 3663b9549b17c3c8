"""The user's source at the place where a frame stands: which call runs, on which expression."""

from __future__ import annotations

import ast
import linecache
import textwrap
from functools import lru_cache
from types import CodeType, FrameType


@lru_cache(maxsize=32)
def tree(file: str) -> ast.Module | None:
    """The source of a file, parsed; None where there is none."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None


def call_of(frame: FrameType) -> ast.Call | None:
    """The call that `frame` is at, as an expression; read once per instruction."""
    key = (frame.f_code, frame.f_lasti)
    if key not in _calls:
        if len(_calls) > _MOST_CALLS:
            _calls.clear()
        expression = parsed(call_source(frame))
        _calls[key] = expression if isinstance(expression, ast.Call) else None
    return _calls[key]


_MOST_CALLS = 4096
_calls: dict[tuple[CodeType, int], ast.Call | None] = {}


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
    position = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last, start, end = position
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
