"""Products of matrices, softmax, and the attention that is made of them."""

from __future__ import annotations

import re

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains


@explains("bmm", "matmul", "mm")
def matrix_product(call: Call, context: Context) -> str | None:
    """Rows times columns."""
    if len(call.inputs) != 2 or call.settings:
        return None
    first, second, made = call.inputs[0].shape, call.inputs[1].shape, shapes.first_output(call)
    if not first or not second or not made or min(len(first), len(second)) < 2:
        return None
    if first[-1] != second[-2] or made[-2:] != (first[-2], second[-1]):
        return None
    times = shapes.count(made[:-2])
    lead = f"{style.count_of(times, 'time')}: " if times > 1 else ""
    a, b, c = (style.format_shape(shape[-2:]) for shape in (first, second, made))
    terms = "is one product" if first[-1] == 1 else f"is a sum of {first[-1]} products"
    return shapes.sentence(
        f"{lead}{shapes.article(first[-2])} {a} matrix times {shapes.article(second[-2])} {b} "
        f"matrix gives {shapes.article(made[-2])} {c} matrix, in which each number {terms}",
        _scores(call, context, made),
    )


def _scores(call: Call, context: Context, made: tuple[int, ...]) -> str | None:
    """A remark on what softmax makes into the weights of attention next."""
    if not any(taker.type in ("softmax", "Softmax") for taker in context.takers(call)):
        return None
    return (
        f"softmax takes these {style.format_shape(made[-2:])} scores next: how well each of "
        f"{style.count_of(made[-2], 'position')} matches each of {made[-1]}"
    )


@explains("Softmax", "softmax")
def softmax(call: Call, _: Context) -> str | None:
    """Positive numbers that add up to one."""
    settings = read_settings(call.settings)
    along = settings.get("dim") or next(iter(settings.positional), "")
    shape, stats = shapes.first_output(call), shapes.output_stats(call)
    formula = "divides eˣ by the sum of all eˣ"
    if not shape or not re.fullmatch(r"-?\d+", along) or not -len(shape) <= int(along) < len(shape):
        return f"{formula}: positive numbers that add up to 1"
    size = shape[int(along)]
    largest = stats.max if stats else None
    return shapes.sentence(
        f"{formula} along dimension {int(along) % len(shape)}: every "
        f"{style.count_of(size, 'number')} become{'s' * (size == 1)} positive and add"
        f"{'s' * (size == 1)} up to 1",
        f"an even share would be 1/{size} = {style.format_number(1 / size)}, the largest here is "
        f"{style.format_number(largest)}"
        if size and largest is not None
        else None,
    )


@explains("MultiheadAttention")
def multihead_attention(call: Call, _: Context) -> str | None:
    """Weighted means of values, by how well queries match keys."""
    if not call.inputs or not call.inputs[0].shape:
        return None
    width = call.inputs[0].shape[-1]
    return shapes.sentence(
        _weighted(call) or _each_position(),
        shapes.parameter_sum(call, (4, width, width), 4 * width),
    )


@explains("multi_head_attention_forward")
def attention_inside(call: Call, _: Context) -> str | None:
    """The same, as the module calls it."""
    return _weighted(call) or _each_position()


@explains("scaled_dot_product_attention")
def scaled_attention(call: Call, _: Context) -> str | None:
    """softmax(q·kᵀ/√d)·v."""
    given = [record.shape for record in call.inputs[:3]]
    if len(given) < 3 or any(shape is None or len(shape) < 2 for shape in given):
        return None
    query, key, _value = (shape or () for shape in given)
    scale = read_settings(call.settings).get("scale", "None")
    root = f"/√{query[-1]}" if scale == "None" else " · scale"
    return (
        f"attention: each of {style.count_of(query[-2], 'position')} gets a weighted mean over "
        f"{style.count_of(key[-2], 'position')}, the weights being softmax(q·kᵀ{root})"
    )


def _weighted(call: Call) -> str | None:
    """The sentence with numbers, where the weights come out beside the result."""
    weights = call.outputs[1].shape if len(call.outputs) == 2 else None
    if weights is None or len(weights) not in (2, 3, 4):
        return None
    return (
        f"attention: each of {style.count_of(weights[-2], 'position')} gets a weighted mean over "
        f"{style.count_of(weights[-1], 'position')}, the more of one the better it matches; "
        f"the weights are the second output ({style.format_shape(weights)})"
    )


def _each_position() -> str:
    return (
        "attention: each position gets a weighted mean over others, the more of one the better "
        "it matches"
    )
