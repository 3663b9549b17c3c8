"""What torch gives no hook for, patched for the time of an observation.

``OptimizedModule.__call__``
    What ``torch.compile(model)`` returns warns when it is called with global hooks about, and
    would compile them into its graph.

``module._compiled_call_impl``
    ``module.compile()`` stores its entry there, and a call goes straight to it, around every hook.

``module.forward``, where it is itself compiled
    ``module.forward = torch.compile(module.forward)`` would compile the hooks of what it calls.

Each is recorded as one opaque call, during which the observer's hooks are away; all are put back
when the observation ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from ganscope.probe.modules import Parts, is_compiled, optimized_module
from ganscope.probe.observer import Observer

_IN_PLACE = "compiled in place: one opaque call, its inside was not seen"


@contextmanager
def patched(parts: Parts, observer: Observer) -> Iterator[None]:
    """For the time of the context, compiled modules tell `observer` of their calls."""
    entries = [
        (module, vars(module)["_compiled_call_impl"])
        for _, module in parts
        if vars(module).get("_compiled_call_impl") is not None
    ]
    forwards = [
        (module, vars(module)["forward"])
        for _, module in parts
        if hasattr(vars(module).get("forward"), "_torchdynamo_orig_callable")
        and not is_compiled(module)
    ]
    for module, entry in entries:
        vars(module)["_compiled_call_impl"] = _entry(module, entry, observer)
    for module, forward in forwards:
        vars(module)["forward"] = _forward(forward, observer)
    wrapper = optimized_module()
    original = None if wrapper is None else wrapper.__call__
    if wrapper is not None:
        wrapper.__call__ = _call(original, observer)
    try:
        yield
    finally:
        if wrapper is not None:
            wrapper.__call__ = original
        for module, entry in entries:
            vars(module)["_compiled_call_impl"] = entry
        for module, forward in forwards:
            vars(module)["forward"] = forward


def _entry(module: nn.Module, entry: Any, observer: Observer) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        with observer.around_opaque(module, args, kwargs, _IN_PLACE) as finish:
            return finish(entry(*args, **kwargs))

    return call


def _forward(forward: Any, observer: Observer) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        with observer.away("its forward is compiled: its inside was not seen"):
            return forward(*args, **kwargs)

    return call


def _call(original: Any, observer: Observer) -> Any:
    def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        with observer.around_opaque(self, args, kwargs, None) as finish:
            return finish(original(self, *args, **kwargs))

    return __call__


def unseen_of(module: nn.Module, method: str) -> str:
    """What is not seen once a method of a module was compiled."""
    name = type(module).__name__
    if method == "_call_impl":  # by ``module.compile()``, which goes around every hook
        return f"a {name} compiled in place: its calls are not seen"
    return f"{name}.{method} was compiled by itself: what runs compiled is not seen"
