"""From a helper outwards: to what its caller passes for a parameter, and does with what it returns.

Read from the source.
"""

from __future__ import annotations

import ast
from types import CodeType, FrameType

from ganscope.probe import sites, source
from ganscope.probe.search import parameters_of


def origin(frame: FrameType, expression: ast.expr | None) -> tuple[FrameType, ast.expr | None]:
    """Follow a helper's parameter to the frame in which it is no parameter any more."""
    while (outer := caller_of(frame, expression)) is not None:
        frame, expression = outer
    return frame, expression


def caller_of(frame: FrameType, expression: ast.expr | None) -> tuple[FrameType, ast.expr] | None:
    """The caller of a helper and what it passes for a parameter; None for what is none."""
    if not isinstance(expression, ast.Name) or expression.id not in parameters_of(frame.f_code):
        return None
    caller = sites.user_frame(frame.f_back)
    call = None if caller is None else source.call_of(caller)
    passed = None if call is None else _passed(call, frame.f_code, expression.id)
    return None if caller is None or passed is None else (caller, passed)


def kept_as(frame: FrameType, variable: str) -> tuple[FrameType, ast.expr] | None:
    """The caller of a helper and where it keeps what the helper returns of its own `variable`:
    ``loss_D_A = self.back(D_A)`` for the ``loss`` of ``back``; None where it does not."""
    caller = sites.user_frame(frame.f_back)
    target = None if caller is None else kept_at(sites.point(caller), sites.point(frame), variable)
    return None if caller is None or target is None else (caller, target)


def kept_at(point: sites.Point, made: sites.Point, variable: str | None) -> ast.expr | None:
    """Where a call at `point` of a helper keeps what this has in its `variable`, or makes at
    `made` as it returns it."""
    targets = source.targets_of(point)
    line, _, column, _ = source.position_of(*made)
    for parts in source.returned_by(made[0]) if targets else ():
        for part, target in zip(parts, targets, strict=False) if len(parts) == len(targets) else ():
            kept = _undressed(part)
            if isinstance(kept, ast.Name) and kept.id == variable:
                return target
            if variable is None and source.is_within((line or 0, column or 0), part):
                return target
    return None


def _undressed(expression: ast.expr) -> ast.expr:
    """``loss`` in ``loss.detach().item()`` and in ``float(loss)``."""
    while True:
        if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
            if expression.args or expression.func.attr not in _DRESSES:
                return expression
            expression = expression.func.value
        elif isinstance(expression, ast.Call) and source.name_of(expression.func) == "float":
            expression = expression.args[0] if expression.args else expression.func
        elif isinstance(expression, ast.Attribute) and expression.attr in _DRESSES:
            expression = expression.value
        else:
            return expression


_DRESSES = frozenset({"item", "detach", "cpu", "data", "clone", "mean", "float"})


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
    if source.is_method(code) and isinstance(call.func, ast.Attribute):  # bound to the first
        place -= 1
        if place < 0:
            return call.func.value if isinstance(call.func, ast.Attribute) else None
    before = call.args[: place + 1]
    if len(before) <= place or any(isinstance(each, ast.Starred) for each in before):
        return None
    return before[place]
