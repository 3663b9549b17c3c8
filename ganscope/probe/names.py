"""Names as the user's code gives them: of losses, and of what a statement assigns."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import CodeType, FrameType

import torch

from ganscope.probe import outwards, search, sites, source
from ganscope.probe.source import call_at, call_of, once_per_instruction, position_of
from ganscope.probe.source import name_of as _name_of
from ganscope.traces.expressions import shortened

Assignment = tuple[str | None, int]
"""A variable and the line of the statement that assigns it."""

_Assigning = ast.Assign | ast.AnnAssign | ast.AugAssign


def snake_case(name: str) -> str:
    """``UNetGenerator`` → ``unet_generator``, ``DCGAN`` → ``dcgan``."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    parted = re.sub(r"([A-Z]{2,})([A-Z][a-z])", r"\1_\2", parted)
    return parted.lower()


def argument_name(frame: FrameType, value: object) -> str | None:
    """The variable that the caller passes as its first argument in the call running now.

    ``trace(generator, z)`` → ``generator``, ``trace(self.G_AB)`` → ``G_AB``, ``trace(nets["D"])``
    → ``D``. Where the source names none, a variable that holds `value`; without a source, also an
    attribute or entry.
    """
    call = call_of(frame)
    name = _name_of(call.args[0]) if call is not None and call.args else None
    if name is None:
        name = search.name_of(frame, value, search.is_telling, depth=2 if call is None else 0)
    return name


def loss_name(frame: FrameType | None, roots: Sequence[object] = ()) -> str | None:
    """What the user's code runs the backward pass on.

    ``g_loss.backward()`` → ``g_loss``; ``scaler.scale(loss).backward()`` → ``loss``;
    ``torch.autograd.grad(outputs=d_out, …)`` → ``d_out``; ``(a + b).backward()`` → ``a + b``.
    Without a source, the variable that holds the one of the `roots` that there is.
    """
    users = sites.user_frame(frame)
    if users is None or _is_transformed(frame, users):
        return None
    call = call_of(users)
    if call is None:
        held = roots[0] if len(roots) == 1 else None
        return None if held is None else search.name_of(users, held, _is_public, depth=1)
    if _called_on_tensor(frame, users) and isinstance(call.func, ast.Attribute):
        return _text_of(_passed_in(users, call.func.value, _unscaled))
    return _text_of(_passed_in(users, about(call), _alone))


def _is_public(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_")


def _passed_in(frame: FrameType, expression: ast.expr | None, plain: _Plain) -> ast.expr | None:
    """What a loss is where it was computed: what the callers of helpers pass for it.

    A helper that makes something else of its parameter (``loss = loss / 4``) has a loss of its
    own.
    """
    expression = plain(expression)
    while (outer := outwards.caller_of(frame, expression)) is not None:
        if isinstance(expression, ast.Name) and expression.id in _changed(*sites.point(frame)):
            break
        frame, expression = outer[0], plain(outer[1])
    return _kept_as(frame, expression)


def _kept_as(frame: FrameType, expression: ast.expr | None) -> ast.expr | None:
    """A helper's own variable as its caller calls what it returns of it, if that says more:
    ``loss_D_A`` for the ``loss_D`` of a helper that runs for each discriminator."""
    while isinstance(expression, ast.Name):
        kept = outwards.kept_as(frame, expression.id)
        name = None if kept is None else _name_of(kept[1])
        if kept is None or name is None or not _says_more(name, expression.id):
            break
        frame, expression = kept
    return expression


def _says_more(name: str, own: str) -> bool:
    """Whether a name is a longer form of a helper's `own`, or one of a loss for any name."""
    name, own = name.lower(), own.lower()
    is_loss = own in _ANY_LOSS and any(word in name for word in _ANY_LOSS[:4])
    return name != own and len(name) > len(own) and (own in name or is_loss)


_ANY_LOSS = ("loss", "err", "cost", "objective", "total", "total_loss", "error", "l")


@once_per_instruction
def _changed(code: CodeType, _instruction: int) -> frozenset[str]:
    """The variables to which the function gives something else than they hold, but for a scale.

    A framework's helpers hand a loss around: ``loss = self.precision.scale(loss)``.
    """
    given = source.assigned_in(code)
    return frozenset(
        name
        for name, value in given
        if name not in (_text_of(_unscaled(value)), _text_of(_handed_in(value)))
    )


def _handed_in(value: ast.expr | None) -> ast.expr | None:
    """``loss`` in ``hook(loss, step)``."""
    return value.args[0] if isinstance(value, ast.Call) and value.args else None


def called_text(frame: FrameType) -> str | None:
    """The call at which the user's code stands: ``F.relu(1 - x).mean()`` → ``relu(1 - x).mean()``.

    Where a function comes from says nothing of what it does.
    """
    users = sites.user_frame(frame)
    return None if users is None else _text_at(*sites.point(users))


@once_per_instruction
def _text_at(code: CodeType, instruction: int) -> str | None:
    call = call_at(code, instruction)
    return None if call is None else shortened(_MODULES.sub("", ast.unparse(call)))


def _is_transformed(frame: FrameType | None, users: FrameType) -> bool:
    """Whether a transform of ``torch.func`` runs the engine, on what a function gave it."""
    while frame is not None and frame is not users:
        if frame.f_globals.get("__name__", "").startswith("torch._functorch."):
            return True
        frame = frame.f_back
    return False


def _called_on_tensor(frame: FrameType | None, users: FrameType | None) -> bool:
    """Whether `users` itself calls ``Tensor.backward``."""
    while frame is not None and frame.f_back is not users:
        frame = frame.f_back
    return frame is not None and frame.f_code is torch.Tensor.backward.__code__


@lru_cache(maxsize=1024)
def assignment(file: str, line: int, column: int | None = None) -> Assignment | None:
    """The variable to which the statement at a place assigns its value, and where that begins.

    None where it assigns nothing; the variable is None where it is no single one, and where
    several statements stand on the line and no column, in bytes, tells which of them ran. Of a
    dictionary that is written out it is the key.
    """
    around = _assigning(file, line, column)
    targets = [target for node in around for target in _targets(node)]
    if not around:
        return None
    if len(around) == 1 and column is not None:
        items = _items(around[0].value)
        at = [key for key, value in items if source.is_within((line, column), value)]
        if items:
            return (at[0] if at else None), around[0].lineno
    return (_name_of(targets[0]) if len(targets) == 1 else None), around[0].lineno


def _items(value: ast.expr | None) -> list[tuple[str | None, ast.expr]]:
    """The keys, so far as they are names, and the values of ``{"adv": …}`` and ``dict(adv=…)``."""
    if isinstance(value, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in value.keys]
        texts = [key if isinstance(key, str) and key.isidentifier() else None for key in keys]
        return list(zip(texts, value.values, strict=True))
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
        return [(keyword.arg, keyword.value) for keyword in value.keywords]
    return []


def assigned_at(point: sites.Point) -> Assignment | None:
    """The same for the statement at which a function stands."""
    place = _place_of(point)
    return None if place is None else assignment(*place)


def held_by(made: Sequence[sites.Point], used: sites.Point) -> str | None:
    """The variable that holds what a function has of others, and uses at another statement.

    Args:
        made: Where it was made: in that function last, in those that it calls before.
        used: Where that function uses it.
    """
    place = _place_of(used)
    if place is None or assigned_at(made[-1]) in (None, assigned_at(used)):
        return None
    variable = _kept(made)
    return None if variable in _taken_apart(*place) else variable


def _kept(made: Sequence[sites.Point]) -> str | None:
    """The variable of the last function; one of several where it takes apart what it is given."""
    variable = assigned_at(made[-1])
    if variable is None or variable[0] is not None or len(made) == 1:
        return None if variable is None else variable[0]
    target = outwards.kept_at(made[-1], made[-2], _kept(made[:-1]))
    return None if target is None else _name_of(target)


@lru_cache(maxsize=1024)
def _taken_apart(file: str, line: int, column: int | None) -> frozenset[str | None]:
    """The variables of which a statement uses items or attributes: they hold more than one."""
    nodes = [node for each in _assigning(file, line, column) for node in ast.walk(each)]
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    return frozenset(
        _name_of(node.value)
        for node in nodes
        if isinstance(node, ast.Subscript | ast.Attribute) and node not in called
    )


def _assigning(file: str, line: int, column: int | None) -> list[_Assigning]:
    """The innermost statement at a place that assigns; all on its line where no column tells."""
    parsed = source.parsed(file)
    around = [
        node
        for node in (() if parsed is None else ast.walk(parsed.tree))
        if isinstance(node, _Assigning)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
        and (column is None or source.is_within((line, column), node))
    ]
    start = max((node.lineno for node in around), default=0)
    return [node for node in around if node.lineno == start]


def _place_of(point: sites.Point) -> tuple[str, int, int | None] | None:
    line, _, column, _ = position_of(*point)
    return None if line is None else (point[0].co_filename, line, column)


def _targets(node: _Assigning) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


_SCALERS = frozenset({"scale", "sum", "mean", "unsqueeze", "squeeze"})
_SUBJECTS = frozenset({"outputs", "tensors", "loss", "optimizer"})
_MODULES = re.compile(r"\b(?:(?:torch\.)?(?:nn\.)?functional|torch|F)\.(?=[a-z_]+\()")


def about(call: ast.Call) -> ast.expr | None:
    """The argument that a call is about, or what its method is called on."""
    for keyword in call.keywords:
        if keyword.arg in _SUBJECTS:
            return keyword.value
    if call.args:
        return call.args[0]
    return call.func.value if isinstance(call.func, ast.Attribute) else None


_Plain = Callable[[ast.expr | None], ast.expr | None]


def _unscaled(expression: ast.expr | None) -> ast.expr | None:
    """``scaler.scale(loss)`` → ``loss``, ``loss.mean()`` → ``loss``."""
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Attribute):
        return expression
    if expression.func.attr not in _SCALERS:
        return expression
    return expression.args[0] if expression.args else expression.func.value


def _alone(expression: ast.expr | None) -> ast.expr | None:
    """``[loss]`` → ``loss``."""
    if isinstance(expression, ast.List | ast.Tuple) and len(expression.elts) == 1:
        return expression.elts[0]
    return expression


def _text_of(expression: ast.expr | None) -> str | None:
    if expression is None:
        return None
    return _name_of(expression) or shortened(ast.unparse(expression))
