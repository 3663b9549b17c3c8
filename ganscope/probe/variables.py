"""Which variable of the user's code holds a network or an optimizer, wherever it lives.

Read from the source of the call that runs now: no local variables are materialised, nothing is
kept alive. A parameter of a helper (``def train(D, optimizer)``) is followed outwards to what
its caller passes. A loop's variable says nothing, nor does a name that is taken: then the object
itself is looked for in global variables, attributes, dictionaries and lists.
"""

from __future__ import annotations

import ast
from collections.abc import Container
from types import FrameType

from torch.amp import grad_scaler

from ganscope.probe import holders, names, outwards, sites, source
from ganscope.probe.heap import Heap
from ganscope.probe.holders import is_telling


def network_name(frame: FrameType, value: object, taken: Container[str], heap: Heap) -> str | None:
    """The variable whose call is running: ``generator`` in ``fake = self.generator(z)``.

    Args:
        frame: Anywhere at or below the call; frames of torch are passed over.
        value: What is called.
        taken: Names that others have.
        heap: Where it is looked for if nothing else tells.
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
    return _name(users, expression, value, taken, heap)


def optimizer_name(
    frame: FrameType | None, value: object, taken: Container[str], heap: Heap
) -> str | None:
    """The variable of the optimizer whose step is running; the arguments are as above."""
    users = sites.user_frame(frame)
    if users is None:
        return None
    call = source.call_of(users)
    expression = None if call is None else names.about(call)
    if call is not None and isinstance(call.func, ast.Attribute) and not _is_scaled(frame, users):
        expression = call.func.value  # the argument, if there is one, is a closure
    return _name(users, expression, value, taken, heap)


def global_name(frame: FrameType, value: object, besides: Container[str] = ()) -> str | None:
    """A global variable, of the innermost module on the stack that has one, that holds `value`.

    Args:
        frame: Where to begin.
        value: What is looked for.
        besides: Names that do not count.
    """
    current: FrameType | None = frame
    looked: set[int] = set()
    while current is not None:
        variables = current.f_globals
        if id(variables) not in looked:
            looked.add(id(variables))
            for key, held in list(variables.items()):
                if held is value and is_telling(key) and key not in besides:
                    return key
        current = current.f_back
    return None


def _name(
    frame: FrameType,
    expression: ast.expr | None,
    value: object,
    taken: Container[str],
    heap: Heap,
) -> str | None:
    near = _text(expression)
    frame, expression = _unwrapped(*outwards.origin(frame, expression))
    name, owner = _text(expression), _owner(expression)
    if owner is not None and owner in taken and name in _OF_EACH:  # what each network has
        name = f"{owner}_{name}"
    passing, iterated = _loop(frame, expression)
    if name is not None and is_telling(name) and name not in passing and name not in taken:
        return name
    wide = global_name(frame, value, passing)
    if wide is not None and wide not in taken:
        return wide
    around = _base(expression) or iterated
    for held in holders.names_of(value, around or name or near, heap):
        if held.isidentifier() and is_telling(held) and held not in taken and held not in passing:
            return held
    if around is not None and name is not None and name in taken and name not in passing:
        return f"{around}_{name}"
    if owner is not None and name in taken:
        return f"{owner}_{name}"
    return wide or name or near


def _unwrapped(frame: FrameType, expression: ast.expr | None) -> tuple[FrameType, ast.expr | None]:
    """Out of a wrapper that keeps the object for itself: ``self._optimizer`` → ``opt_d``."""
    while isinstance(expression, ast.Attribute) and expression.attr.startswith("_"):
        outer = outwards.caller_of(frame, expression.value)
        if outer is None:
            break
        frame, expression = outwards.origin(*outer)
    return frame, expression


def _text(expression: ast.expr | None) -> str | None:
    return None if expression is None else source.name_of(expression)


def _loop(frame: FrameType, expression: ast.expr | None) -> tuple[set[str], str | None]:
    """Where it is the variable of a loop, that variable and the name of what the loop runs over."""
    if not isinstance(expression, ast.Name):
        return set(), None
    tree = source.tree(frame.f_code.co_filename)
    lines = [line for _, _, line in frame.f_code.co_lines() if line]
    for node in () if tree is None else ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and lines:
            over = _runs_over(node.target, node.iter, expression.id)
            if over is not None and min(lines) <= node.target.lineno <= max(lines):
                return {expression.id}, _text(over)
    return set(), None


def _runs_over(target: ast.expr, over: ast.expr, name: str) -> ast.expr | None:
    """``nets`` for ``net`` in ``for i, (net, opt) in enumerate(zip(nets, opts))``."""
    call = over if isinstance(over, ast.Call) else None
    function = None if call is None else _text(call.func)
    if (
        call is not None
        and function in ("values", "items")
        and isinstance(call.func, ast.Attribute)
    ):
        over, call = call.func.value, None
    if isinstance(target, ast.Name):
        return over if target.id == name else None
    if not isinstance(target, ast.Tuple | ast.List):
        return None
    for place, part in enumerate(target.elts):
        inner = over
        if call is not None and function == "zip" and place < len(call.args):
            inner = call.args[place]
        elif call is not None and function == "enumerate" and place == 1 and call.args:
            inner = call.args[0]
        found = _runs_over(part, inner, name)
        if found is not None:
            return found
    return None


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
