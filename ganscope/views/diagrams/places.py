"""Where in a network the layers of a stage stand."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.traces import Call
from ganscope.views import style


def relative(call: Call, network: Call) -> str:
    """Where a call stands in a network."""
    path = call.path.removeprefix(network.path)
    return style.printable(path.lstrip("./"))


def span_of(paths: Sequence[str]) -> str:
    """``model.2–4`` for layers that stand in one container, else the first one's name."""
    if not paths:
        return ""
    first, last = paths[0], paths[-1]
    container, _, begin = first.rpartition(".")
    other, _, end = last.rpartition(".")
    if first == last:
        return first
    if container == other and begin.isdigit() and end.isdigit():
        return f"{container}.{begin}–{end}" if container else f"{begin}–{end}"
    return first
