"""The views by name; each module is imported when its view is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ganscope.errors import UsageError, nearest
from ganscope.traces import Trace
from ganscope.views.options import ViewOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    View = Callable[[Trace, ViewOptions], RenderableType | str]

V = TypeVar("V", bound="Callable[[Trace, ViewOptions], RenderableType | str]")

_BUILT_IN = {
    "table": "ganscope.views.table",
    "json": "ganscope.views.tabular",
    "csv": "ganscope.views.tabular",
    "markdown": "ganscope.views.tabular",
    "html": "ganscope.views.html",
}

_views: dict[str, View] = {}


def view(name: str) -> Callable[[V], V]:
    """Register the decorated function as the view `name`.

    Raises:
        ValueError: Another view has that name.
    """

    def register(function: V) -> V:
        owner = _BUILT_IN.get(name, function.__module__)
        if name in _views or owner != function.__module__:
            raise ValueError(f"there is already a view named {name!r}")
        _views[name] = function
        return function

    return register


def names() -> tuple[str, ...]:
    """The names of all views, the built-in ones first."""
    return tuple(dict.fromkeys((*_BUILT_IN, *_views)))


def render(
    trace: Trace, name: str = "table", options: ViewOptions | None = None
) -> RenderableType | str:
    """`trace` as the view `name` shows it: something rich can print, or finished text.

    Raises:
        UsageError: No view has that name, or `options` select nothing.
    """
    if name not in names():
        known = ", ".join(names())
        raise UsageError(f"no view is named '{name}'; there are {known}{nearest(name, names())}")
    if name not in _views:
        importlib.import_module(_BUILT_IN[name])
    return _views[name](trace, options or ViewOptions())
