"""Sizes and sums out of a call's record, for sentences that must be right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganscope.traces import Call, TensorStats
from ganscope.traces.call import main_output
from ganscope.views import style

Shape = tuple[int, ...]


def first_input(call: Call) -> Shape | None:
    """Shape of the first tensor that went in."""
    return call.inputs[0].shape if call.inputs else None


def first_output(call: Call) -> Shape | None:
    """Shape of the tensor that the call is shown by."""
    output = main_output(call)
    return output.shape if output else None


def output_stats(call: Call) -> TensorStats | None:
    """Figures of the tensor that the call is shown by, if they are of all its values."""
    output = main_output(call)
    return _of_all_values(output.stats) if output else None


def input_stats(call: Call) -> TensorStats | None:
    """Figures of the first tensor that went in, if they are of all its values."""
    return _of_all_values(call.inputs[0].stats) if call.inputs else None


def _of_all_values(stats: TensorStats | None) -> TensorStats | None:
    """Figures beside NaN or infinite values are those of the others: no sentence is made of it."""
    return stats if stats is not None and not stats.nonfinite else None


def both(call: Call) -> tuple[Shape, Shape] | None:
    """Shape of what went in and of what came out, where both have dimensions."""
    before, after = first_input(call), first_output(call)
    return (before, after) if before and after else None


def in_words(shape: Sequence[int]) -> str:
    """``100 numbers`` for one dimension, ``1×28×28 numbers`` for more."""
    if not shape:
        return "1 number"
    return f"{style.format_shape(shape)} number{'' if tuple(shape) == (1,) else 's'}"


def article(number: int) -> str:
    """``a`` or ``an``, as the number is read aloud: an 8, an 11, a 100."""
    digits = str(number)
    leading = digits[: (len(digits) - 1) % 3 + 1]
    return "an" if digits.startswith("8") or leading in ("11", "18") else "a"


def count(shape: Sequence[int]) -> int:
    """How many numbers a tensor of this shape holds."""
    return math.prod(shape)


def amount(shape: Sequence[int]) -> str:
    """``4×2×2 = 16 numbers``; without the sum for a single dimension."""
    total = style.count_of(count(shape), "number")
    return total if len(shape) < 2 else f"{style.format_shape(shape)} = {total}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def axis(dimension: int, rank: int) -> str:
    """A dimension in words: ``maps`` where they stand, else ``dimension 2``."""
    if dimension == 1 and rank in (4, 5):
        return "dimension 1 (the maps)"
    return f"dimension {dimension}"


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
