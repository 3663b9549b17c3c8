"""Modules compiled in place, which torch calls around every hook.

``module.compile()`` stores a compiled entry on the module, and a call goes straight there. If
hooks were present while it compiles they would become part of its graph. So for the time of a
forward that entry is wrapped: the observer steps aside, and the call is recorded as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from ganscope.probe.modules import Parts
from ganscope.probe.observer import Observer


@contextmanager
def opaque(parts: Parts, observer: Observer) -> Iterator[None]:
    """For the time of the context, calls of modules compiled in place are recorded as one."""
    entries = [
        (module, vars(module)["_compiled_call_impl"])
        for _, module in parts
        if vars(module).get("_compiled_call_impl") is not None
    ]
    for module, entry in entries:
        vars(module)["_compiled_call_impl"] = _wrapped(module, entry, observer)
    try:
        yield
    finally:
        for module, entry in entries:
            vars(module)["_compiled_call_impl"] = entry


def _wrapped(module: nn.Module, entry: Any, observer: Observer) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        note = "compiled in place: one opaque call, its inside was not seen"
        with observer.around_opaque(module, args, kwargs, note) as finish:
            output = entry(*args, **kwargs)
            finish(output)
        return output

    return call
