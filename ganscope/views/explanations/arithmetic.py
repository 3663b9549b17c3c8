"""Operations that compute: with a constant, number by number, or many into one."""

from __future__ import annotations

import re
from collections.abc import Callable

from ganscope.traces import Call, TensorRecord
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context, Origin
from ganscope.views.explanations.registry import explains

_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
_TOLERANCE = 1e-3


def _constant(call: Call) -> float | None:
    """The one number that stands beside the tensor, if there is nothing else."""
    if len(call.inputs) != 1 or not _NUMBER.fullmatch(call.settings):
        return None
    return float(call.settings)


def _is(call: Call, function: Callable[[float], float], *, scale: float) -> bool:
    """Whether the output's mean and deviation are those of `function` of each number.

    ``x - 1`` and ``1 - x`` leave the same record but for their figures.

    Args:
        call: The call.
        function: A straight line.
        scale: By how much it stretches what lies between two numbers.
    """
    before, after = shapes.input_stats(call), shapes.output_stats(call)
    if before is None or after is None or before.mean is None or after.mean is None:
        return False
    deviation = scale * (before.std or 0.0)
    nearly = _TOLERANCE * (deviation + abs(after.mean))
    same_spread = abs(deviation - (after.std or 0.0)) <= nearly
    return same_spread and abs(function(before.mean) - after.mean) <= nearly


def _sides(call: Call, context: Context) -> tuple[str, str]:
    """The two inputs in words: where they came from, else their shapes."""
    words = []
    for record in call.inputs[:2]:
        origin = context.origin(call, record)
        if record.shape is not None and shapes.count(record.shape) == 1:
            words.append(f"a single number{_single(record)}")
            continue
        shape = style.format_shape(record.shape)
        words.append(f"{origin.words} ({shape})" if origin else f"a tensor of {shape}")
    return words[0], words[1]


def _single(record: TensorRecord) -> str:
    known = record.stats is not None and record.stats.mean is not None
    return f" ({style.format_number(record.stats.mean)})" if known and record.stats else ""


def _repeated(call: Call) -> str | None:
    """A remark on the input that is repeated until it is as large as the result."""
    after = shapes.first_output(call)
    given = [record.shape for record in call.inputs[:2]]
    small = [shape for shape in given if shape is not None and shape != after]
    if after is None or len(small) != 1 or None in given:
        return None
    if shapes.count(small[0]) == 1:
        return None
    return f"{style.format_shape(small[0])} is repeated to {style.format_shape(after)}"


def _deviations(call: Call) -> str | None:
    after = shapes.output_stats(call)
    given = [record.stats.std if record.stats else None for record in call.inputs[:2]]
    if after is None or after.std is None or None in given:
        return None
    first, second = (style.format_number(std) for std in given)
    return (
        f"standard deviations {first} and {second} went in, {style.format_number(after.std)} "
        "came out"
    )


def skip(call: Call, context: Context) -> tuple[Origin, Origin] | None:
    """Of two inputs the earlier and the later, if the earlier one skips the layers between."""
    if len(call.inputs) != 2:
        return None
    known: list[tuple[Origin, TensorRecord]] = []
    for record in call.inputs:
        origin = context.origin(call, record)
        if origin is None:
            return None
        known.append((origin, record))
    (old, record), (new, _) = sorted(known, key=lambda pair: context.when(pair[0]))
    return (old, new) if context.skips(old, new, record) else None


@explains("add", "add_")
def add(call: Call, context: Context) -> str | None:
    """A constant, or number by number; a skip connection where it is one."""
    constant = _constant(call)
    if constant is not None:
        return f"adds {call.settings} to each number"
    if len(call.inputs) != 2 or call.settings:
        return None
    passed = skip(call, context)
    if passed:
        old, new = passed
        return shapes.sentence(
            f"a skip connection: adds {old.words} to {new.words}, number by number, so it also "
            "gets here without the layers between",
            _deviations(call),
        )
    first, second = _sides(call, context)
    return shapes.sentence(f"adds {first} and {second} number by number", _repeated(call))


@explains("mul", "mul_")
def multiply(call: Call, context: Context) -> str | None:
    """By a constant, or number by number."""
    if _constant(call) is not None:
        return shapes.sentence(f"multiplies each number by {call.settings}", _now(call))
    if len(call.inputs) != 2 or call.settings:
        return None
    first, second = _sides(call, context)
    return shapes.sentence(f"multiplies {first} by {second} number by number", _repeated(call))


@explains("sub", "sub_")
def subtract(call: Call, context: Context) -> str | None:
    """A constant, or number by number."""
    constant = _constant(call)
    if constant is not None:
        here = _is(call, lambda x: x - constant, scale=1)
        there = _is(call, lambda x: constant - x, scale=1)
        if here == there:
            return None
        return (
            f"subtracts {call.settings} from each number"
            if here
            else f"subtracts each number from {call.settings}"
        )
    if len(call.inputs) != 2 or call.settings:
        return None
    first, second = _sides(call, context)
    return shapes.sentence(f"subtracts {second} from {first} number by number", _repeated(call))


@explains("div", "div_", "truediv", "truediv_")
def divide(call: Call, context: Context) -> str | None:
    """By a constant, or number by number."""
    constant = _constant(call)
    if constant is not None:
        if not constant or not _is(call, lambda x: x / constant, scale=1 / abs(constant)):
            return None
        return shapes.sentence(f"divides each number by {call.settings}", _now(call))
    if len(call.inputs) != 2 or call.settings:
        return None
    first, second = _sides(call, context)
    return shapes.sentence(f"divides {first} by {second} number by number", _repeated(call))


@explains("pow", "square")
def power(call: Call, _: Context) -> str | None:
    """The square of each number, which the largest must bear out."""
    constant = 2.0 if call.type == "square" else _constant(call)
    before, after = shapes.input_stats(call), shapes.output_stats(call)
    if constant != 2 or before is None or after is None:
        return None
    if before.min is None or before.max is None or after.max is None:
        return None
    largest = max(before.min**2, before.max**2)
    if abs(largest - after.max) > _TOLERANCE * largest:
        return None
    return shapes.sentence("the square of each number", _now(call))


_FORMULAS = {
    "sqrt": "the square root of each number",
    "rsqrt": "1/√x of each number x",
    "exp": "e to the power of each number",
    "log": "the natural logarithm of each number",
    "abs": "each number without its sign",
    "neg": "each number with its sign turned",
    "sin": "the sine of each number",
    "cos": "the cosine of each number",
    "reciprocal": "1/x of each number x",
}


@explains(*_FORMULAS)
def formula(call: Call, _: Context) -> str | None:
    """One formula for each number."""
    return shapes.sentence(_FORMULAS[call.type], _now(call))


@explains("clamp", "clamp_", "clip")
def clamp(call: Call, _: Context) -> str | None:
    """Bounds."""
    settings = read_settings(call.settings)
    given = [*settings.positional, *(None,) * 2][:2]
    low, high = settings.get("min") or given[0], settings.get("max") or given[1]
    bounds = [
        f"{word} {bound}"
        for word, bound in (("below", low), ("above", high))
        if bound and _NUMBER.fullmatch(bound)
    ]
    return (
        shapes.sentence(f"cuts off what is {shapes.listed(bounds)}", _now(call)) if bounds else None
    )


@explains("mean", "sum")
def reduction(call: Call, _: Context) -> str | None:
    """Many numbers into one."""
    before, after = shapes.first_input(call), shapes.first_output(call)
    if before is None or after is None or not shapes.count(after) or len(call.outputs) != 1:
        return None
    each, rest = divmod(shapes.count(before), shapes.count(after))
    if rest or each < 1:
        return None
    word = "mean" if call.type == "mean" else "sum"
    count = style.format_count(each)
    if not after or shapes.count(after) == 1:
        return shapes.sentence(f"the {word} of all {count} numbers", _value(call))
    return shapes.sentence(
        f"the {word} of {count} numbers at a time "
        f"({style.format_shape(before)} → {style.format_shape(after)})",
        _now(call),
    )


def _value(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    return f"here {style.format_number(stats.mean)}" if stats and stats.mean is not None else None


def _now(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    if stats is None or stats.min is None:
        return None
    return f"here from {style.format_number(stats.min)} to {style.format_number(stats.max)}"
