"""Layers with weights, dropout and losses."""

from __future__ import annotations

import math

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains


@explains("Linear")
def linear(call: Call, _: Context) -> str | None:
    """x·Wᵀ + b."""
    known, settings = shapes.both(call), read_settings(call.settings)
    if known is None:
        return None
    before, after = known[0][-1], known[1][-1]
    if (settings.get("in_features"), settings.get("out_features")) != (str(before), str(after)):
        return None
    biases = after if settings.get("bias", "True") == "True" else 0
    return shapes.sentence(
        _rows_times_matrix(known[0], known[1], biases),
        shapes.parameter_sum(call, (before, after), biases),
    )


@explains("linear")
def linear_operation(call: Call, _: Context) -> str | None:
    """The same with a matrix that is handed in."""
    known = shapes.both(call)
    given = [record.shape or () for record in call.inputs[1:]]
    if known is None or not given or given[0] != (known[1][-1], known[0][-1]):
        return None
    biases = math.prod(given[1]) if len(given) > 1 else 0
    return shapes.sentence(
        _rows_times_matrix(known[0], known[1], biases),
        "the matrix is its second input" + (", the biases its third" if biases else ""),
    )


def _rows_times_matrix(before: tuple[int, ...], after: tuple[int, ...], biases: int) -> str:
    rows = math.prod(before[:-1])
    each = f"each of the {style.format_count(rows)} rows" if rows > 1 else "the one row"
    added = f" plus {style.format_count(biases)} bias{'es' if biases > 1 else ''}" if biases else ""
    formula = "x·Wᵀ + b" if biases else "x·Wᵀ"
    return (
        f"{each}: {shapes.in_words(before[-1:])} times {shapes.article(after[-1])} "
        f"{after[-1]}×{before[-1]} weight matrix{added} ({formula}) "
        f"give{'s' if before[-1] == 1 and not biases else ''} {shapes.in_words(after[-1:])}"
    )


@explains("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "dropout", "dropout1d", "dropout2d",
          "dropout3d")  # fmt: skip
def dropout(call: Call, context: Context) -> str | None:
    """Zeroes at random in train mode; what it zeroed here is read off the figures."""
    settings, known = read_settings(call.settings), _zeros(call)
    probability = settings.get("p") or next(iter(settings.positional), "")
    training, when = _is_training(call, context)
    if training is False and (known is None or known[0] == known[1]):
        return f"passes everything on as it is{when}"
    whole = "whole maps" if call.type[-2:].lower() in ("2d", "3d") else "values"
    chance = f" with probability {probability}" if probability else ""
    return shapes.sentence(
        f"sets {whole} to 0 at random{chance} and scales the others up{_factor(probability)}{when}",
        _zeroed(*known) if known else None,
    )


def _is_training(call: Call, context: Context) -> tuple[bool | None, str]:
    """Whether it is at work, and a remark on when it is."""
    if call.kind == "op":
        told = read_settings(call.settings).get("training")
        return None if told not in ("True", "False") else told == "True", ""
    if context.mode == "train":
        return True, " (train mode; in eval mode it passes everything on)"
    if context.mode == "eval":
        return False, " (eval mode)"
    return None, " in train mode, in eval mode it passes everything on"


def _zeros(call: Call) -> tuple[float, float] | None:
    """Share of zeros before and after."""
    before, after = shapes.input_stats(call), shapes.output_stats(call)
    if before is None or after is None:
        return None
    if before.fraction_zero is None or after.fraction_zero is None:
        return None
    return before.fraction_zero, after.fraction_zero


def _factor(probability: str) -> str:
    try:
        kept = 1 - float(probability)
    except ValueError:
        return ""
    return f" (times {1 / kept:.3g})" if 0 < kept < 1 else ""


def _zeroed(before: float, after: float) -> str | None:
    if after < before or before == 1:
        return None  # nothing was left to set to 0
    if after == before:
        return "here it set none to 0"
    share = style.format_share((after - before) / (1 - before))
    if not before:
        return f"here it set {share} of the values to 0"
    return (
        f"{style.format_share(before)} of the values were 0 before; of the others it set {share} "
        f"to 0, so {style.format_share(after)} are 0 now"
    )


@explains("Embedding", "embedding")
def embedding(call: Call, _: Context) -> str | None:
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
        f"looks {count} up in a table of {style.count_of(rows, 'row')}, such as one for each "
        f"class, and gives that row's {shapes.in_words((width,))}",
        _looked_up(call),
        shapes.parameter_sum(call, (rows, width), 0),
    )


def _looked_up(call: Call) -> str | None:
    stats = shapes.input_stats(call)
    if stats is None or stats.min is None or stats.max is None:
        return None
    return f"here rows {stats.min:.0f} to {stats.max:.0f}" if stats.min < stats.max else None


def _value(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    if stats is None or stats.count != 1 or stats.mean is None:
        return None
    return f"here it is {style.format_number(stats.mean)}"


@explains("BCELoss", "binary_cross_entropy")
def cross_entropy(call: Call, _: Context) -> str | None:
    """Binary cross-entropy of probabilities."""
    return shapes.sentence(
        "compares each probability p with its label y: the mean of -(y·log p + (1 - y)·log(1 - p))",
        "where every p is 0.5 it is ln 2 ≈ 0.693",
        _value(call),
    )


@explains("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
def cross_entropy_of_logits(call: Call, _: Context) -> str | None:
    """Binary cross-entropy with the sigmoid inside."""
    return shapes.sentence(
        "turns each logit into a probability by a sigmoid and compares it with its label",
        "where every logit is 0 it is ln 2 ≈ 0.693",
        _value(call),
    )


@explains("MSELoss", "mse_loss")
def squared_error(call: Call, _: Context) -> str | None:
    """Mean squared error."""
    return shapes.sentence("the mean of the squared differences to the labels", _value(call))
