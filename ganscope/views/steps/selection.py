"""What of a step a reader asked for: calls and parameters by a glob over paths."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from ganscope.errors import UsageError, nearest
from ganscope.traces import ParameterUpdate, Step
from ganscope.views import passes
from ganscope.views.options import ViewOptions


def select(step: Step, options: ViewOptions) -> Step:
    """`step` with the calls and parameters that are asked for, folded to the depth.

    Raises:
        UsageError: ``only`` matches no path of it, or ``depth`` is below 1.
    """
    calls = step.calls
    updates = step.updates
    if options.only is not None:
        calls = passes.matching(calls, options.only)
        updates = tuple(
            replace(
                update,
                parameters=tuple(
                    one for one in update.parameters if _is_asked_for(one, options.only)
                ),
            )
            for update in updates
        )
        if not calls and not any(update.parameters for update in updates):
            raise _nothing_matches(step, options.only)
    if not options.ops:
        calls = passes.without_ops(calls)
    if options.depth is not None:
        calls = passes.fold(calls, options.depth)
    return replace(step, calls=calls, updates=updates)


def _is_asked_for(parameter: ParameterUpdate, glob: str) -> bool:
    """Whether the parameter's own name or that of a module around it matches."""
    name = parameter.name
    while name:
        if fnmatchcase(name, glob):
            return True
        name = name.rpartition(".")[0]
    return False


def _nothing_matches(step: Step, glob: str) -> UsageError:
    names = [call.label for call in step.calls if call.path]
    names += [one.name for update in step.updates for one in update.parameters]
    hint = nearest(glob, names) or (f"; a path looks like '{names[-1]}'" if names else "")
    return UsageError(f"--only '{glob}' matches no path{hint}")
