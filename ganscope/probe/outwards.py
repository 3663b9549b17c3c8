"""From a parameter of a helper outwards to what its caller passes, read from the source."""

from __future__ import annotations

import ast
from types import CodeType, FrameType

from ganscope.probe import sites, source


def origin(frame: FrameType, expression: ast.expr | None) -> tuple[FrameType, ast.expr | None]:
    """Follow a helper's parameter to the frame in which it is no parameter any more."""
    while (outer := caller_of(frame, expression)) is not None:
        frame, expression = outer
    return frame, expression


def caller_of(frame: FrameType, expression: ast.expr | None) -> tuple[FrameType, ast.expr] | None:
    """The caller of a helper and what it passes for a parameter; None for what is none."""
    if not isinstance(expression, ast.Name) or expression.id not in _parameters(frame.f_code):
        return None
    caller = sites.user_frame(frame.f_back)
    call = None if caller is None else source.call_of(caller)
    passed = None if call is None else _passed(call, frame.f_code, expression.id)
    return None if caller is None or passed is None else (caller, passed)


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _passed(call: ast.Call, code: CodeType, parameter: str) -> ast.expr | None:
    """What `call`, if it is one of the function with `code`, gives for its `parameter`."""
    if source.name_of(call.func) != code.co_name:
        return None
    for keyword in call.keywords:
        if keyword.arg == parameter:
            return keyword.value
    own = code.co_varnames[: code.co_argcount]
    if parameter not in own:
        return None
    place = own.index(parameter)
    if own[0] in ("self", "cls"):
        place -= 1
        if place < 0:
            return call.func.value if isinstance(call.func, ast.Attribute) else None
    before = call.args[: place + 1]
    if len(before) <= place or any(isinstance(each, ast.Starred) for each in before):
        return None
    return before[place]
