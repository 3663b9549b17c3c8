"""How losses are made of their parts, and what became of the gradients that they brought.

Concluded from values and from the ledger. Where no signs and no divisor of the parts make up a
loss, or more than one choice could by chance, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

from ganscope.traces import Backward, LedgerEntry, Loss, Step, Update

Later = tuple[int, ...]
"""Indices of updates; none where nothing used the gradients."""

_MOST_ADDED = 12
_MOST_SIGNS = 4
"""With more parts some choice of signs would fit by chance."""
_WITH_CLOSURE = "LBFGS"
"""In the names of optimizers that ask for the loss several times in a step."""
_SAME = 2e-5
"""Relative: rounding in single precision, summed up a few times."""


def sum_of(loss: Loss) -> tuple[tuple[int, ...], int] | None:
    """Signs of the parts and a divisor that make up the loss, where there are such."""
    parts = [part.value for part in loss.parts]
    if not 2 <= len(parts) <= _MOST_ADDED or not all(map(math.isfinite, (*parts, loss.value))):
        return None
    size = max(map(abs, parts))
    for share in dict.fromkeys((1, len(parts))):
        for signs in product((1, -1) if len(parts) <= _MOST_SIGNS else (1,), repeat=len(parts)):
            total = sum(sign * part for sign, part in zip(signs, parts, strict=True)) / share
            if abs(total - loss.value) <= _SAME * size:
                return signs, share
    return None


def used_later(step: Step, update: Update, run: Backward) -> dict[str, Later | None]:
    """Which later updates used the gradients that a backward brought to each network.

    What ``autograd.grad`` returns is left in no parameter: nothing is said of its use.

    Returns:
        None for a network whose gradients this update used itself.
    """
    entries = [entry for entry in step.ledger if entry.backward == run.id]
    said = run.kind != "grad"
    return {one: _later(one, update, entries) if said else None for one in run.reached}


def _later(network: str, update: Update, entries: Sequence[LedgerEntry]) -> Later | None:
    own = [entry for entry in entries if entry.network == network]
    if not own:
        return None if network in update.networks else ()
    used = {entry.update for entry in own if entry.fate == "used"}
    if update.index in used or _asked_again(network, update):
        return None
    return tuple(sorted(index for index in used if index is not None))


def _asked_again(network: str, update: Update) -> bool:
    """Whether the optimizer of a network ran the backward itself, by a closure that clears what
    the run before left: it saw the gradients of each run."""
    return any(
        _WITH_CLOSURE in optimizer.type.upper() and network in update.moved_by(optimizer.name)
        for optimizer in update.optimizers
    )
