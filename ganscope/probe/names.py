"""Names of networks, as the user's code calls them."""

from __future__ import annotations

import ast
import linecache
import re
from types import FrameType


def snake_case(name: str) -> str:
    """``UNetGenerator`` → ``unet_generator``, ``DCGAN`` → ``dcgan``."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    parted = re.sub(r"([A-Z]{2,})([A-Z][a-z])", r"\1_\2", parted)
    return parted.lower()


def argument_name(frame: FrameType, value: object) -> str | None:
    """The variable that the caller passes as its first argument in the call running now.

    Read from the source of the very call, so that no local variables are materialised and
    nothing is kept alive: ``trace(generator, z)`` → ``generator``, ``trace(self.G_AB)`` →
    ``G_AB``, ``trace(nets["D"])`` → ``D``. Where there is no source, a global variable that
    holds `value`.
    """
    expression = _first_argument(_call_source(frame))
    name = _name_of(expression) if expression is not None else None
    if name is None:
        owners = [key for key, held in frame.f_globals.items() if held is value]
        name = next((key for key in owners if not key.startswith("_")), None)
    return name


def _call_source(frame: FrameType) -> str | None:
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


def _first_argument(source: str | None) -> ast.expr | None:
    if source is None:
        return None
    try:
        call = ast.parse(source.strip(), mode="eval").body
    except SyntaxError:
        return None
    return call.args[0] if isinstance(call, ast.Call) and call.args else None


def _name_of(expression: ast.expr) -> str | None:
    if isinstance(expression, ast.Name):
        return expression.id
    if isinstance(expression, ast.Attribute):
        return expression.attr
    if isinstance(expression, ast.Subscript) and isinstance(expression.slice, ast.Constant):
        key = expression.slice.value
        return key if isinstance(key, str) and key.isidentifier() else None
    return None
