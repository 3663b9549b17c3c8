"""Windows that slide over maps: their settings, and the sizes that come of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganscope.traces import Call
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes

_DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0, "groups": 1}


@dataclass(frozen=True, slots=True)
class Window:
    """A window's settings along one dimension."""

    kernel: int
    stride: int
    padding: int
    dilation: int
    output_padding: int

    @property
    def reach(self) -> int:
        """Cells from the window's first to its last."""
        return self.dilation * (self.kernel - 1) + 1


def arguments(call: Call, order: Sequence[str]) -> dict[str, str]:
    """An operation's arguments by name; those without one are named in their `order`.

    Tensors are not among them, so a bias that is left out must not take a place either.
    """
    settings = read_settings(call.settings)
    given = list(settings.positional)
    if given[:1] == ["None"]:
        given.pop(0)
    return {**dict(zip(order, given, strict=False)), **settings.named}


def window(named: Mapping[str, str], kernel: Sequence[int], stride: int = 1) -> Window | None:
    """The window, where it is the same along every dimension.

    Args:
        named: Settings by name, as their text.
        kernel: Its size.
        stride: Where none is given.
    """
    values = [set(kernel)]
    for name in ("stride", "padding", "dilation", "output_padding"):
        text = named.get(name, "None")
        default = stride if name == "stride" else _DEFAULTS[name]
        values.append(set(_whole(str(default) if text == "None" else text)))
    if any(len(found) != 1 for found in values):
        return None
    found = Window(*(one.pop() for one in values))
    return found if found.kernel > 0 and found.stride > 0 else None


def _whole(text: str) -> list[int]:
    parts = [part.strip() for part in text.strip("()[]").split(",") if part.strip()]
    return [int(part) for part in parts] if all(_is_whole(part) for part in parts) else []


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _same_size(shape: tuple[int, ...]) -> int | None:
    """Height and width, where they are the same."""
    sizes = set(shape[2:])
    return sizes.pop() if len(sizes) == 1 else None


def size_down(call: Call, given: Window) -> str | None:
    """(in + 2·padding - kernel) / stride + 1, if it gives the recorded size."""
    known = shapes.both(call)
    if known is None:
        return None
    before, after = _same_size(known[0]), _same_size(known[1])
    if before is None or after is None:
        return None
    span = before + 2 * given.padding - given.reach
    if span // given.stride + 1 != after:
        return None
    rounded = ", rounded down" if span % given.stride else ""
    padded = f" + 2·{given.padding}" if given.padding else ""
    return f"size ({before}{padded} - {given.reach}) / {given.stride} + 1 = {after}{rounded}"


def size_up(call: Call, given: Window) -> str | None:
    """(in - 1)·stride - 2·padding + kernel, if it gives the recorded size."""
    known = shapes.both(call)
    if known is None:
        return None
    before, after = _same_size(known[0]), _same_size(known[1])
    if before is None or after is None:
        return None
    size = (before - 1) * given.stride - 2 * given.padding + given.reach + given.output_padding
    if size != after:
        return None
    padded = f" - 2·{given.padding}" if given.padding else ""
    extra = f" + {given.output_padding}" if given.output_padding else ""
    return f"size ({before} - 1)·{given.stride}{padded} + {given.reach}{extra} = {after}"
