"""Operations that move numbers about, or join two tensors."""

from __future__ import annotations

import math

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.explanations import shapes
from ganscope.views.explanations.registry import explains


@explains("view", "reshape", "Flatten", "flatten", "Unflatten", "unflatten", "squeeze",
          "unsqueeze", "view_as", "reshape_as")  # fmt: skip
def reread(call: Call, _: str) -> str | None:
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
            f"only re-reads the same {style.format_count(count)} numbers of each entry as "
            f"{style.format_shape(after[1:])}{told}; nothing is computed"
        )
    return (
        f"only re-reads the same {style.format_count(math.prod(before))} numbers as "
        f"{style.format_shape(after)}; nothing is computed"
    )


@explains("permute", "transpose", "t")
def reorder(call: Call, _: str) -> str | None:
    """Dimensions in another order."""
    known = shapes.both(call)
    if known is None:
        return None
    return (
        f"puts the dimensions into another order ({style.format_shape(known[0])} → "
        f"{style.format_shape(known[1])}); nothing is computed"
    )


@explains("cat", "concat", "concatenate")
def concatenate(call: Call, _: str) -> str | None:
    """Tensors side by side."""
    after = shapes.first_output(call)
    given = [record.shape for record in call.inputs]
    if not after or len(given) < 2:
        return None
    for dimension, size in enumerate(after):
        sizes = [shape[dimension] for shape in given if shape and len(shape) == len(after)]
        if len(sizes) == len(given) and sum(sizes) == size:
            added = " + ".join(map(str, sizes))
            return (
                f"puts {len(given)} tensors side by side along dimension {dimension}: "
                f"{added} = {size}; nothing is computed"
            )
    return None


@explains("add", "add_", "__add__", "__iadd__")
def add(call: Call, _: str) -> str | None:
    """Number by number."""
    if len(call.inputs) < 2:
        return "adds a constant to each number"
    return "adds its two inputs number by number"


@explains("detach", "detach_")
def detach(_: Call, __: str) -> str | None:
    """The end of the gradient's way back."""
    return "the same numbers, cut off from how they were made: no gradient goes back from here"
