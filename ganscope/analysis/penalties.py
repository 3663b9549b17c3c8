"""Gradients that ``autograd.grad`` was asked for inside an update, and what became of them.

Concluded from the runs of the backward engine and the calls of ``autograd.grad``, by identity.
Where there are more of one than of the other nothing is said of which belongs to which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganscope.analysis.forwards import ASKING, Forward
from ganscope.analysis.step import StepAnalysis
from ganscope.traces import Backward, Call, Loss, TensorRecord, Update

_PLAIN = {"sum", "mean", "squeeze", "view", "reshape", "flatten", "getitem", "__getitem__"}
"""Operations that leave of an output an output, or the sum of outputs."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """A gradient that was asked for and that autograd followed.

    Attributes:
        run: The engine's run.
        networks: Those whose outputs were differentiated.
        is_output: Whether it was their outputs themselves, or their sum or mean.
        at: The network's call with respect to whose input the gradient was asked for; None where
            it was another tensor.
        losses: Those that what was made of the gradient became a part of.
    """

    run: Backward
    networks: tuple[str, ...]
    is_output: bool
    at: Forward | None
    losses: tuple[Loss, ...]


def penalties_of(analysis: StepAnalysis, update: Update) -> list[Penalty]:
    """The gradients inside an update's losses that can be differentiated again."""
    pairs = _pairs(analysis, update)
    return [_penalty(analysis, update, run, call) for run, call in pairs if run.create_graph]


def grad_runs(update: Update) -> list[Backward]:
    """The runs of ``autograd.grad`` in an update."""
    return [run for run in update.backwards if run.kind == "grad"]


def _pairs(analysis: StepAnalysis, update: Update) -> list[tuple[Backward, Call]]:
    """The engine's runs of an update with the calls that asked for them; none where it is not
    plain which belongs to which."""
    runs = [run for each in analysis.step.updates for run in grad_runs(each)]
    calls = [call for call in analysis.flow.outside if call.type == ASKING and len(call.inputs) > 1]
    if len(runs) != len(calls):
        return []
    own = {run.id for run in grad_runs(update)}
    return [(run, call) for run, call in zip(runs, calls, strict=True) if run.id in own]


def _penalty(analysis: StepAnalysis, update: Update, run: Backward, call: Call) -> Penalty:
    behind = analysis.flow.behind(call, 0)
    asked = [each for each in behind if each.network]
    losses = [loss for loss in update.losses if analysis.flow.feeds(call, loss.call)]
    return Penalty(
        run=run,
        networks=tuple(dict.fromkeys(each.network for each in asked)),
        is_output=all(each.network or each.type in _PLAIN for each in behind),
        at=_at(analysis, call, asked),
        losses=tuple(losses),
    )


def _at(analysis: StepAnalysis, call: Call, asked: Sequence[Call]) -> Forward | None:
    tensor = _asked_for(call).id
    for forward in analysis.forwards:
        if forward.call in asked and tensor in [given.id for given in forward.call.inputs]:
            return forward
    return None


def _asked_for(call: Call) -> TensorRecord:
    """The first tensor that a gradient was asked for; those before it are differentiated."""
    first = call.inputs[0].name
    rest = [record for record in call.inputs[1:] if record.name == first]
    return rest[0] if rest else call.inputs[1]
