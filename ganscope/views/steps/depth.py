"""How a gradient changes on its way back through the layers of an update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganscope.traces import Call, Update
from ganscope.views import style
from ganscope.views.steps.cast import joined
from ganscope.views.steps.rows import loss_runs
from ganscope.views.steps.story import Story
from ganscope.views.steps.ways import way_back

_STEADY = 2.0
"""A change by less than this factor is neither vanishing nor exploding."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A gradient's norm where it entered a chain of layers and where it came to its other end.

    Attributes:
        first: The call whose output it reached first: the last layer that ran.
        last: The call whose output it reached last: the first layer of a moved network.
        entered: Its norm at `first`.
        arrived: Its norm at `last`.
        between: Where it was largest and where it was smallest of all layers in between, with
            its norm there.
    """

    first: Call
    last: Call
    entered: float
    arrived: float
    between: tuple[tuple[Call, float], ...] = ()


def profile_of(story: Story, update: Update) -> Profile | None:
    """The way of the gradient from an update's loss to the deepest layer that it moves.

    Each layer on it fed the one before; None where no such chain can be told.
    """
    ways = (
        way_back(story.step.calls, run, story.owners, update.networks)
        for run in sorted(loss_runs(update), reverse=True)
    )
    way = max(ways, key=len, default=[])
    if len(way) < 2:
        return None
    first, *inside, last = way
    between = sorted(((one.call, one.norm) for one in inside), key=lambda item: item[1])
    extremes = (between[-1], between[0]) if len(between) > 1 else tuple(between)
    return Profile(first.call, last.call, first.norm, last.norm, extremes)


def profile(story: Story, update: Update) -> Iterator[str]:
    """``the gradient's norm falls from 0.245 at … to 1.8e-4 at …: 1,346 times smaller``."""
    found = profile_of(story, update)
    if found is None:
        return
    factor = found.entered / found.arrived
    way = (
        f"from {style.format_number(found.entered)} at {style.printable(found.first.label)} to "
        f"{style.format_number(found.arrived)} at {style.printable(found.last.label)}"
    )
    strays = list(_strays(found))
    if factor >= _STEADY:
        change = f"falls {way}: {_times(factor)} times smaller"
    elif factor <= 1 / _STEADY:
        change = f"grows {way}: {_times(1 / factor)} times larger"
    elif strays:
        change = f"ends near where it began, {way}"
    else:
        change = f"changes little: {way}"
    aside = f"; in between it is {joined(strays)}" if strays else ""
    yield f"on its way back the gradient's norm {change}{aside}"


def _strays(profile: Profile) -> Iterator[str]:
    """Where in between it is far above or below both ends."""
    ends = profile.entered, profile.arrived
    for call, norm in profile.between:
        word = "large" if norm > max(ends) else "small"
        factor = norm / max(ends) if norm > max(ends) else min(ends) / norm
        if factor >= _STEADY:
            place = style.printable(call.label)
            yield f"as {word} as {style.format_number(norm)} at {place}"


def _times(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}"
