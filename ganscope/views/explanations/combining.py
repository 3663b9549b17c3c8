"""Operations and layers that make one tensor out of several by a rule of their own."""

from __future__ import annotations

import re

from ganscope.traces import Call, TensorRecord
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains

_RULE = re.compile(r"'([^']+)'")


def _named(call: Call, context: Context, record: TensorRecord) -> str:
    """An input in words: where it came from and its shape."""
    origin, shape = context.origin(call, record), style.format_shape(record.shape)
    return f"{origin.words} ({shape})" if origin else f"a tensor of {shape}"


@explains("einsum")
def einsum(call: Call, context: Context) -> str | None:
    """Products, summed as a formula says."""
    after, found = shapes.first_output(call), _RULE.fullmatch(call.settings)
    if after is None or not call.inputs or not found:
        return None
    rule = found[1]
    given = shapes.listed([_named(call, context, record) for record in call.inputs])
    return (
        f"multiplies and sums {given} by the rule {style.printable(rule)}: an index that is not "
        f"in the result is summed over (→ {style.format_shape(after)})"
    )


@explains("stack")
def stack(call: Call, context: Context) -> str | None:
    """Tensors of one shape along a dimension of their own."""
    after, given = shapes.first_output(call), [record.shape for record in call.inputs]
    if not after or not given or given[0] is None or len(set(given)) > 1:
        return None
    fitting = [at for at in range(len(after)) if _stacked(given[0], len(given), at) == after]
    settings = read_settings(call.settings)
    said = settings.get("dim") or (*settings.positional, "0")[0]
    at = int(said) % len(after) if said.removeprefix("-").isdecimal() else -1
    if at not in fitting:
        return None
    named = shapes.listed([_named(call, context, record) for record in call.inputs])
    return (
        f"lays {named} one behind the other along a new dimension {at} "
        f"(→ {style.format_shape(after)}); nothing is computed"
    )


def _stacked(shape: tuple[int, ...], count: int, at: int) -> tuple[int, ...]:
    return (*shape[:at], count, *shape[at:])


@explains("where")
def where(call: Call, context: Context) -> str | None:
    """One tensor or the other, place by place."""
    if len(call.inputs) != 3 or call.settings:
        return None
    condition, chosen, other = (_named(call, context, record) for record in call.inputs)
    stats = shapes.input_stats(call)
    share = None
    if stats is not None and stats.fraction_zero is not None:
        share = f"it holds at {style.format_share(1 - stats.fraction_zero)} of the places"
    return shapes.sentence(
        f"takes each number from {chosen} where {condition} holds, else from {other}", share
    )


@explains("Bilinear")
def bilinear(call: Call, context: Context) -> str | None:
    """A weight for each pair of numbers out of two tensors."""
    shape = [record.shape for record in call.inputs[:2]]
    after = shapes.first_output(call)
    if len(call.inputs) != 2 or not shape[0] or not shape[1] or not after:
        return None
    first, second = (_named(call, context, record) for record in call.inputs)
    sides = shape[0][-1], shape[1][-1]
    biases = after[-1] if read_settings(call.settings).get("bias", "True") == "True" else 0
    return shapes.sentence(
        f"each of the {style.count_of(after[-1], 'number')} that come out weighs every product of "
        f"a number of {first} and one of {second} by a {style.format_shape(sides)} matrix of its "
        f"own{' and adds a bias' if biases else ''} (xᵀ·A·y{' + b' if biases else ''})",
        shapes.parameter_sum(call, (after[-1], *sides), biases),
    )
