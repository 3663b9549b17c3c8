"""Where everything of a flow stands: as many stages as fit, as wide and as high as they need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ganscope.views.diagrams import gauge
from ganscope.views.diagrams.blocks import EMPTY, IMAGE, MAP, NUMBER, STRIP, Body, body_of, kind_of
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.labels import (
    LAYER,
    PLACE,
    SHAPE,
    SYMBOL,
    arrow_texts,
    layer_lines,
    shape_text,
)
from ganscope.views.diagrams.stages import Stage
from ganscope.views.diagrams.thinning import shaping, thin
from ganscope.views.diagrams.words import Words

MARGIN = 0.5
_CAPS = (1.75, 1.5, 1.3, 1.15, 1.02)
"""Inches that a stage's text may be wide: the first that lets all stages fit."""
_TIGHT = (0.92, 0.84, 0.78)
"""The same where otherwise stages would be left out that change the shape."""
_SMALL = 9.5
"""Points of what stands on the arrows there."""
_ARROWS = (0.72, 0.5, 0.42)
_LEAST_COLUMN = 1.0
_MOST_GAP = 1.15
_SPACE = 0.16
_LOWEST, _LOWEST_DECK = 0.6, 1.7
"""Inches of the lowest block; a deck shows some maps at least."""
_DOUBLING = 0.55
"""Inches at most that a block grows by where its width doubles."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A stage with its place.

    Attributes:
        stage: The stage.
        body: Its block.
        centre: Inches from the left.
        text: Inches that its text is wide.
        lines: The names of its layers, broken into lines.
        small: Points of what stands on the arrow to it.
    """

    stage: Stage
    body: Body
    centre: float
    text: float
    lines: tuple[str, ...]
    small: float = LAYER

    @property
    def left(self) -> float:
        """Left edge of the block."""
        return self.centre - self.body.width / 2

    @property
    def right(self) -> float:
        """Right edge of the block."""
        return self.centre + self.body.width / 2


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the stages are laid out for.

    Attributes:
        canvas: What is drawn on.
        words: Of a language.
        sample: Whose values are shown.
        gauged: Whether the last stage is shown as a gauge.
    """

    canvas: Canvas
    words: Words
    sample: int
    gauged: bool

    def columns(self, stages: Sequence[Stage], tall: float) -> tuple[Column, ...]:
        """The stages from left to right; as many as find room, the others counted.

        Args:
            stages: All stages.
            tall: Inches that blocks may be high.
        """
        room = self.canvas.width - 2 * MARGIN
        most = min(len(stages), int(room / _LEAST_COLUMN))
        needed = shaping(stages)
        while most > 1:
            chosen = thin(stages, most)
            for cap in (*_CAPS, *_TIGHT) if most <= needed else _CAPS:
                for arrow in _ARROWS:
                    drafts = self._drafts(chosen, cap, tall)
                    steps = self._steps(drafts, arrow)
                    free = room - sum(steps) - _ends(drafts)
                    if free >= 0:
                        return _spread(drafts, steps, free)
            most -= 1
        drafts = self._drafts(thin(stages, 2), _CAPS[-1], tall)
        steps = [3.0] * (len(drafts) - 1)
        return _spread(drafts, steps, max(0.0, room - sum(steps) - _ends(drafts)))

    def _drafts(self, stages: Sequence[Stage], cap: float, tall: float) -> list[Column]:
        """The columns, not yet placed."""
        heights = heights_of(stages, tall)
        return [self._draft(one, high, cap) for one, high in zip(stages, heights, strict=True)]

    def _draft(self, stage: Stage, height: float, cap: float) -> Column:
        is_tight = cap < _CAPS[-1]
        body = body_of(stage, self.sample, height, cap if is_tight else max(cap, 1.2))
        if is_tight and body.kind == STRIP:
            body = replace(body, width=0.5 * cap)
        if stage.failed:
            body = Body(EMPTY, None, 0.66, 1.3)
        elif self.gauged and stage.role == "output":
            body = Body(body.kind, body.values, gauge.WIDTH, 2 * gauge.RADIUS)
        lines = layer_lines(self.canvas, stage, cap, self.words)
        texts = [(line, LAYER, False) for line in lines]
        texts += [(shape_text(stage), SHAPE, True), (stage.place, PLACE, False)]
        texts += [(stage.symbol, SYMBOL, True)]
        widths = [self.canvas.width_of(text, size, bold=bold) for text, size, bold in texts]
        small = _SMALL if is_tight else LAYER
        return Column(stage, body, 0.0, min(cap, max(0.45, *widths)), lines, small)

    def _steps(self, drafts: Sequence[Column], arrow: float) -> list[float]:
        """Least distances from centre to centre."""
        steps = []
        for last, column in pairwise(drafts):
            texts = arrow_texts(column.stage, self.words)
            widths = [self.canvas.width_of(text, column.small) + 0.14 for text in texts]
            blocks = (last.body.width + column.body.width) / 2 + max(arrow, *widths, 0.0)
            steps.append(max(blocks, (last.text + column.text) / 2 + _SPACE))
        return steps


def _ends(drafts: Sequence[Column]) -> float:
    """What the outer halves of the first and the last column take."""
    return sum(max(each.body.width, each.text) / 2 for each in (drafts[0], drafts[-1]))


def _spread(drafts: Sequence[Column], steps: Sequence[float], free: float) -> tuple[Column, ...]:
    """The columns at their places, the free room between them, the rest at both ends."""
    gap = min(free / len(steps), _MOST_GAP) if steps else 0.0
    rest = free - gap * len(steps)
    first = drafts[0]
    at = MARGIN + rest / 2 + max(first.body.width, first.text) / 2
    placed = []
    for column, step in zip(drafts, [*steps, 0.0], strict=True):
        placed.append(replace(column, centre=at))
        at += step + gap
    return tuple(placed)


def heights_of(stages: Sequence[Stage], tall: float) -> list[float]:
    """The height of each stage's block: the same step for every doubling of its features."""
    alike = [one for one in stages if kind_of(one) not in (IMAGE, NUMBER) and not one.failed]
    counted = [one.features for one in alike] or [1]
    most, least = max(1, *counted), max(1, min(counted))
    highest = min(tall, 1.4 + 0.34 * math.log2(most))
    span = math.log2(most / least)
    decks = any(kind_of(one) == MAP for one in stages)
    lowest = min(highest, _LOWEST_DECK if decks else _LOWEST)
    step = min(_DOUBLING, (highest - lowest) / span) if span else 0.0
    return [max(0.3, highest - step * math.log2(most / max(1, one.features))) for one in stages]
