"""In which mode networks ran, and what that changed in them.

A GAN's networks learn in ``train()``; one that was left in ``eval()``, or of which some layers
were, learns from other numbers than its author thinks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import base_type

_EVAL = "eval"
_AVERAGING = "track_running_stats"
"""The setting of layers that can take averages of earlier batches in eval mode."""
_RANDOM = ("Dropout", "RReLU")
"""In the names of layers that draw random numbers in train mode alone."""


def word(call: Call, inside: Sequence[Call]) -> str:
    """``eval`` or ``partly eval``; empty for a network that ran as it does in training.

    Args:
        call: That of the network.
        inside: The calls in it, its own among them or not.
    """
    layers = (each for each in inside if _averages(each) or _is_random(each))
    modes = {each.mode for each in (call, *layers) if each.mode}
    if _EVAL not in modes:
        return ""
    return _EVAL if modes == {_EVAL} else f"partly {_EVAL}"


def lesson(network: str, inside: Sequence[Call]) -> Iterator[str]:
    """What eval mode changed in a network.

    Args:
        network: As a sentence calls it.
        inside: The calls in it.
    """
    asleep = [call for call in inside if call.mode == _EVAL]
    averaging = sum(map(_averages, asleep))
    random = sum(map(_is_random, asleep))
    told = []
    if averaging:
        told.append(
            f"{style.count_of(averaging, 'layer')} took averages of earlier batches in place of "
            "this batch's mean and variance, and did not renew them"
        )
    if random:
        told.append(f"{style.count_of(random, 'layer')} drew nothing at random")
    if told:
        yield f"parts of {network} were in eval mode: {'; '.join(told)}. train() changes that"


def _averages(call: Call) -> bool:
    return call.arguments.get(_AVERAGING) is True


def _is_random(call: Call) -> bool:
    return any(name in base_type(call) for name in _RANDOM)
