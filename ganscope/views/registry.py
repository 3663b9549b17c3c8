"""The views by name; each module is imported when its view is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from ganscope.errors import UsageError, nearest
from ganscope.traces import Step, Trace
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
_OF_STEPS = {
    "table": "ganscope.views.step",
    "json": "ganscope.views.step_data",
    "csv": "ganscope.views.step_data",
    "markdown": "ganscope.views.step_markdown",
    "html": "ganscope.views.step_html",
}
"""Views that show a training step otherwise than a forward."""

_views: dict[str, View] = {}
_step_views: dict[str, View] = {}


def view(name: str, *, of: Literal["trace", "step"] = "trace") -> Callable[[V], V]:
    """Register the decorated function as the view `name`.

    Args:
        name: What a reader calls it by.
        of: What it shows: any trace, or one in which optimizers step. A view of steps stands
            in for that of traces with the same name.

    Raises:
        ValueError: Another view has that name.
    """
    built_in, views = (_BUILT_IN, _views) if of == "trace" else (_OF_STEPS, _step_views)

    def register(function: V) -> V:
        owner = built_in.get(name, function.__module__)
        if name in views or owner != function.__module__:
            raise ValueError(f"there is already a view named {name!r}")
        views[name] = function
        return function

    return register


def names() -> tuple[str, ...]:
    """The names of all views, the built-in ones first."""
    return tuple(dict.fromkeys((*_BUILT_IN, *_views)))


def render(
    trace: Trace, name: str = "table", options: ViewOptions | None = None
) -> RenderableType | str:
    """`trace` as the view `name` shows it: something rich can print, or finished text.

    A trace in which optimizers step is shown as training steps: update by update.

    Raises:
        UsageError: No view has that name, or `options` select nothing.
    """
    if name not in names():
        known = ", ".join(names())
        raise UsageError(f"no view is named '{name}'; there are {known}{nearest(name, names())}")
    built_in, views = _BUILT_IN, _views
    if (name in _OF_STEPS or name in _step_views) and is_training(trace):
        built_in, views = _OF_STEPS, _step_views
    if name not in views:
        importlib.import_module(built_in[name])
    return views[name](trace, options or ViewOptions())


def is_training(trace: Trace) -> bool:
    """Whether optimizers step in a trace, or would have, had it not failed before.

    Of a long recording only the ends are looked at.
    """
    ends = [trace.steps[0], trace.steps[-1]] if len(trace.steps) else []
    stepped = any(update.optimizers for step in ends for update in step.updates)
    return stepped or (trace.failure is not None and bool(ends) and _only_began(ends[-1]))


def _only_began(step: Step) -> bool:
    """Whether what ran was on its way to an update; a forward by itself is an update's."""
    return not step.updates and all(call.update is None for call in step.calls)
