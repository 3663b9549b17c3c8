"""One step of a trace with everything that is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ganscope.analysis.discriminator_outputs import DiscriminatorOutput, discriminator_outputs
from ganscope.analysis.forwards import Forward, forwards_of
from ganscope.analysis.outermost import OutermostFlow
from ganscope.analysis.roles import Roles
from ganscope.traces import Failure, Step, Trace, Update


@dataclass(frozen=True)
class StepAnalysis:
    """A step, and what it means.

    Attributes:
        trace: The trace, with this step or with others too.
        step: The step.
        roles: Of the networks.
    """

    trace: Trace
    step: Step
    roles: Roles

    @cached_property
    def flow(self) -> OutermostFlow:
        """The data flow."""
        return OutermostFlow(self.step)

    @cached_property
    def forwards(self) -> tuple[Forward, ...]:
        """The outermost calls of networks, in their order."""
        return forwards_of(self.step, self.roles, self.flow)

    @cached_property
    def outputs(self) -> Mapping[int, DiscriminatorOutput]:
        """Id of a discriminator's call → what it output."""
        return discriminator_outputs(self.flow, self.forwards, self.roles)

    def ran(self, update: Update) -> list[Forward]:
        """The networks' calls of an update."""
        return [one for one in self.forwards if one.call.update == update.index]

    def outputs_in(self, update: Update) -> list[DiscriminatorOutput]:
        """What discriminators output in an update."""
        ran = self.ran(update)
        return [self.outputs[one.call.id] for one in ran if one.call.id in self.outputs]

    @cached_property
    def owners(self) -> dict[int, Forward]:
        """Id of a call → the outermost call of a network around it."""
        return {
            call.id: forward
            for forward in self.forwards
            for call in self.flow.inside[forward.call.id]
        }

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


def analyse(trace: Trace, step: Step) -> StepAnalysis:
    """What a step of a trace means."""
    return StepAnalysis(trace=trace, step=step, roles=Roles(trace.networks))
