"""Pooling and upsampling: height and width change, and nothing is learned."""

from __future__ import annotations

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains
from ganscope.views.explanations.windows import arguments, size_down, window

_POOLS = ("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d",
          "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d")  # fmt: skip
_ADAPTIVE = ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d",
             "adaptive_avg_pool2d", "adaptive_max_pool2d")  # fmt: skip


def _kept(call: Call) -> str:
    return "the largest number" if "max" in call.type.lower() else "the mean"


@explains(*_POOLS)
def pooling(call: Call, _: Context) -> str | None:
    """The largest or the mean of each window."""
    known = shapes.both(call)
    if known is None or len(known[0]) != len(known[1]) or len(known[0]) < 3:
        return None
    named = arguments(call, ("kernel_size", "stride", "padding"))
    rank = len(known[0]) - 2
    numbers = read_settings(f"kernel_size={named.get('kernel_size', '')}").numbers("kernel_size", 0)
    size = numbers * rank if len(numbers) == 1 else numbers
    given = window(named, size, stride=size[0]) if size and "kernel_size" in named else None
    cells = f"{style.format_shape(size)} window" if given else "window"
    return shapes.sentence(
        f"keeps {_kept(call)} of each {cells} "
        f"({style.format_shape(known[0][1:])} → {style.format_shape(known[1][1:])})",
        size_down(call, given) if given else None,
    )


@explains(*_ADAPTIVE)
def adaptive_pooling(call: Call, _: Context) -> str | None:
    """Windows that give a wanted size."""
    known = shapes.both(call)
    if known is None or len(known[1]) < 3 or len(known[0]) != len(known[1]):
        return None
    before, after = known[0][-2:], known[1][-2:]
    if after == (1, 1):
        return f"keeps {_kept(call)} of each map: {shapes.amount(before)} become 1"
    return (
        f"keeps {_kept(call)} of windows chosen so that {style.format_shape(before)} becomes "
        f"{style.format_shape(after)}"
    )


@explains("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", "interpolate")
def upsample(call: Call, _: Context) -> str | None:
    """Maps of another size, without weights."""
    known = shapes.both(call)
    if known is None or len(known[0]) != len(known[1]) or len(known[1]) < 3:
        return None
    before, after = known[0][2:], known[1][2:]
    mode = read_settings(call.settings).get("mode")
    resized = f"resizes each map from {style.format_shape(before)} to {style.format_shape(after)}"
    return shapes.sentence(f"{resized}{_how(mode, before, after)}", "nothing is learned")


def _how(mode: str, before: tuple[int, ...], after: tuple[int, ...]) -> str:
    whole = all(small and not large % small for small, large in zip(before, after, strict=True))
    if mode == "nearest" and whole:
        factors = [large // small for small, large in zip(before, after, strict=True)]
        return f": each number becomes {style.format_shape(factors)} equal ones"
    if mode == "nearest":
        return " by taking the nearest number"
    if mode in ("bilinear", "bicubic"):
        return f" by interpolating between neighbours ({mode})"
    return ""


@explains("PixelShuffle", "pixel_shuffle", "PixelUnshuffle", "pixel_unshuffle")
def pixel_shuffle(call: Call, _: Context) -> str | None:
    """Maps become pixels, or pixels maps."""
    known = shapes.both(call)
    if known is None or min(len(known[0]), len(known[1])) < 3:
        return None
    before, after = known[0][-3:], known[1][-3:]
    shown = f"({style.format_shape(before)} → {style.format_shape(after)})"
    up = "unshuffle" not in call.type.lower()
    small, large = (before, after) if up else (after, before)
    if not all(small) or not all(large) or small[0] % large[0]:
        return None
    maps = small[0] // large[0]
    factors = style.format_shape(
        [big // little for little, big in zip(small[1:], large[1:], strict=True)]
    )
    moved = (
        f"lays every {maps} maps out as one map, {factors} numbers in the place of one"
        if up
        else f"takes every map apart into {maps}, one for each place in a {factors} window"
    )
    return f"{moved} {shown}; nothing is computed"
