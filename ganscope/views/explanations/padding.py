"""Borders around maps."""

from __future__ import annotations

import re

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains

_FILLED = {
    "Zero": "with zeros",
    "Reflection": "by mirroring what lies inside the edge",
    "Replication": "by repeating the edge",
    "Circular": "with what stands at the opposite edge",
}
_MODES = {
    "reflect": _FILLED["Reflection"],
    "replicate": _FILLED["Replication"],
    "circular": _FILLED["Circular"],
}
_SIDES = ("left", "right", "top", "bottom")


@explains(*(f"{kind}Pad{rank}d" for kind in (*_FILLED, "Constant") for rank in (1, 2, 3)))
def pad_module(call: Call, _: Context) -> str | None:
    """A border, by the module's name."""
    settings = read_settings(call.settings)
    text = settings.get("padding") or next(iter(settings.positional), "")
    kind = call.type.partition("Pad")[0]
    value = settings.get("value")
    how = f"with {value}" if kind == "Constant" and value else _FILLED.get(kind)
    return _border(call, text, how)


@explains("pad")
def pad(call: Call, _: Context) -> str | None:
    """A border, by the operation's arguments."""
    settings = read_settings(call.settings)
    text = next(iter(settings.positional), "") or settings.get("pad")
    mode = settings.get("mode", "constant")
    value = settings.get("value", "None")
    filled = "with zeros" if value in ("None", "0", "0.0") else f"with {value}"
    return _border(call, text, filled if mode == "constant" else _MODES.get(mode))


def _border(call: Call, text: str, how: str | None) -> str | None:
    """The sentence, if these widths give the recorded size."""
    known = shapes.both(call)
    widths = [int(width) for width in re.findall(r"-?\d+", text)]
    if known is None or len(widths) % 2 or not widths or how is None or min(widths) < 0:
        return None
    before, after = known
    rank = len(widths) // 2
    grown = [widths[2 * index] + widths[2 * index + 1] for index in reversed(range(rank))]
    if len(before) != len(after) or len(before) < rank or before[:-rank] != after[:-rank]:
        return None
    if [size + more for size, more in zip(before[-rank:], grown, strict=True)] != [*after[-rank:]]:
        return None
    return (
        f"puts a border around each map {how} ({_widths(widths)}): "
        f"{style.format_shape(before[-rank:])} → {style.format_shape(after[-rank:])}"
    )


def _widths(widths: list[int]) -> str:
    if len(set(widths)) == 1:
        return f"{widths[0]} on each side"
    if len(widths) > len(_SIDES):
        return f"{', '.join(map(str, widths))} before and after each dimension, the last first"
    named = [f"{width} {side}" for width, side in zip(widths, _SIDES, strict=False) if width]
    return ", ".join(named)
