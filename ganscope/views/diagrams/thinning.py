"""Fewer stages than a network has: which ones stay, and what stands for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ganscope.views.diagrams.stages import Stage, count_of

PLAIN, WEIGHED, JOINED, SHAPING, SIZING, KEPT = range(6)
"""How much a stage would be missed: it changes nothing, it has weights, only joins what comes in,
changes the number of features, changes the size of the maps, or is an end of the picture."""


def thin(stages: Sequence[Stage], most: int) -> tuple[Stage, ...]:
    """At most so many stages, but all ends; the rest are counted where they were.

    Those that change nothing about the shape go first, from the middle outward. Of those that
    change it, the ones where a network turns from narrowing to widening stay longest.
    """
    excess = len(stages) - most
    if excess <= 0:
        return tuple(stages)
    middle = (len(stages) - 1) / 2
    inner = [at for at in range(len(stages)) if weight_of(stages, at) < KEPT]
    order = sorted(
        inner, key=lambda at: (weight_of(stages, at), _turns(stages, at), abs(at - middle))
    )
    dropped = set(order[:excess])
    kept: list[Stage] = []
    hidden: list[Stage] = []
    for at, stage in enumerate(stages):
        if at in dropped:
            hidden.append(stage)
            continue
        kept.append(_standing_for(stage, hidden))
        hidden = []
    return tuple(kept)


def _standing_for(stage: Stage, hidden: Sequence[Stage]) -> Stage:
    """A stage with those that are left out before it."""
    if not hidden:
        return stage
    calls = tuple(call for each in hidden for call in each.calls)
    branches = [branch for each in hidden for branch in each.branches]
    within = [branch for branch in branches if branch.start in calls]
    return replace(
        stage,
        hidden=len(hidden),
        hidden_parameters=sum(each.parameters for each in hidden)
        + sum(branch.parameters for branch in within),
        hidden_calls=calls,
        hidden_branches=tuple(branch for branch in branches if branch not in within),
        after=hidden[0].after if hidden[0].after is not None else stage.after,
    )


def weight_of(stages: Sequence[Stage], at: int) -> int:
    """How much a stage would be missed."""
    stage = stages[at]
    if stage.role or at == 0:
        return KEPT
    before = stages[at - 1].shape
    if stage.shape != before:
        if len(stage.shape) != len(before) or stage.shape[1:] != before[1:]:
            return SIZING
        return SHAPING if stage.parameters else JOINED
    return WEIGHED if stage.parameters else PLAIN


def shaping(stages: Sequence[Stage]) -> int:
    """How many stages change the shape, the ends among them."""
    return sum(weight_of(stages, at) >= JOINED for at in range(len(stages)))


def _turns(stages: Sequence[Stage], at: int) -> bool:
    """Whether the values of a place get fewer up to here and more from here, or the reverse."""
    if at + 1 >= len(stages):
        return True
    here = _places(stages[at])
    before = next((p for p in map(_places, reversed(stages[:at])) if p != here), here)
    after = next((p for p in map(_places, stages[at + 1 :]) if p != here), here)
    return (here - before) * (here - after) > 0


def _places(stage: Stage) -> int:
    """How many places there are in each map; of a vector its numbers."""
    return count_of(stage.shape[1:] if len(stage.shape) > 1 else stage.shape)
