"""Networks whose forward is called directly, around every hook: ``netD.forward(x)``."""

from __future__ import annotations

import gc
from types import CodeType, FrameType

from torch import nn

from ganscope.probe import modules


def owner_of(frame: FrameType, module: nn.Module) -> tuple[nn.Module, FrameType] | None:
    """The outermost module whose forward runs above `frame` and has come to call `module`.

    Args:
        frame: Where torch calls the hooks of `module`, which nothing recorded encloses.
        module: A part of what is looked for.

    Returns:
        It, and the frame that calls its forward; None where `module` is called by itself.
    """
    running: dict[CodeType, FrameType] = {}
    current = frame.f_back
    while current is not None:
        if current.f_code.co_name == "forward":
            running[current.f_code] = current
        current = current.f_back
    if not running:
        return None
    kinds: dict[type, FrameType | None] = {}
    owners: list[tuple[int, nn.Module, FrameType]] = []
    for each in gc.get_objects():
        kind = type(each)
        if kind not in kinds:
            kinds[kind] = running.get(_forward_of(kind))  # type: ignore[arg-type]
        own = kinds[kind]
        if own is not None and each is not module and not modules.traits(each).transparent:
            parts = list(each.modules())
            if any(part is module for part in parts):
                owners.append((len(parts), each, own))
    if not owners:
        return None
    _, owner, own = max(owners, key=lambda found: found[0])
    return owner, own.f_back or own


def _forward_of(kind: type) -> CodeType | None:
    if not issubclass(kind, nn.Module):
        return None
    return getattr(getattr(kind, "forward", None), "__code__", None)
