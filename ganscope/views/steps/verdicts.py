"""What a discriminator said: D(x) and D(G(z)), where one of its outputs is a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganscope.traces import Call, Step, TensorRecord
from ganscope.traces.call import outermost_of
from ganscope.views import style
from ganscope.views.steps.cast import GENERATOR, Cast
from ganscope.views.steps.flow import (
    BETWEEN,
    BOTH,
    FAKE,
    PROBED,
    REAL,
    UNTOLD,
    Forward,
    earlier_of,
    made,
    made_by,
)
from ganscope.views.steps.origins import Origins

_OF_LOGITS = ("withlogits", "softplus", "logsigmoid")
"""In the names of losses, and of what they are made of, that take logits."""
_PROBABILITIES = {"Sigmoid", "sigmoid", "Softmax", "softmax", "Hardsigmoid", "hardsigmoid"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The mean of what a discriminator said of one batch.

    Attributes:
        forward: Its call.
        symbol: ``D(x)``, ``D(G(z))``.
        mean: The mean of its verdicts.
        is_probability: Whether they are probabilities.
        unit: What they are else: ``logits`` where a loss of the step takes such, ``score``.
    """

    forward: Forward
    symbol: str
    mean: float
    is_probability: bool
    unit: str = "score"

    @property
    def text(self) -> str:
        """``D(x) 0.596``; ``D(x) mean output 1.23 (score)``."""
        number = style.format_number(self.mean)
        return (
            f"{self.symbol} {number}"
            if self.is_probability
            else f"{self.symbol} mean output {number} ({self.unit})"
        )


def together(said: Sequence[Verdict]) -> Verdict | None:
    """What was said of several batches of one size: the mean over all of their images."""
    if not said:
        return None
    return replace(said[0], mean=sum(one.mean for one in said) / len(said))


def verdicts(step: Step, forwards: Sequence[Forward], cast: Cast) -> dict[int, Verdict]:
    """Id of each call of a discriminator → what it said."""
    said: dict[int, Verdict] = {}
    inside = _inside(step.calls)
    logits = _logits(step)
    scored = {
        one.call.network
        for one in forwards
        if one.verdict_place is not None
        and one.output is not None
        and not is_probability(inside.get(one.call.id, ()), one.output)
    }
    for forward in forwards:
        output = forward.output
        if forward.verdict_place is None or output is None or output.stats is None:
            continue
        stats = output.stats
        if stats.mean is None or stats.min is None or stats.max is None:
            continue
        probability = forward.call.network not in scored  # of all that it said, or of none
        symbol = _symbol(forward, forwards, cast)
        unit = "logits" if forward.call.network in logits else "score"
        said[forward.call.id] = Verdict(forward, symbol, stats.mean, probability, unit)
    return said


def is_probability(calls: Sequence[Call], output: TensorRecord) -> bool:
    """Whether a network's output holds probabilities.

    Args:
        calls: Those inside the network.
        output: What it brought out.
    """
    stats = output.stats
    if stats is None or stats.min is None or stats.max is None:
        return False
    maker = _maker(calls, output)
    within = stats.min >= 0 and stats.max <= 1
    return within and (maker is None or maker.type in _PROBABILITIES)


def _logits(step: Step) -> set[str]:
    """The networks whose answers went into losses that take logits."""
    origins = Origins(step)
    return {
        answer.network
        for call in origins.outside
        if _takes_logits(call)
        for answer in origins.answers(origins.outermost(call))
    }


def _takes_logits(call: Call) -> bool:
    name = call.type.lower().replace("_", "")
    return any(part in name for part in _OF_LOGITS)


def _inside(calls: Sequence[Call]) -> dict[int, list[Call]]:
    """Id of an outermost call → the calls inside it."""
    inside: dict[int, list[Call]] = {}
    outermost = outermost_of(calls)
    for call in calls:
        if outermost[call.id] != call.id:
            inside.setdefault(outermost[call.id], []).append(call)
    return inside


def _maker(calls: Sequence[Call], output: TensorRecord) -> Call | None:
    """The innermost call that made the values of an output, whatever reshaped them later.

    Told by the figures alone: shape and first values are others once they are laid out anew.
    """
    containers = {call.parent for call in calls}
    for call in calls:
        made = any(record.stats == output.stats for record in call.outputs)
        if made and call.id not in containers:
            return call
    return None


_PLAINLY = {REAL: "x", PROBED: "probe", UNTOLD: "input"}


def what_was_shown(forward: Forward, forwards: Sequence[Forward], cast: Cast) -> str:
    """``x``, ``G(z)``, a batch of both, or blends of both."""
    if forward.shown in _PLAINLY:
        return _PLAINLY[forward.shown]
    makers = {maker for source in forward.sources for maker in source.makers}
    made_it = [other for other in forwards if other.call.id in makers]
    names = dict.fromkeys(_made(other, forwards, cast) for other in made_it)
    for earlier in (earlier_of(source, cast) for source in forward.sources):
        if earlier is not None:
            names[made_by(earlier.network, forwards, cast)] = None
    fakes = " and ".join(names) or "G(z)"
    return {FAKE: fakes, BOTH: f"x and {fakes}", BETWEEN: "blend"}.get(forward.shown, fakes)


def _made(forward: Forward, forwards: Sequence[Forward], cast: Cast) -> str:
    """``G(z)``; ``features(G(z))`` and ``G(encoder(x))`` for what came through two networks."""
    main = forward.sources[0] if forward.sources else None
    makers = () if main is None else main.makers
    before = [other for other in forwards if other.call.id in makers and other is not forward]
    if forward.role == GENERATOR and not before:
        return made(forward, cast)
    inner = list(dict.fromkeys(_made(other, forwards, cast) for other in before))
    if main is not None and not before:
        inner = ["z" if forward.takes_noise else "x"]
    return f"{forward.called(cast.symbol(forward.call.network))}({', '.join(inner)})"


def _symbol(forward: Forward, forwards: Sequence[Forward], cast: Cast) -> str:
    return f"{cast.symbol(forward.call.network)}({what_was_shown(forward, forwards, cast)})"
