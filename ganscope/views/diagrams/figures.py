"""The figures over the steps of a recording that its picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganscope.errors import UsageError
from ganscope.traces import Trace
from ganscope.traces.recorded import RecordedSteps
from ganscope.traces.series import layouts
from ganscope.views.metrics.curves import Curve, curves_of
from ganscope.views.metrics.names import Metric, loss_names, verdict_names, weight_names

_MOST_CURVES = 4
MOST_ROWS = 24


@dataclass(frozen=True, slots=True)
class Figures:
    """What is drawn of a training.

    Attributes:
        losses: A curve for each loss.
        answers: D(x), D(G(z)).
        gradients: A curve for the weight of each layer, in the order of the networks.
        hidden: How many curves are left out.
    """

    losses: tuple[Curve, ...]
    answers: tuple[Curve, ...]
    gradients: tuple[Curve, ...]
    hidden: int


def figures_of(trace: Trace) -> Figures:
    """Read what is drawn of a training.

    Raises:
        UsageError: It holds fewer than two training steps.
        TraceFileError: The file is damaged.
    """
    path = trace.steps.path if isinstance(trace.steps, RecordedSteps) else None
    kinds = layouts(trace.steps, path)
    if len(trace.steps) < 2 or not any(loss_names(kinds, trace.networks)):
        raise UsageError(
            f"a picture of a training needs several recorded steps and this trace holds "
            f"{len(trace.steps)}; record some with ganscope train --record "
            "run.gscope, or ganscope run -o run.gscope SCRIPT"
        )
    asked = (
        _chosen(loss_names(kinds, trace.networks), _MOST_CURVES),
        _chosen(sorted(verdict_names(kinds, trace.networks), key=_order), _MOST_CURVES),
        _chosen([f"grad {name}" for name in weight_names(kinds)], MOST_ROWS),
    )
    drawn = [
        tuple(curves_of(trace, path, [Metric(name, 1) for name in names], kinds))
        for names, _ in asked
    ]
    return Figures(drawn[0], drawn[1], drawn[2], sum(hidden for _, hidden in asked))


def _order(answer: str) -> tuple[bool, bool, str]:
    """On real images first, then on generated ones, then on anything between them."""
    return "(x)" not in answer, "blend" in answer or "probe" in answer, answer


def _chosen(names: Sequence[str], most: int) -> tuple[list[str], int]:
    """At most so many names, evenly chosen, and how many are left out."""
    if len(names) <= most:
        return list(names), 0
    places = [round(place * (len(names) - 1) / (most - 1)) for place in range(most)]
    return [names[place] for place in places], len(names) - most
