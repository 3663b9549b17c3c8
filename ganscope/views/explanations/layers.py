"""Layers with weights, normalisations, dropout and losses."""

from __future__ import annotations

import math

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import Settings, read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.registry import explains


def _spread(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    if stats is None or stats.std is None:
        return None
    return (
        f"now the mean is {style.format_number(stats.mean)} "
        f"and the standard deviation {style.format_number(stats.std)}"
    )


@explains("Linear")
def linear(call: Call, _: str) -> str | None:
    """x·Wᵀ + b."""
    known = shapes.both(call)
    if known is None:
        return None
    before, after = known
    biased = read_settings(call.settings).get("bias", "True") == "True"
    rows = math.prod(before[:-1])
    each = f"each of the {style.format_count(rows)} rows" if rows > 1 else "the one row"
    biases = f" plus {after[-1]} bias{'es' if after[-1] > 1 else ''}"
    formula = "x·Wᵀ + b" if biased else "x·Wᵀ"
    return shapes.sentence(
        f"{each}: {shapes.in_words(before[-1:])} times a {after[-1]}×{before[-1]} weight matrix"
        f"{biases if biased else ''} ({formula}) give {shapes.in_words(after[-1:])}",
        shapes.parameter_sum(call, (before[-1], after[-1]), after[-1] if biased else 0),
    )


def _epsilon(settings: Settings) -> str | None:
    """A remark on an eps so large that it changes the result."""
    try:
        eps = float(settings.get("eps", "1e-05"))
    except ValueError:
        return None
    if eps < 0.01:
        return None
    return (
        f"eps is {settings.get('eps')}, far above torch's 0.00001: added to the variance it "
        "keeps the values smaller than standardised ones"
    )


@explains("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
def batch_norm(call: Call, _: str) -> str | None:
    """(x - mean) / √(variance + eps) per feature over the batch."""
    after = shapes.first_output(call)
    if not after or len(after) < 2:
        return None
    settings = read_settings(call.settings)
    features = after[1]
    owned = shapes.parameter_sum(call, (2, features), 0) if call.parameters else None
    return shapes.sentence(
        f"for each of the {features} {_features(after)}: (x - mean) / √(variance + eps), "
        "with the batch's own mean and variance in train mode and remembered ones in eval mode",
        f"a learned scale and shift for each: {owned}" if owned else None,
        _epsilon(settings),
        _spread(call),
    )


@explains("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
def instance_norm(call: Call, _: str) -> str | None:
    """The same as batch norm, for each sample alone."""
    after = shapes.first_output(call)
    if not after or len(after) < 3:
        return None
    owned = shapes.parameter_sum(call, (2, after[1]), 0) if call.parameters else None
    return shapes.sentence(
        f"for each of the {after[0]} samples and each of its {after[1]} {_features(after)} alone: "
        "(x - mean) / √(variance + eps)",
        f"a learned scale and shift for each: {owned}" if owned else None,
        _epsilon(read_settings(call.settings)),
        _spread(call),
    )


@explains("LayerNorm", "layer_norm", "GroupNorm", "group_norm")
def layer_norm(call: Call, _: str) -> str | None:
    """Normalisation within each sample."""
    grouped = call.type.lower().startswith("group")
    over = "in each group of its maps" if grouped else "over its last dimensions"
    return shapes.sentence(
        f"within each sample, {over}: (x - mean) / √(variance + eps)",
        f"a learned scale and shift: {style.count_of(call.parameters, 'parameter')}"
        if call.parameters
        else None,
        _spread(call),
    )


def _features(shape: tuple[int, ...]) -> str:
    return "features" if len(shape) == 2 else "maps"


@explains("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "dropout", "dropout2d")
def dropout(call: Call, _: str) -> str | None:
    """Zeroes at random in train mode."""
    probability = read_settings(call.settings).get("p")
    stats = shapes.output_stats(call)
    whole = "whole maps" if call.type[-2:].lower() in ("2d", "3d") else "values"
    chance = f" with probability {probability}" if probability else ""
    zeros = stats.fraction_zero if stats else None
    return shapes.sentence(
        f"in train mode sets {whole} to 0 at random{chance} and scales the others up, "
        "in eval mode passes everything on",
        f"here {style.format_share(zeros)} of the values are 0" if zeros is not None else None,
    )


@explains("Embedding", "embedding")
def embedding(call: Call, _: str) -> str | None:
    """A table look-up."""
    after = shapes.first_output(call)
    sizes = read_settings(call.settings).positional
    if not after or len(sizes) < 2 or not (sizes[0].isdigit() and sizes[1].isdigit()):
        return None
    rows, width = int(sizes[0]), int(sizes[1])
    if after[-1] != width:
        return None
    count = style.count_of(math.prod(after[:-1]), "whole number")
    return shapes.sentence(
        f"looks {count} up in a table of {rows} rows, such as one for each class, "
        f"and gives that row's {shapes.in_words((width,))}",
        shapes.parameter_sum(call, (rows, width), 0),
    )


def _value(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    if stats is None or stats.count != 1 or stats.mean is None:
        return None
    return f"here it is {style.format_number(stats.mean)}"


@explains("BCELoss", "binary_cross_entropy")
def cross_entropy(call: Call, _: str) -> str | None:
    """Binary cross-entropy of probabilities."""
    return shapes.sentence(
        "compares each probability p with its label y: the mean of -(y·log p + (1 - y)·log(1 - p))",
        "where every p is 0.5 it is ln 2 ≈ 0.693",
        _value(call),
    )


@explains("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
def cross_entropy_of_logits(call: Call, _: str) -> str | None:
    """Binary cross-entropy with the sigmoid inside."""
    return shapes.sentence(
        "turns each logit into a probability by a sigmoid and compares it with its label",
        "where every logit is 0 it is ln 2 ≈ 0.693",
        _value(call),
    )


@explains("MSELoss", "mse_loss")
def squared_error(call: Call, _: str) -> str | None:
    """Mean squared error."""
    return shapes.sentence("the mean of the squared differences to the labels", _value(call))
