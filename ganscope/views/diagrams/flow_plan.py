"""Where everything of a flow stands: columns, what joins them, the lines over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganscope.views.diagrams.arcs import Arc, arcs_of
from ganscope.views.diagrams.beside import Joining, joinings_of
from ganscope.views.diagrams.failing import LINE
from ganscope.views.diagrams.scene import Column, Scene
from ganscope.views.diagrams.stages import Stage

_BELOW = 2.42
"""Inches below the blocks, for captions, shapes, names and the footer."""
_ABOVE, _TITLE = 1.5, 1.1
"""Inches above the blocks, and those of them that the title takes."""
_NAMES = 1.72
"""Inches from below at which the shapes stand at least."""
_SYMBOL = 0.36
_LEAST = 1.2
"""Inches that blocks may always be high."""
_TRIES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The places of a flow.

    Attributes:
        columns: The stages.
        middle: Inches from below at which arrows run.
        names: Inches from below at which the shapes stand.
        joinings: What joins the way.
        arcs: The lines over the blocks.
        hidden_arcs: Those that are left out.
        top: Inches from below to which it all reaches.
    """

    columns: tuple[Column, ...]
    middle: float
    names: float
    joinings: tuple[Joining, ...]
    arcs: tuple[Arc, ...]
    hidden_arcs: tuple[Arc, ...]
    top: float


def plan_of(scene: Scene, stages: Sequence[Stage], said: int) -> Plan:
    """Lay a flow out; blocks are lower where lines run over them.

    Args:
        scene: What it is laid out for.
        stages: All its stages.
        said: How many lines about a failure stand below the title.
    """
    above = LINE * said
    tall = scene.canvas.height - _ABOVE - _BELOW - above
    ceiling = scene.canvas.height - _TITLE - above
    for _ in range(_TRIES):
        plan = _planned(scene, stages, tall)
        if plan.top <= ceiling + 0.01 or tall <= _LEAST:
            break
        tall = max(_LEAST, tall - 2 * (plan.top - ceiling))
    return plan


def _planned(scene: Scene, stages: Sequence[Stage], tall: float) -> Plan:
    """A flow whose blocks are at most `tall` inches high."""
    columns = scene.columns(stages, tall)
    middle = _BELOW + tall / 2
    words = scene.words
    highest = max(column.body.height for column in columns)
    tops = [
        middle + column.body.height / 2 + (_SYMBOL if column.stage.symbol else 0.0)
        for column in columns
    ]
    joinings = joinings_of(scene.canvas, columns, tops, scene.sample, words)
    arcs, hidden = arcs_of(scene.canvas, columns, tops, middle, words)
    top = max([*tops, *(arc.lane + 0.25 for arc in arcs)])
    names = middle - highest / 2 - (_BELOW - _NAMES)
    return Plan(columns, middle, names, tuple(joinings), arcs, hidden, top)
