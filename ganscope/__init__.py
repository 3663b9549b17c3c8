"""ganscope: see what really happens inside a GAN.

``import ganscope`` alone imports nothing heavy; each name below is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganscope.version import VERSION

if TYPE_CHECKING:
    from ganscope.api import record, trace
    from ganscope.errors import GanscopeError
    from ganscope.records import diff, load
    from ganscope.traces import Trace

__version__ = VERSION

__all__ = ["GanscopeError", "Trace", "__version__", "diff", "load", "record", "trace"]

_HOMES = {
    "trace": "ganscope.api",
    "record": "ganscope.api",
    "Trace": "ganscope.records",
    "load": "ganscope.records",
    "diff": "ganscope.records",
    "GanscopeError": "ganscope.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganscope' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
