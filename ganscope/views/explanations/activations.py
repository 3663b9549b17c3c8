"""Activations: what is done to each number alone."""

from __future__ import annotations

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains
from ganscope.views.explanations.windows import arguments


def _nonpositive(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    if stats is None or stats.fraction_nonpositive is None:
        return None
    return f"{style.format_share(stats.fraction_nonpositive)} of the values are now ≤ 0"


def _range(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    if stats is None or stats.min is None:
        return None
    return f"here from {style.format_number(stats.min)} to {style.format_number(stats.max)}"


def _in_place(call: Call) -> str | None:
    if read_settings(call.settings).get("inplace") != "True":
        return None
    return "its input is overwritten (in place)"


@explains("LeakyReLU", "leaky_relu", "leaky_relu_")
def leaky_relu(call: Call, _: Context) -> str | None:
    """X or a fraction of it."""
    slope = read_settings(call.settings).get("negative_slope")
    below = f"{slope}·x" if slope else "a small fraction of x"
    return shapes.sentence(
        f"each number: x if x > 0, else {below}", _nonpositive(call), _in_place(call)
    )


@explains("ReLU", "relu", "relu_")
def relu(call: Call, _: Context) -> str | None:
    """X or 0."""
    stats = shapes.output_stats(call)
    zeros = stats.fraction_zero if stats else None
    share = f"{style.format_share(zeros)} of the values are now 0" if zeros is not None else None
    return shapes.sentence("each number: x if x > 0, else 0", share, _in_place(call))


@explains("ELU", "elu")
def elu(call: Call, _: Context) -> str | None:
    """An exponential below zero."""
    alpha = arguments(call, ("alpha", "inplace")).get("alpha", "1")
    times = "" if alpha in ("1", "1.0") else f"{alpha}·"
    return shapes.sentence(
        f"each number: x if x > 0, else {times}(eˣ - 1), where alpha is {alpha}",
        _nonpositive(call),
        _in_place(call),
    )


@explains("SELU", "selu", "selu_")
def selu(call: Call, _: Context) -> str | None:
    """An ELU with fixed constants."""
    return shapes.sentence(
        "each number: 1.0507·x if x > 0, else 1.7581·(eˣ - 1), an ELU whose constants keep mean 0 "
        "and standard deviation 1 through many layers",
        _nonpositive(call),
        _in_place(call),
    )


@explains("RReLU")
def random_relu(call: Call, context: Context) -> str | None:
    """A leaky ReLU whose slope is drawn."""
    settings = read_settings(call.settings)
    low, high = settings.get("lower"), settings.get("upper")
    if not low or not high:
        return None
    low, high = (style.format_number(float(bound)) for bound in (low, high))
    drawn = f"drawn anew for each number between {low} and {high}"
    slope = {
        "train": f"a slope {drawn} (train mode; in eval mode it is their mean)",
        "eval": f"the mean of {low} and {high} (eval mode; in train mode the slope is drawn)",
    }.get(context.mode or "", f"a slope, in train mode {drawn}, in eval mode their mean")
    return shapes.sentence(
        f"each number: x if x > 0, else x times {slope}", _nonpositive(call), _in_place(call)
    )


@explains("Hardtanh", "hardtanh", "hardtanh_", "ReLU6", "relu6")
def hard_tanh(call: Call, _: Context) -> str | None:
    """Bounds, with the numbers between them as they are."""
    given = arguments(call, ("min_val", "max_val", "inplace"))
    is_relu = call.type.lower() == "relu6"
    low = "0" if is_relu else given.get("min_val", "-1").removesuffix(".0")
    high = "6" if is_relu else given.get("max_val", "1").removesuffix(".0")
    return shapes.sentence(
        f"each number: x, but {low} where x is below and {high} where it is above",
        _range(call),
        _in_place(call),
    )


@explains("GELU", "gelu")
def gelu(call: Call, _: Context) -> str | None:
    """X weighted by the normal distribution."""
    return shapes.sentence(
        "each number: x times the share of a standard normal distribution that lies below x",
        _nonpositive(call),
    )


@explains("SiLU", "silu")
def silu(call: Call, _: Context) -> str | None:
    """X times its sigmoid."""
    return shapes.sentence("each number: x·sigmoid(x)", _nonpositive(call), _in_place(call))


@explains("PReLU", "prelu")
def prelu(call: Call, _: Context) -> str | None:
    """A leaky ReLU that learns its slope."""
    return shapes.sentence(
        "each number: x if x > 0, else a learned slope times x", _nonpositive(call)
    )


@explains("Softplus", "softplus")
def softplus(call: Call, _: Context) -> str | None:
    """A smooth ReLU."""
    return shapes.sentence("each number: log(1 + eˣ), a smooth ReLU, always > 0", _range(call))


@explains("Tanh", "tanh", "tanh_")
def tanh(call: Call, context: Context) -> str | None:
    """Squeezes into -1..1."""
    last = context.role(call) == "generator" and context.ends_network(call)
    pixels = ", the range that pixels are scaled to" if last else ""
    return shapes.sentence(f"squeezes each number into -1..1{pixels}", _range(call))


@explains("Sigmoid", "sigmoid", "sigmoid_")
def sigmoid(call: Call, context: Context) -> str | None:
    """Squeezes into 0..1."""
    stats = shapes.output_stats(call)
    mean = stats.mean if stats else None
    if context.role(call) != "discriminator" or not context.ends_network(call):
        return shapes.sentence("squeezes each number into 0..1", _range(call))
    return shapes.sentence(
        "squeezes each number into 0..1: the probability that the image is real",
        "about 0.5 means that it cannot tell",
        f"here the mean is {style.format_number(mean)}" if mean is not None else None,
    )


@explains("Identity")
def identity(_: Call, __: Context) -> str | None:
    """Nothing."""
    return "passes its input on as it is"
