"""Which variable of the user's code holds a network or an optimizer, wherever it lives.

Read from the source of the call that runs now. A parameter of a helper (``def train(D, opt)``) is
followed outwards to what its caller passes. A loop's variable says nothing, nor does a name that is
taken: then, and where there is no source, the object itself is looked for among what the calling
frames hold (see `search`).
"""

from __future__ import annotations

import ast
from collections.abc import Container
from types import FrameType

from torch.amp import grad_scaler
from torch.optim import Optimizer

from ganscope.probe import names, outwards, search, sites, source
from ganscope.probe.search import is_telling


def network_name(frame: FrameType, value: object, taken: Container[str]) -> str | None:
    """The variable whose call is running: ``generator`` in ``fake = self.generator(z)``.

    Args:
        frame: Anywhere at or below the call; frames of torch are passed over.
        value: What is called.
        taken: Names that others have.
    """
    users = sites.user_frame(frame)
    if users is None:
        return None
    call = source.call_of(users)
    expression = None if call is None else call.func
    if isinstance(expression, ast.Attribute) and expression.attr == "forward":
        expression = expression.value
    if call is not None and call.args and _text(expression) == "functional_call":
        expression = call.args[0]
    return _name(users, expression, value, taken)


def optimizer_name(frame: FrameType | None, value: object, taken: Container[str]) -> str | None:
    """The variable of the optimizer whose step is running; the arguments are as above."""
    users = sites.user_frame(frame)
    if users is None:
        return None
    call = source.call_of(users)
    expression = None if call is None else names.about(call)
    if call is not None and isinstance(call.func, ast.Attribute) and not _is_scaled(frame, users):
        expression = call.func.value  # the argument, if there is one, is a closure
    return _name(users, expression, value, taken)


def _name(
    frame: FrameType, expression: ast.expr | None, value: object, taken: Container[str]
) -> str | None:
    def is_free(name: str | None) -> bool:
        return name is not None and is_telling(name) and name not in taken

    near, start = _text(expression), frame
    frame, expression = _unwrapped(*outwards.origin(frame, expression))
    name, owner = _text(expression), _owner(expression)
    if owner is not None and owner in taken and name in _OF_EACH:  # what each network has
        name = f"{owner}_{name}"
    looped = search.loop_variables(frame.f_code)
    if is_free(name) and not (isinstance(expression, ast.Name) and name in looped):
        return name
    wide = search.name_of(start, value, is_free)
    around = _base(expression) or owner
    if wide is None and around is not None and name is not None and name in taken:
        wide = f"{around}_{name}"
    return wide or name or near


def _unwrapped(frame: FrameType, expression: ast.expr | None) -> tuple[FrameType, ast.expr | None]:
    """Out of a wrapper that keeps the object for itself: ``self._optimizer`` → ``opt_d``."""
    while isinstance(expression, ast.Attribute) and (
        expression.attr.startswith("_") or issubclass(type(search.first_argument(frame)), Optimizer)
    ):
        outer = outwards.caller_of(frame, expression.value)
        if outer is None:
            break
        frame, expression = outwards.origin(*outer)
    return frame, expression


def _text(expression: ast.expr | None) -> str | None:
    return None if expression is None else source.name_of(expression)


def _base(expression: ast.expr | None) -> str | None:
    """``nets`` in ``nets[index]``."""
    return _text(expression.value) if isinstance(expression, ast.Subscript) else None


def _owner(expression: ast.expr | None) -> str | None:
    """``D`` in ``D.optim`` and ``self.D.optim``; nothing in ``self.optim``."""
    value = expression.value if isinstance(expression, ast.Attribute) else None
    owner = None if value is None else _text(value)
    return owner if owner not in ("self", "cls") else None


_OF_EACH = frozenset({"optim", "optimizer", "optimiser", "opt"})


def _is_scaled(frame: FrameType | None, users: FrameType) -> bool:
    """Whether a GradScaler stands between `users` and the optimizer."""
    while frame is not None and frame is not users:
        if frame.f_code.co_filename == _SCALER:
            return True
        frame = frame.f_back
    return False


_SCALER = grad_scaler.__file__
