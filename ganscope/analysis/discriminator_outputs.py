"""What a discriminator output: D(x) and D(G(z)), a probability, a logit or a score.

Concluded from `output_indices`, from the layer that made an output, and from the losses that took
it. Nothing is said where no output of a discriminator is known to be D(x).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganscope.analysis.forwards import Forward
from ganscope.analysis.graph import keeps_values
from ganscope.analysis.outermost import OutermostFlow
from ganscope.analysis.roles import Roles
from ganscope.analysis.symbols import symbol_of
from ganscope.traces import Call, TensorRecord

_OF_LOGITS = ("withlogits", "softplus", "logsigmoid")
"""In the names of losses, and of what they are made of, that take logits."""
_PROBABILITIES = {"Sigmoid", "sigmoid", "Softmax", "softmax", "Hardsigmoid", "hardsigmoid"}


@dataclass(frozen=True, slots=True)
class DiscriminatorOutput:
    """The mean of what a discriminator output for one batch.

    Attributes:
        forward: Its call.
        symbol: ``D(x)``, ``D(G(z))``.
        mean: The mean.
        is_probability: Whether the values are probabilities.
        unit: What they are else: ``logits`` where a loss of the step takes such, ``score``.
    """

    forward: Forward
    symbol: str
    mean: float
    is_probability: bool
    unit: str = "score"


def together(outputs: Sequence[DiscriminatorOutput]) -> DiscriminatorOutput | None:
    """Of several batches of one size: the mean over all of their images."""
    if not outputs:
        return None
    return replace(outputs[0], mean=sum(one.mean for one in outputs) / len(outputs))


def discriminator_outputs(
    flow: OutermostFlow, forwards: Sequence[Forward], roles: Roles
) -> dict[int, DiscriminatorOutput]:
    """Id of each call of a discriminator → what it output.

    Args:
        flow: The outermost calls of a step.
        forwards: The networks' calls in it.
        roles: Of the networks.
    """
    found: dict[int, DiscriminatorOutput] = {}
    logits = _logits(flow)
    scored = {
        one.call.network
        for one in forwards
        if one.output_index is not None
        and one.output is not None
        and not is_probability(flow.inside[one.call.id][1:], one.output)
    }
    for forward in forwards:
        output = forward.output
        if forward.output_index is None or output is None or output.stats is None:
            continue
        stats = output.stats
        if stats.mean is None or stats.min is None or stats.max is None:
            continue
        found[forward.call.id] = DiscriminatorOutput(
            forward=forward,
            symbol=symbol_of(forward, forwards, roles),
            mean=stats.mean,
            is_probability=forward.call.network not in scored,  # of all its outputs, or of none
            unit="logits" if forward.call.network in logits else "score",
        )
    return found


def is_probability(calls: Sequence[Call], output: TensorRecord) -> bool:
    """Whether a network's output contains probabilities.

    Args:
        calls: Those inside the network.
        output: The output.
    """
    stats = output.stats
    if stats is None or stats.min is None or stats.max is None:
        return False
    within = stats.min >= 0 and stats.max <= 1
    maker = _maker(calls, output)
    return within and (maker is None or maker.type in _PROBABILITIES)


def _logits(flow: OutermostFlow) -> set[str]:
    """The networks whose outputs went into losses that take logits."""
    return {
        network.network
        for call in flow.outside
        if _takes_logits(call)
        for network in flow.networks_behind(call)
    }


def _takes_logits(call: Call) -> bool:
    name = call.type.lower().replace("_", "")
    return any(part in name for part in _OF_LOGITS)


def _maker(calls: Sequence[Call], output: TensorRecord) -> Call | None:
    """The innermost call that made the values of an output, whatever laid them out anew later."""
    containers = {call.parent for call in calls}
    made: dict[int | None, Call] = {}
    for call in calls:
        for record in call.outputs if call.id not in containers else ():
            made.setdefault(record.id, call)
    record, found = output, None
    while record.id is not None:
        maker = made.get(record.id) or made.get(record.alias_of)
        if maker is None or maker is found:
            break
        found = maker
        if not keeps_values(maker):
            break
        record = maker.inputs[0]
    return found
