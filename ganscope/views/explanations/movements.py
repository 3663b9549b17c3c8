"""Operations that move numbers about, cut tensors up or put them together."""

from __future__ import annotations

import math

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.explanations import shapes
from ganscope.views.explanations.arithmetic import skip
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains

_COMPUTES_NOTHING = "nothing is computed"


@explains("view", "reshape", "Flatten", "flatten", "Unflatten", "unflatten", "squeeze",
          "unsqueeze", "view_as", "reshape_as")  # fmt: skip
def reread(call: Call, _: Context) -> str | None:
    """The same numbers in another shape."""
    known = shapes.both(call)
    if known is None or math.prod(known[0]) != math.prod(known[1]):
        return None
    before, after = known
    if before[0] == after[0] and len(before) > 1 and len(after) > 1:
        count = math.prod(before[1:])
        told = (
            f" ({shapes.product(*before[1:])} = {style.format_count(count)})"
            if len(before) > 2
            else ""
        )
        return (
            f"only re-reads the same {style.count_of(count, 'number')} of each entry as "
            f"{style.format_shape(after[1:])}{told}; {_COMPUTES_NOTHING}"
        )
    return (
        f"only re-reads the same {style.count_of(math.prod(before), 'number')} as "
        f"{style.format_shape(after)}; {_COMPUTES_NOTHING}"
    )


@explains("permute", "transpose", "t")
def reorder(call: Call, _: Context) -> str | None:
    """Dimensions in another order."""
    known = shapes.both(call)
    if known is None or math.prod(known[0]) != math.prod(known[1]):
        return None
    return (
        f"puts the dimensions into another order ({style.format_shape(known[0])} → "
        f"{style.format_shape(known[1])}); {_COMPUTES_NOTHING}"
    )


@explains("cat", "concat", "concatenate")
def concatenate(call: Call, context: Context) -> str | None:
    """Tensors side by side; a skip connection where it is one."""
    after = shapes.first_output(call)
    given = [record.shape for record in call.inputs]
    if not after or len(given) < 2:
        return None
    for dimension, size in enumerate(after):
        sizes = [shape[dimension] for shape in given if shape and len(shape) == len(after)]
        if len(sizes) == len(given) and sum(sizes) == size:
            added = " + ".join(map(str, sizes))
            return shapes.sentence(
                f"puts {len(given)} tensors side by side along "
                f"{shapes.axis(dimension, len(after))}: {added} = {size}",
                _sources(call, context, dimension),
                _COMPUTES_NOTHING,
            )
    return None


def _sources(call: Call, context: Context, dimension: int) -> str | None:
    """Where the parts came from."""
    origins = [context.origin(call, record) for record in call.inputs]
    words = [
        f"{record.shape[dimension]} from {origin.words}"
        for origin, record in zip(origins, call.inputs, strict=True)
        if origin and record.shape
    ]
    if len(words) < len(origins):
        return None
    passed = skip(call, context)
    if passed is None:
        return shapes.listed(words)
    return (
        f"{shapes.listed(words)}: a skip connection, so {passed[0].words} also gets here without "
        "the layers between"
    )


@explains("chunk", "split", "unbind", "tensor_split")
def cut(call: Call, _: Context) -> str | None:
    """One tensor in pieces."""
    before = shapes.first_input(call)
    made = [record.shape for record in call.outputs]
    if not before or len(made) < 2 or call.type == "unbind":
        return None
    for dimension, size in enumerate(before):
        sizes = [shape[dimension] for shape in made if shape and len(shape) == len(before)]
        if len(sizes) == len(made) and sum(sizes) == size:
            added = " + ".join(map(str, sizes))
            return (
                f"cuts {shapes.axis(dimension, len(before))} into {len(made)} pieces: "
                f"{size} = {added}; {_COMPUTES_NOTHING}"
            )
    return None


@explains("repeat", "expand", "expand_as", "repeat_interleave", "tile")
def repeat(call: Call, _: Context) -> str | None:
    """The same numbers several times."""
    known = shapes.both(call)
    if known is None or not math.prod(known[0]) or math.prod(known[1]) % math.prod(known[0]):
        return None
    times = math.prod(known[1]) // math.prod(known[0])
    shown = f"{style.format_shape(known[0])} → {style.format_shape(known[1])}"
    return f"repeats its numbers {style.count_of(times, 'time')} ({shown}); {_COMPUTES_NOTHING}"


@explains("clone", "contiguous")
def copy(call: Call, _: Context) -> str | None:
    """The same numbers elsewhere."""
    known = shapes.both(call)
    if known is None or known[0] != known[1]:
        return None
    return f"the same {shapes.amount(known[0])}, copied or laid out anew; {_COMPUTES_NOTHING}"


@explains("detach", "detach_")
def detach(_: Call, __: Context) -> str | None:
    """The end of the gradient's way back."""
    return "the same numbers, cut off from how they were made: no gradient goes back from here"
