"""How a gradient changes on its way back through the layers of an update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganscope.traces import Call, Update
from ganscope.views import style
from ganscope.views.rows import main_output
from ganscope.views.steps.cast import joined
from ganscope.views.steps.flow import Forward
from ganscope.views.steps.rows import loss_runs
from ganscope.views.steps.story import Story

_STEADY = 2.0
"""A change by less than this factor is neither vanishing nor exploding."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A gradient's norm where it entered the networks and where it came out at the other end.

    Attributes:
        first: The call whose output it reached first: the last layer that ran.
        last: The call whose output it reached last: the first layer that ran.
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
    """The way of the gradient from an update's loss to the deepest layer that it reached."""
    runs = loss_runs(update)
    inner = {call.parent for call in story.step.calls if call.parent is not None}
    norms: list[tuple[Call, float]] = []
    for call in story.step.calls:
        if call.id not in story.owners or call.id in inner or call.kind != "module":
            continue
        output = main_output(call)
        for each in call.gradients:
            is_main = call.outputs[each.output : each.output + 1] == (output,)
            if each.backward in runs and is_main and each.stats and each.stats.norm:
                norms.append((call, each.stats.norm))
                break
    if len(norms) < 2:
        return None
    first, entered = norms[-1]
    # Of several ways beside each other, the one through the last call.
    way = _way_to(story.owners[first.id], story)
    norms = [item for item in norms if story.owners[item[0].id].call.id in way]
    last, arrived = norms[0]
    between = sorted(norms[1:-1], key=lambda item: item[1])
    extremes = (between[-1], between[0]) if len(between) > 1 else tuple(between)
    return Profile(first, last, entered, arrived, extremes) if first is not last else None


def _way_to(end: Forward, story: Story) -> set[int]:
    """Ids of the networks' calls from one that nobody fed to `end`, the last maker of each."""
    calls = {one.call.id: one for one in story.forwards}
    way, reached = end, {end.call.id}
    while True:
        makers = [maker for source in way.sources if not source.detached for maker in source.makers]
        makers = [maker for maker in makers if maker in calls and maker not in reached]
        if not makers:
            return reached
        way = calls[max(makers)]
        reached.add(way.call.id)


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
