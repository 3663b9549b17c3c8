"""One step of a trace with everything that its views have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganscope.analysis.step import StepAnalysis
from ganscope.traces import Step, Trace
from ganscope.views.options import ViewOptions
from ganscope.views.steps.cast import Cast
from ganscope.views.steps.selection import select


@dataclass(frozen=True)
class Story(StepAnalysis):
    """A step that was analysed, and what of it to show.

    Attributes:
        shown: The step with the calls that the options leave.
        options: What to show.
        cast: What the networks are called.
    """

    shown: Step
    options: ViewOptions
    cast: Cast


def tell(trace: Trace, step: Step, options: ViewOptions) -> Story:
    """Analyse a step of a trace.

    Raises:
        UsageError: The options select nothing of it.
    """
    cast = Cast(trace.networks)
    return Story(
        trace=replace(trace, steps=(step,)),
        step=step,
        roles=cast,
        shown=select(step, options),
        options=options,
        cast=cast,
    )
