"""In which mode networks ran, and which of their layers that changes.

Concluded from the modes and the constants of calls; of calls without a mode nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganscope.traces import Call

EVAL, PARTLY_EVAL = "eval", "partly eval"

_AVERAGES = "track_running_stats"
"""The constant of layers that use averages of earlier batches in eval mode."""
_RANDOM = ("Dropout", "RReLU")
"""In the names of layers that draw random numbers in train mode alone."""


@dataclass(frozen=True, slots=True)
class InEval:
    """How many layers of a network ran otherwise than they do in training.

    Attributes:
        averaging: Those that used averages of earlier batches.
        random: Those that drew no random numbers.
    """

    averaging: int
    random: int


def mode_of(call: Call, inside: Sequence[Call]) -> str:
    """`EVAL` or `PARTLY_EVAL`; empty for a network that ran as it does in training.

    Args:
        call: That of the network.
        inside: The calls in it, its own among them or not.
    """
    layers = (each for each in inside if _averages(each) or _is_random(each))
    modes = {each.mode for each in (call, *layers) if each.mode}
    if EVAL not in modes:
        return ""
    return EVAL if modes == {EVAL} else PARTLY_EVAL


def in_eval(inside: Sequence[Call]) -> InEval:
    """What eval mode changed in a network.

    Args:
        inside: The calls in it.
    """
    asleep = [call for call in inside if call.mode == EVAL]
    return InEval(sum(map(_averages, asleep)), sum(map(_is_random, asleep)))


def _averages(call: Call) -> bool:
    return call.arguments.get(_AVERAGES) is True


def _is_random(call: Call) -> bool:
    return any(name in call.type for name in _RANDOM)
