"""Sizes and sums out of a call's record, for sentences that must be right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganscope.traces import Call, TensorStats
from ganscope.views import style
from ganscope.views.rows import main_output

Shape = tuple[int, ...]


def first_input(call: Call) -> Shape | None:
    """Shape of the first tensor that went in."""
    return call.inputs[0].shape if call.inputs else None


def first_output(call: Call) -> Shape | None:
    """Shape of the tensor that the call is shown by."""
    output = main_output(call)
    return output.shape if output else None


def output_stats(call: Call) -> TensorStats | None:
    """Figures of the tensor that the call is shown by."""
    output = main_output(call)
    return output.stats if output else None


def both(call: Call) -> tuple[Shape, Shape] | None:
    """Shape of what went in and of what came out, where both have dimensions."""
    before, after = first_input(call), first_output(call)
    return (before, after) if before and after else None


def in_words(shape: Sequence[int]) -> str:
    """``100 numbers`` for one dimension, ``1×28×28 numbers`` for more."""
    if not shape:
        return "1 number"
    return f"{style.format_shape(shape)} number{'' if tuple(shape) == (1,) else 's'}"


def product(*factors: int) -> str:
    """``100·128``."""
    return "·".join(map(str, factors))


def parameter_sum(call: Call, weights: Sequence[int], biases: int) -> str | None:
    """``100·128 + 128 = 12,928 parameters``, if that is the number that the call has.

    Args:
        call: The call.
        weights: Factors whose product is the number of weights.
        biases: Number of biases, 0 for none.
    """
    total = math.prod(weights) + biases
    if total != call.parameters:
        return None
    added = f" + {biases}" if biases else ""
    return f"{product(*weights)}{added} = {style.format_count(total)} parameters"


def sentence(*parts: str | None) -> str:
    """The parts that there are, with semicolons between."""
    return "; ".join(part for part in parts if part)
