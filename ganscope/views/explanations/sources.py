"""Operations that make tensors out of nothing: noise, zeros and ones."""

from __future__ import annotations

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains

_DRAWN = {
    "randn": "a standard normal distribution (mean 0, standard deviation 1)",
    "rand": "a uniform distribution between 0 and 1",
}


@explains("randn", "randn_like", "rand", "rand_like")
def noise(call: Call, _: Context) -> str | None:
    """Random numbers, new at each call."""
    made, stats = shapes.first_output(call), shapes.output_stats(call)
    if made is None:
        return None
    return shapes.sentence(
        f"draws {shapes.amount(made)} at random from {_DRAWN[call.type.removesuffix('_like')]}",
        f"here mean {style.format_number(stats.mean)} and standard deviation "
        f"{style.format_number(stats.std)}"
        if stats and stats.mean is not None
        else None,
    )


@explains("zeros", "zeros_like", "ones", "ones_like")
def constant(call: Call, _: Context) -> str | None:
    """The same number everywhere."""
    made = shapes.first_output(call)
    if made is None:
        return None
    one = call.type.removesuffix("_like").removesuffix("s")
    return f"{shapes.amount(made)}, each of them {one}"
