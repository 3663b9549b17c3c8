"""Small pure passes over calls: each takes a tuple and returns a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase

from ganscope.errors import UsageError, nearest
from ganscope.traces import Call, Step, Trace
from ganscope.views.options import ViewOptions


def select(calls: tuple[Call, ...], only_glob: str) -> tuple[Call, ...]:
    """The calls whose whole path, or label (``path #2``), matches `only_glob`.

    Raises:
        UsageError: None matches.
    """
    kept = matching(calls, only_glob)
    if not kept:
        raise _nothing_matches(only_glob, calls)
    return kept


def without_ops(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """The module calls alone."""
    return _keep(calls, lambda call: call.kind != "op")


def fold(calls: tuple[Call, ...], depth: int) -> tuple[Call, ...]:
    """The calls down to `depth`; 1 keeps the outermost only.

    A folded container keeps its own record: no figure is made up for what it hides.

    Raises:
        UsageError: `depth` is below 1.
    """
    if depth < 1:
        raise UsageError(f"--depth {depth} shows nothing; the least is 1, the networks only")
    levels = depths(calls)
    return _keep(calls, lambda call: levels[call.id] <= depth)


def depths(calls: tuple[Call, ...]) -> dict[int, int]:
    """Id → depth in the tree, 1 for a call without a parent among `calls`."""
    levels: dict[int, int] = {}
    for call in calls:
        levels[call.id] = levels.get(call.parent, 0) + 1 if call.parent is not None else 1
    return levels


def apply(trace: Trace, options: ViewOptions) -> Trace:
    """`trace` with its steps' calls selected, then stripped of ops, then folded.

    Raises:
        UsageError: ``only`` matches nothing in any step, or ``depth`` is below 1.
    """
    if options.only is None and options.depth is None and options.ops:
        return trace
    steps = tuple(_apply_to_step(step, options) for step in trace.steps)
    if options.only is not None and not any(step.calls for step in steps):
        every = tuple(call for step in trace.steps for call in step.calls)
        if not matching(every, options.only):
            raise _nothing_matches(options.only, every)
    return replace(trace, steps=steps)


def _apply_to_step(step: Step, options: ViewOptions) -> Step:
    calls = step.calls
    if options.only is not None:
        calls = matching(calls, options.only)
    if not options.ops:
        calls = without_ops(calls)
    if options.depth is not None:
        calls = fold(calls, options.depth)
    return replace(step, calls=calls)


def matching(calls: tuple[Call, ...], glob: str) -> tuple[Call, ...]:
    """The calls whose path or label matches; none, where none does."""
    return _keep(calls, lambda call: fnmatchcase(call.path, glob) or fnmatchcase(call.label, glob))


def _keep(calls: tuple[Call, ...], wanted: Callable[[Call], bool]) -> tuple[Call, ...]:
    """The wanted calls; the parent of each becomes its nearest kept ancestor."""
    nearest_kept: dict[int, int | None] = {}
    kept = []
    for call in calls:
        ancestor = nearest_kept.get(call.parent) if call.parent is not None else None
        if wanted(call):
            nearest_kept[call.id] = call.id
            kept.append(call if call.parent == ancestor else replace(call, parent=ancestor))
        else:
            nearest_kept[call.id] = ancestor
    return tuple(kept)


def _nothing_matches(glob: str, calls: tuple[Call, ...]) -> UsageError:
    paths = list(dict.fromkeys(call.label for call in calls if call.path))
    if not paths:
        return UsageError(f"--only '{glob}' matches nothing: no call of this trace has a path")
    hint = nearest(glob, paths) or f"; a path looks like '{paths[-1]}'"
    return UsageError(f"--only '{glob}' matches no path{hint}")
