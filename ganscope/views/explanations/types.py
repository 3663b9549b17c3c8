"""Which sentence belongs to which type, modules and operations alike."""

from __future__ import annotations

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import base_type
from ganscope.views.explanations import activations, convolutions, layers, movements
from ganscope.views.explanations.registry import find
from ganscope.views.explanations.shapes import first_input, first_output

__all__ = ["activations", "convolutions", "layers", "movements", "sentence"]


def sentence(call: Call, role: str) -> str:
    """What a call does, in words that its own record bears out.

    Args:
        call: A call with outputs.
        role: Role of its network.
    """
    written = find(base_type(call))
    return (written and written(call, role)) or _generic(call)


def _generic(call: Call) -> str:
    before, after = first_input(call), first_output(call)
    came_in = "no tensor" if before is None else style.format_shape(before)
    came_out = "no tensor" if after is None else style.format_shape(after)
    owned = f" and owns {style.count_of(call.parameters, 'parameter')}" if call.parameters else ""
    kind = "the operation " if call.kind == "op" else ""
    return f"{kind}{style.printable(call.type)} turns {came_in} into {came_out}{owned}"
