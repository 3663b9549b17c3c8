"""What a discriminator said: D(x) and D(G(z)), where its outputs are probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ganscope.traces import Call, Step
from ganscope.views import style
from ganscope.views.steps.cast import Cast
from ganscope.views.steps.flow import BETWEEN, BOTH, FAKE, REAL, Forward

_PROBABILITIES = {"Sigmoid", "sigmoid", "Softmax", "softmax", "Hardsigmoid", "hardsigmoid"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The mean of what a discriminator said of one batch.

    Attributes:
        forward: Its call.
        symbol: ``D(x)``, ``D(G(z))``.
        mean: The mean of its outputs.
        is_probability: Whether they are probabilities; else they are logits or scores.
    """

    forward: Forward
    symbol: str
    mean: float
    is_probability: bool

    @property
    def text(self) -> str:
        """``D(x) 0.596``; ``D(x) mean output 1.23 (logits)``."""
        number = style.format_number(self.mean)
        return (
            f"{self.symbol} {number}"
            if self.is_probability
            else f"{self.symbol} mean output {number} (logits)"
        )


def judgements(step: Step, forwards: Sequence[Forward], cast: Cast) -> dict[int, Judgement]:
    """Id of each call of a discriminator → what it said."""
    said: dict[int, Judgement] = {}
    last = _last_inside(step.calls)
    for forward in forwards:
        output = forward.output
        if not forward.shown or output is None or output.stats is None:
            continue
        stats = output.stats
        if stats.mean is None or stats.min is None or stats.max is None:
            continue
        within = stats.min >= 0 and stats.max <= 1
        final = last.get(forward.call.id)
        probability = within and (final is None or final.type in _PROBABILITIES)
        symbol = _symbol(forward, forwards, cast)
        said[forward.call.id] = Judgement(forward, symbol, stats.mean, probability)
    return said


def _last_inside(calls: Iterable[Call]) -> dict[int, Call]:
    """Id of an outermost call → the last innermost call inside it that computes anything."""
    outermost: dict[int, int] = {}
    last: dict[int, Call] = {}
    for call in calls:
        outermost[call.id] = (
            call.id if call.parent is None else outermost.get(call.parent, call.parent)
        )
        moves_only = call.type in ("view", "reshape", "squeeze", "flatten", "Flatten")
        if call.parent is not None and not moves_only:
            last[outermost[call.id]] = call
    return last


def what_was_shown(forward: Forward, forwards: Sequence[Forward], cast: Cast) -> str:
    """``x``, ``G(z)``, a batch of both, or blends of both."""
    if forward.shown == REAL:
        return "x"
    makers = {maker for source in forward.sources for maker in source.makers}
    names = dict.fromkeys(
        cast.symbol(other.call.network) for other in forwards if other.call.id in makers
    )
    made = " and ".join(f"{name}(z)" for name in names) or "G(z)"
    return {FAKE: made, BOTH: f"x and {made}", BETWEEN: "blend"}.get(forward.shown, made)


def _symbol(forward: Forward, forwards: Sequence[Forward], cast: Cast) -> str:
    return f"{cast.symbol(forward.call.network)}({what_was_shown(forward, forwards, cast)})"
