"""Normalisations: (x - mean) / √(variance + eps), and over which numbers."""

from __future__ import annotations

import re

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import Settings, read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains

_FORMULA = "(x - mean) / √(variance + eps)"


def _spread(call: Call) -> str | None:
    stats = shapes.output_stats(call)
    if stats is None or stats.std is None:
        return None
    mean = style.format_mean(stats.mean, stats.std)
    return f"now the mean is {mean} and the standard deviation {style.format_number(stats.std)}"


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


def _learned(call: Call, count: int) -> str | None:
    owned = shapes.parameter_sum(call, (2, count), 0) if call.parameters else None
    return f"then a learned scale and shift for each: {owned}" if owned else None


def _features(shape: tuple[int, ...]) -> str:
    count, noun = shape[1], "feature" if len(shape) == 2 else "map"
    return f"each of the {count} {noun}s" if count > 1 else f"the one {noun}"


def _keeps_running(settings: Settings) -> bool:
    return settings.get("track_running_stats", "True") == "True"


@explains("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
def batch_norm(call: Call, context: Context) -> str | None:
    """Over the batch, for each feature."""
    after, settings = shapes.first_output(call), read_settings(call.settings)
    if not after or len(after) < 2:
        return None
    return shapes.sentence(
        f"for {_features(after)}: {_FORMULA}, {_whose(after, settings, context)}",
        _learned(call, after[1]),
        _epsilon(settings),
        _spread(call),
    )


def _whose(after: tuple[int, ...], settings: Settings, context: Context) -> str:
    numbers = (after[0], *after[2:])
    own = f"with the mean and variance of this batch's own {shapes.amount(numbers)}"
    if not _keeps_running(settings):
        return own
    if context.mode == "train":
        return f"{own} (train mode; remembered ones are used in eval mode)"
    if context.mode == "eval":
        return "with a mean and variance remembered from training (eval mode)"
    return "with the batch's own mean and variance in train mode and remembered ones in eval mode"


@explains("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
def instance_norm(call: Call, context: Context) -> str | None:
    """The same as batch norm, for each sample alone."""
    after, settings = shapes.first_output(call), read_settings(call.settings)
    if not after or len(after) < 3:
        return None
    if settings.get("track_running_stats") == "True" and context.mode != "train":
        return None
    return shapes.sentence(
        f"for each map of each sample alone ({style.count_of(after[0], 'sample')}, "
        f"{style.count_of(after[1], 'map')}): {_FORMULA} over its {shapes.amount(after[2:])}",
        _learned(call, after[1]),
        _epsilon(settings),
        _spread(call),
    )


@explains("GroupNorm")
def group_norm(call: Call, _: Context) -> str | None:
    """Over some of each sample's maps."""
    after, given = shapes.first_output(call), read_settings(call.settings).positional
    groups = int(given[0]) if given and given[0].isdecimal() else 0
    if not after or len(after) < 2 or not groups or after[1] % groups:
        return None
    each = (after[1] // groups, *after[2:])
    parts = f"{groups} groups of maps" if groups > 1 else "its maps together"
    return shapes.sentence(
        f"for each sample alone ({after[0]}), in {parts}: {_FORMULA} over "
        f"{shapes.amount(each)}" + (" each" if groups > 1 else ""),
        _learned(call, after[1]),
        _epsilon(read_settings(call.settings)),
        _spread(call),
    )


@explains("LayerNorm")
def layer_norm(call: Call, _: Context) -> str | None:
    """Over the last dimensions, whatever stands before them."""
    after = shapes.first_output(call)
    given = next(iter(read_settings(call.settings).positional), "")
    size = tuple(int(number) for number in re.findall(r"\d+", given))
    if not after or not size or after[-len(size) :] != size:
        return None
    rows = shapes.count(after[: -len(size)])
    return shapes.sentence(
        f"for each row alone ({rows}): {_FORMULA} over its {shapes.amount(size)}",
        _learned(call, shapes.count(size)),
        _epsilon(read_settings(call.settings)),
        _spread(call),
    )
