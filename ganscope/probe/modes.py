"""The function mode that sees functional operations, and its place on torch's stack.

The stack of modes is last in, first out, and user code may enter and leave its own modes
while ours is on it. So ours goes in and comes out at the bottom: everything above is lifted
off and laid back in its order. Only the mode of `torch.set_default_device` insists on the very
bottom itself; ours stands just above it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import overrides
from torch._C import _len_torch_function_stack
from torch.overrides import TorchFunctionMode

# torch's own, but untyped.
_push: Callable[[TorchFunctionMode], None] = overrides._push_mode
_pop: Callable[[], TorchFunctionMode] = overrides._pop_mode


class OperationLog(Protocol):
    """Who is told of operations."""

    def run_operation(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run it, record it, return its result."""


class OperationMode(TorchFunctionMode):
    """Hands every torch function to the log; taken out while a leaf module runs."""

    def __init__(self, log: OperationLog) -> None:
        super().__init__()
        self.log: OperationLog | None = log

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch in place of `func`."""
        if self.log is None:
            return func(*args, **(kwargs or {}))
        return self.log.run_operation(func, args, kwargs or {})


def put_in(mode: TorchFunctionMode) -> None:
    """Put `mode` at the bottom of the stack, above a default device if one is set."""
    above = _lift_all()
    if above and above[-1] is getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None):
        _push(above.pop())
    _push(mode)
    for other in reversed(above):
        _push(other)


def take_out(mode: TorchFunctionMode) -> bool:
    """Take `mode` out, wherever it stands; returns whether it stood there."""
    lifted = _lift_all()
    for other in reversed(lifted):
        if other is not mode:
            _push(other)
    return any(other is mode for other in lifted)


def _lift_all() -> list[TorchFunctionMode]:
    """Every mode, topmost first; the stack is empty afterwards."""
    return [_pop() for _ in range(_len_torch_function_stack())]
