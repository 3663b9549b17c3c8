"""Networks whose forward is called directly, around every hook: ``netD.forward(x)``."""

from __future__ import annotations

from types import CodeType, FrameType

from torch import nn

from ganscope.probe import modules, search


def owner_of(frame: FrameType, module: nn.Module) -> tuple[nn.Module, FrameType] | None:
    """The outermost module whose forward runs above `frame` and has come to call `module`.

    Args:
        frame: Where torch calls the hooks of `module`, which nothing recorded encloses.
        module: A part of what is looked for.

    Returns:
        It, and the frame that calls its forward; None where `module` is called by itself.
    """
    found: tuple[nn.Module, FrameType] | None = None
    current = frame.f_back
    while current is not None:
        if current.f_code.co_name == "forward":
            owner = search.first_argument(current)
            if isinstance(owner, nn.Module) and _has(owner, module, current.f_code):
                found = owner, _caller(current, type(owner))
        current = current.f_back
    return found


def _has(owner: nn.Module, module: nn.Module, code: CodeType) -> bool:
    """Whether `code` is of the forward of `owner`, and `module` a part of that."""
    if owner is module or modules.traits(owner).transparent or code not in _codes(type(owner)):
        return False
    return any(part is module for part in owner.modules())


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
