"""Names of networks, as the user's code calls them."""

from __future__ import annotations

import ast
import linecache
import re
import textwrap
from collections.abc import Container
from functools import lru_cache
from types import CodeType, FrameType

import torch
from torch.amp import grad_scaler

from ganscope.probe import sites


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


def called_name(frame: FrameType, value: object, taken: Container[str] = frozenset()) -> str | None:
    """The variable whose call is running: ``generator`` in ``fake = self.generator(z)``.

    Args:
        frame: Anywhere at or below the call; frames of torch are passed over.
        value: What is called.
        taken: Names that others have. One of these, or a name that says nothing (``model``,
            ``self``), gives way to a global variable of any caller that holds `value`.
    """
    users = sites.user_frame(frame)
    if users is None:
        return None
    call = _call_of(users)
    name = None if call is None else _name_of(call.func)
    if name is None or name in _VAGUE or name in taken:
        return _global_name(users, value) or name
    return name


def loss_name(frame: FrameType | None) -> str | None:
    """What the user's code runs the backward pass on.

    ``g_loss.backward()`` → ``g_loss``; ``scaler.scale(loss).backward()`` → ``loss``;
    ``torch.autograd.grad(outputs=d_out, …)`` → ``d_out``; ``(a + b).backward()`` → ``a + b``.
    """
    users = sites.user_frame(frame)
    call = None if users is None else _call_of(users)
    if call is None:
        return None
    if _called_on_tensor(frame, users) and isinstance(call.func, ast.Attribute):
        return _text_of(_unscaled(call.func.value))
    return _text_of(_about(call))


def _called_on_tensor(frame: FrameType | None, users: FrameType | None) -> bool:
    """Whether `users` itself calls ``Tensor.backward``."""
    while frame is not None and frame.f_back is not users:
        frame = frame.f_back
    return frame is not None and frame.f_code is torch.Tensor.backward.__code__


def optimizer_name(frame: FrameType | None, optimizer: object) -> str | None:
    """The variable of the optimizer whose step is running."""
    users = sites.user_frame(frame)
    if users is None:
        return None
    call = _call_of(users)
    about = None if call is None else _about(call)
    if call is not None and isinstance(call.func, ast.Attribute) and not _is_scaled(frame, users):
        about = call.func.value  # the argument, if there is one, is a closure
    name = _text_of(about)
    if name is None or not name.isidentifier() or name in _VAGUE:
        return _global_name(users, optimizer) or (name if name and name.isidentifier() else None)
    return name


def _is_scaled(frame: FrameType | None, users: FrameType) -> bool:
    """Whether a GradScaler stands between `users` and the optimizer."""
    while frame is not None and frame is not users:
        if frame.f_code.co_filename == _SCALER:
            return True
        frame = frame.f_back
    return False


@lru_cache(maxsize=1024)
def assignment(file: str, line: int) -> tuple[str | None, int] | None:
    """The variable to which the statement at `line` assigns its value, and where that begins.

    None where it assigns nothing; the variable is None where it is no single one, and where
    several statements stand on the line, as nothing tells which of them ran.
    """
    tree = _tree(file)
    if tree is None:
        return None
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not around:
        return None
    start = max(node.lineno for node in around)
    last = [node for node in around if node.lineno == start]
    targets = [target for node in last for target in _targets(node)]
    return (_name_of(targets[0]) if len(targets) == 1 else None), start


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


@lru_cache(maxsize=32)
def _tree(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None


_SCALER = grad_scaler.__file__
_VAGUE = frozenset({"self", "model", "module", "net", "network", "m", "f", "fn", "func", "opt"})
_SCALERS = frozenset({"scale", "sum", "mean", "unsqueeze", "squeeze"})
_SUBJECTS = frozenset({"outputs", "tensors", "loss", "optimizer"})
_LONGEST = 40


def _about(call: ast.Call) -> ast.expr | None:
    """The argument that a call is about, or what its method is called on."""
    for keyword in call.keywords:
        if keyword.arg in _SUBJECTS:
            return keyword.value
    if call.args:
        return call.args[0]
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def _unscaled(expression: ast.expr) -> ast.expr:
    """``scaler.scale(loss)`` → ``loss``, ``loss.mean()`` → ``loss``."""
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Attribute):
        return expression
    if expression.func.attr not in _SCALERS:
        return expression
    return expression.args[0] if expression.args else expression.func.value


def _text_of(expression: ast.expr | None) -> str | None:
    if isinstance(expression, ast.List | ast.Tuple) and len(expression.elts) == 1:
        expression = expression.elts[0]
    if expression is None:
        return None
    return _name_of(expression) or ast.unparse(expression)[:_LONGEST]


def _global_name(frame: FrameType, value: object) -> str | None:
    """A global variable, of the innermost module on the stack that has one, that holds `value`."""
    current: FrameType | None = frame
    looked: set[int] = set()
    while current is not None:
        variables = current.f_globals
        if id(variables) not in looked:
            looked.add(id(variables))
            for key, held in list(variables.items()):
                if held is value and not key.startswith("_") and key not in _VAGUE:
                    return key
        current = current.f_back
    return None


def _call_of(frame: FrameType) -> ast.Call | None:
    """The call that `frame` is at, as an expression; read once per instruction."""
    key = (frame.f_code, frame.f_lasti)
    if key not in _calls:
        if len(_calls) > _MOST_CALLS:
            _calls.clear()
        expression = _parsed(_call_source(frame))
        _calls[key] = expression if isinstance(expression, ast.Call) else None
    return _calls[key]


_MOST_CALLS = 4096
_calls: dict[tuple[CodeType, int], ast.Call | None] = {}


def _parsed(source: str | None) -> ast.expr | None:
    if source is None:
        return None
    try:
        return ast.parse(textwrap.dedent(source).strip(), mode="eval").body
    except SyntaxError:
        try:  # a call over several lines, each with its own indentation
            return ast.parse(f"({source.strip()})", mode="eval").body
        except SyntaxError:
            return None


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
    call = _parsed(source)
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
