"""How a gradient changes on its way back through the layers of an update."""

from __future__ import annotations

from collections.abc import Iterator

from ganscope.analysis.backward_path import Profile, profile_of
from ganscope.traces import Update
from ganscope.views import style
from ganscope.views.steps.cast import joined
from ganscope.views.steps.story import Story

_STEADY = 2.0
"""A change by less than this factor is neither vanishing nor exploding."""


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
