"""Draws a flow: blocks with their captions and names, and the arrows between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ganscope.analysis.discriminator_outputs import is_probability
from ganscope.views import style
from ganscope.views.diagrams.arcs import draw_arc
from ganscope.views.diagrams.beside import draw_joining
from ganscope.views.diagrams.blocks import (
    CHANNELS,
    MAP,
    MATRIX,
    STRIP,
    WAVE,
    caption,
    cards,
    draw_body,
)
from ganscope.views.diagrams.canvas import SMALLEST
from ganscope.views.diagrams.flow_plan import Plan
from ganscope.views.diagrams.gauge import draw_gauge, draw_score
from ganscope.views.diagrams.labels import (
    CAPTION,
    LAYER,
    PLACE,
    SHAPE,
    SYMBOL,
    arrow_texts,
    shape_text,
)
from ganscope.views.diagrams.scene import Column, Scene
from ganscope.views.diagrams.stages import count_of
from ganscope.views.diagrams.subject import Subject

_LINE = 0.19
_COMMA = ", "
_CHAIN = 0.4
"""Inches between shapes, in which an arrow stands."""


@dataclass(frozen=True, eq=False)
class FlowPainter:
    """Draws columns.

    Attributes:
        scene: What is drawn on, in which words, and whose values.
        subject: Whose stages they are.
        plan: Where everything stands.
        colour: Of the network's role.
    """

    scene: Scene
    subject: Subject
    plan: Plan
    colour: str

    def draw(self, upto: int | None) -> None:
        """Draw the first `upto` columns with the arrows between them; all where None."""
        columns, plan = self.plan.columns[:upto], self.plan
        for place, column in enumerate(columns):
            forks = any(arc.forks and arc.last == place for arc in plan.arcs)
            if place and not forks:
                self._arrow(columns[place - 1], column)
            self._block(column, f"values:{place}")
            self._name(column)
        for joining in plan.joinings:
            if joining.column < len(columns):
                draw_joining(
                    self.scene.canvas, joining, columns[joining.column].centre, self.colour
                )
        for arc in plan.arcs:
            if arc.last < len(columns):
                draw_arc(self.scene.canvas, arc, columns[arc.last].left - 0.07)

    def _block(self, column: Column, name: str) -> None:
        canvas, body = self.scene.canvas, column.body
        if column.stage.failed:
            self._cross(column)
        elif self.scene.gauged and column.stage.role == "output":
            self._answer(column)
        else:
            draw_body(canvas, body, (column.centre, self.plan.middle), self.colour, name)
            texts = self._captions(column)
            first, pitch = (0.19, 0.175) if len(texts) < 3 else (0.17, 0.15)
            at = self.plan.middle - body.height / 2 - first
            for place, text in enumerate(texts):
                where = (column.centre, at - pitch * place)
                size = canvas.fitted(text, self._room(column), CAPTION)
                canvas.text(where, text, size, colour=canvas.theme.quiet)
        if column.stage.symbol:
            where = (column.centre, self.plan.middle + body.height / 2 + 0.14)
            canvas.text(where, column.stage.symbol, SYMBOL, colour=self.colour, bold=True)

    def _room(self, column: Column) -> float:
        """Inches that a caption may be wide without meeting those beside it."""
        centres = [other.centre for other in self.plan.columns if other is not column]
        nearest = min((abs(centre - column.centre) for centre in centres), default=self._width)
        edge = 2 * min(column.centre, self._width - column.centre)
        return min(nearest, edge) - 0.08

    @property
    def _width(self) -> float:
        return self.scene.canvas.width

    def _cross(self, column: Column) -> None:
        """Where the forward failed: nothing came out."""
        canvas, body, bad = self.scene.canvas, column.body, self.scene.canvas.theme.bad
        left, bottom = column.left, self.plan.middle - body.height / 2
        canvas.box((left, bottom, body.width, body.height), edge=bad, hatch="///", line=1.6)
        middle = (column.centre, self.plan.middle)
        canvas.disc(middle, 0.25, fill=canvas.theme.paper, edge=bad)
        canvas.text(middle, "✗", 24, colour=bad, bold=True, across="middle")
        where = (column.centre, bottom - 0.19)
        canvas.text(where, self.scene.words("no_output"), CAPTION, colour=bad)

    def _captions(self, column: Column) -> list[str]:
        """What the colours span, and how much of the tensor they are."""
        body, shape, shown, name = column.body, column.stage.shape, 0, "maps"
        count = shape[0] if shape else 1
        if body.kind == MAP and len(shape) >= 3:
            shown = cards(body)
        elif body.kind == STRIP and body.values is not None and body.values.ndim > 1:
            shown, count, name = body.values.size, count_of(shape), "first"
            is_spaced = len(shape) == body.values.ndim and body.values.shape[1:] != shape[1:]
            name = "spaced" if is_spaced else "first"
        elif body.kind == MATRIX and body.values is not None:
            shown, count, name = body.values.shape[0], shape[0], "first"
        elif body.kind in (WAVE, CHANNELS) and body.values is not None:
            shown, count, name = body.values.shape[0], shape[0], "channels"
            if shown == count:
                shown, count, name = body.values.shape[1], shape[1], "spaced"
        said = caption(body, self.scene.words)
        if body.values is None and column.stage.record.stats is not None:
            said = self.scene.words("unkept")
        wide = self.scene.canvas.width_of(said, CAPTION) > max(body.width, column.text) + 0.2
        texts = said.split(_COMMA) if wide else [said]
        if 0 < shown < count:
            texts.append(self.scene.words(name, shown=shown, count=style.format_count(count)))
        if body.kind == MATRIX and body.values is not None and body.values.shape[1] < shape[1]:
            every = style.format_count(shape[1])
            features = self.scene.words("features", shown=body.values.shape[1], count=every)
            texts.append(features)
        if body.kind == MAP and len(shape) > 3:
            slices = self.scene.words("slice", count=style.format_count(shape[-1]))
            texts[0] = f"{texts[0]}{self.scene.words.separator}{slices}"
        return [text for text in texts if text]

    def _answer(self, column: Column) -> None:
        values = column.body.values
        answer = float(np.ravel(values)[0]) if values is not None else float("nan")
        known = math.isfinite(answer)
        if known and is_probability(self.subject.calls, column.stage.record):
            draw_gauge(
                self.scene.canvas, (column.centre, self.plan.middle - 0.2), answer, self.scene.words
            )
        else:
            draw_score(
                self.scene.canvas, (column.centre, self.plan.middle), answer, self.scene.words
            )

    def _name(self, column: Column) -> None:
        """The shape, the layers and their place in the network, below one another."""
        canvas, at = self.scene.canvas, self.plan.names
        shape = shape_text(column.stage)
        colour = canvas.theme.bad if column.stage.failed else self.colour
        canvas.text((column.centre, at), shape, self._shape_size, colour=colour, bold=True)
        at -= 0.27
        for line in column.lines:
            canvas.text((column.centre, at), line, canvas.fitted(line, column.text, LAYER))
            at -= _LINE
        if column.stage.place:
            place = canvas.cut_start(column.stage.place, column.text, PLACE)
            canvas.text((column.centre, at), place, PLACE, colour=canvas.theme.quiet)

    @cached_property
    def _shape_size(self) -> float:
        """Points at which every shape, and an arrow to the next one, finds room: all alike."""
        size = SHAPE
        for last, column in pairwise(self.plan.columns):
            wide = (self._shape_width(last) + self._shape_width(column)) / 2
            size = min(size, SHAPE * (column.centre - last.centre - _CHAIN) / wide)
        return max(SMALLEST, size)

    def _shape_width(self, column: Column, size: float = SHAPE) -> float:
        return self.scene.canvas.width_of(shape_text(column.stage), size, bold=True)

    def _arrow(self, last: Column, column: Column) -> None:
        canvas, theme = self.scene.canvas, self.scene.canvas.theme
        start, end = last.right + 0.07, column.left - 0.07
        dashes = "--" if column.stage.hidden else "-"
        canvas.arrow((start, self.plan.middle), (end, self.plan.middle), theme.quiet, dashes=dashes)
        for place, text in enumerate(arrow_texts(column.stage, self.scene.words)):
            where = ((start + end) / 2 - 0.02, self.plan.middle + (-0.21 if place else 0.09))
            canvas.text(where, text, column.small, colour=theme.quiet if place else theme.ink)
        size = self._shape_size
        left = last.centre + self._shape_width(last, size) / 2
        right = column.centre - self._shape_width(column, size) / 2
        # The shapes read as one chain.
        at, small = ((left + right) / 2, self.plan.names), max(SMALLEST, size - 2)
        canvas.text(at, "→", small, colour=theme.quiet)
