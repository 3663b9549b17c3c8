"""A sentence for learners on what eval mode changed in networks.

A GAN's networks learn in ``train()``; one that was left in ``eval()``, or of which some layers
were, learns from other numbers than its author thinks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganscope.analysis.modes import in_eval
from ganscope.traces import Call
from ganscope.views import style


def lesson(network: str, inside: Sequence[Call]) -> Iterator[str]:
    """What eval mode changed in a network.

    Args:
        network: As a sentence calls it.
        inside: The calls in it.
    """
    found = in_eval(inside)
    told = []
    if found.averaging:
        told.append(
            f"{style.count_of(found.averaging, 'layer')} took averages of earlier batches in place "
            "of this batch's mean and variance, and did not renew them"
        )
    if found.random:
        told.append(f"{style.count_of(found.random, 'layer')} drew nothing at random")
    if told:
        yield f"parts of {network} were in eval mode: {'; '.join(told)}. train() changes that"
