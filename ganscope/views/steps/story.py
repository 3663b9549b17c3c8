"""One step of a trace with everything that its views have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ganscope.traces import Failure, Step, Trace, Update
from ganscope.traces.call import outermost_of
from ganscope.views.options import ViewOptions
from ganscope.views.steps.cast import Cast
from ganscope.views.steps.flow import Forward, forwards
from ganscope.views.steps.origins import Origins
from ganscope.views.steps.selection import select
from ganscope.views.steps.verdicts import Verdict, verdicts


@dataclass(frozen=True)
class Story:
    """A step, read.

    Attributes:
        trace: The trace without its other steps.
        step: All of the step.
        shown: The step with the calls that the options leave.
        options: What to show.
        cast: The networks.
        forwards: The outermost calls of networks, in their order.
        judged: Id of a discriminator's call → what it said.
    """

    trace: Trace
    step: Step
    shown: Step
    options: ViewOptions
    cast: Cast
    forwards: tuple[Forward, ...]
    judged: Mapping[int, Verdict]

    def ran(self, update: Update) -> list[Forward]:
        """The networks' calls of an update."""
        return [one for one in self.forwards if one.call.update == update.index]

    @cached_property
    def owners(self) -> dict[int, Forward]:
        """Id of a call → the outermost call of a network around it."""
        known = {forward.call.id: forward for forward in self.forwards}
        outermost = outermost_of(self.step.calls)
        return {call: known[outer] for call, outer in outermost.items() if outer in known}

    @cached_property
    def origins(self) -> Origins:
        """Who made the inputs of the calls."""
        return Origins(self.step)

    @property
    def failure(self) -> Failure | None:
        """Where this step failed, if it did."""
        failed = self.trace.failure
        return failed if failed is not None and failed.step == self.step.index else None

    @cached_property
    def unfinished(self) -> list[Forward]:
        """The networks' calls toward an update that the failure did not let happen."""
        if self.failure is None:
            return []
        last = max((call.id for call in self.step.calls if call.update is not None), default=-1)
        return [one for one in self.forwards if one.call.update is None and one.call.id > last]

    @cached_property
    def evaluations(self) -> list[Forward]:
        """The networks' calls that fed no loss."""
        outside = [one for one in self.forwards if one.call.update is None]
        return [one for one in outside if one not in self.unfinished]


def tell(trace: Trace, step: Step, options: ViewOptions) -> Story:
    """Read a step of a trace.

    Raises:
        UsageError: The options select nothing of it.
    """
    cast = Cast(trace.networks)
    ran = forwards(step, cast)
    alone = replace(trace, steps=(step,))
    shown = select(step, options)
    return Story(alone, step, shown, options, cast, ran, verdicts(step, ran, cast))
