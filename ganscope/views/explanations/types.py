"""Which sentence belongs to which type, modules and operations alike."""

from __future__ import annotations

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import base_type
from ganscope.views.explanations import (
    activations,
    arithmetic,
    attention,
    combining,
    convolutions,
    layers,
    movements,
    norms,
    padding,
    resizing,
    sources,
)
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import find
from ganscope.views.explanations.shapes import first_output, listed, sentence

__all__ = [
    "activations",
    "arithmetic",
    "attention",
    "combining",
    "convolutions",
    "describe",
    "describe_unknown",
    "layers",
    "movements",
    "norms",
    "padding",
    "resizing",
    "sources",
]

_MOST_GIVEN = 4
"""Tensors of which each shape is named."""


def describe(call: Call, context: Context) -> str | None:
    """What a call of a known type does, in words that its own record bears out.

    Args:
        call: A call with outputs.
        context: Its surroundings.
    """
    written = find(base_type(call))
    said = written(call, context) if written else None
    if said is None or base_type(call) == call.type:
        return said
    return sentence(said, "its weight is computed anew at each call (a parametrization, "
                    "such as spectral norm)")  # fmt: skip


def describe_unknown(call: Call) -> str:
    """What went in and what came out of a call of any type."""
    after = first_output(call)
    given = [style.format_shape(one.shape) for one in call.inputs if one.shape is not None]
    came_in = listed(given) if len(given) <= _MOST_GIVEN else f"{len(given)} tensors"
    came_in = came_in or "no tensor"
    came_out = "no tensor" if after is None else style.format_shape(after)
    owned = f" and owns {style.count_of(call.parameters, 'parameter')}" if call.parameters else ""
    kind = "the operation " if call.kind == "op" else ""
    return f"{kind}{style.printable(call.type)} turns {came_in} into {came_out}{owned}"
