"""Networks whose forward is called directly, around every hook: ``netD.forward(x)``."""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType, FrameType

from torch import nn

from ganscope.probe import modules
from ganscope.probe.heap import Heap


def owner_of(frame: FrameType, module: nn.Module, heap: Heap) -> tuple[nn.Module, FrameType] | None:
    """The outermost module whose forward runs above `frame` and has come to call `module`.

    Args:
        frame: Where torch calls the hooks of `module`, which nothing recorded encloses.
        module: A part of what is looked for.
        heap: Where that is looked for.

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
    for each in heap.modules():
        kind = type(each)
        if kind not in kinds:
            kinds[kind] = _running(kind, running)
        own = kinds[kind]
        if own is not None and each is not module and not modules.traits(each).transparent:
            parts = list(each.modules())
            if any(part is module for part in parts):
                owners.append((len(parts), each, own))
    if not owners:
        return None
    _, owner, own = max(owners, key=lambda found: found[0])
    return owner, _caller(own, type(owner))


def _running(kind: type, running: Mapping[CodeType, FrameType]) -> FrameType | None:
    """Where the forward of a class runs, decorated or not."""
    codes = _codes(kind)
    return next((running[code] for code in codes if code in running), None)


def _caller(own: FrameType, kind: type) -> FrameType:
    """The frame that calls the forward of `kind`, which runs in `own`, past its decorators."""
    codes = _codes(kind)
    caller = own.f_back
    while caller is not None and caller.f_code in codes:
        own, caller = caller, caller.f_back
    return caller or own


def _codes(kind: type) -> list[CodeType]:
    """Of the forward of a class and of all that its decorators made of it, outermost first."""
    codes: list[CodeType] = []
    forward: object = getattr(kind, "forward", None)
    while forward is not None:
        code = getattr(forward, "__code__", None)
        if code in codes:
            break
        if isinstance(code, CodeType):
            codes.append(code)
        forward = getattr(forward, "__wrapped__", None)
    return codes
