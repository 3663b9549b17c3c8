"""The pixel flow: a network from left to right, a block per stage with the values in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganscope.traces import Trace
from ganscope.views import style
from ganscope.views.diagrams.blocks import MAP, STRIP, caption, cards, draw_body
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.frame import draw_footer, draw_title
from ganscope.views.diagrams.gauge import draw_gauge, draw_score
from ganscope.views.diagrams.headline import subtitle_of, symbol_of, title_of
from ganscope.views.diagrams.labels import CAPTION, LAYER, PLACE, SHAPE, arrow_texts, shape_text
from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.path import Way, way_through
from ganscope.views.diagrams.scene import Column, Scene
from ganscope.views.diagrams.stages import Stage, count_of, stages_of
from ganscope.views.diagrams.subject import Subject, require_sample, subject_of
from ganscope.views.diagrams.values import is_thinned
from ganscope.views.diagrams.words import Words
from ganscope.views.steps.cast import DISCRIMINATOR
from ganscope.views.steps.verdicts import is_probability
from ganscope.views.summary import failed_call

_LINE = 0.19
_BELOW = 2.42
"""Inches below the blocks, for captions, shapes, names and the footer."""
_ABOVE = 1.5
_NAMES = 1.72
"""Inches from below at which the shapes stand at least."""


def draw_flow(
    canvas: Canvas, trace: Trace, options: DiagramOptions, *, upto: int | None = None
) -> int:
    """Draw a network's flow.

    Args:
        canvas: Where to.
        trace: Where from.
        options: What to show.
        upto: How many stages are shown, in their final places; None shows all.

    Returns:
        How many stages there are to show.

    Raises:
        UsageError: There is no such network, step or sample, or no values were kept.
    """
    words = Words(options.language)
    subject = subject_of(trace, options)
    require_sample(subject.call, options.sample)
    way = way_through(subject.call, subject.step.calls)
    stages = stages_of(way)
    gauged = _answers(subject, stages)
    tall = canvas.height - _ABOVE - _BELOW
    columns = Scene(canvas, words, options.sample, tall, gauged).columns(stages)
    colour = canvas.theme.role(subject.network.role)
    middle = _BELOW + tall / 2
    names = middle - max(column.body.height for column in columns) / 2 - (_BELOW - _NAMES)
    painter = _Painter(canvas, words, subject, middle, names, colour, gauged)
    painter.draw(columns[:upto])
    title = options.title or title_of(subject, stages, words)
    draw_title(canvas, title, subtitle_of(trace, subject, options, words), colour)
    notes = [words("colours"), words("height"), words("arrows"), *_remarks(way, columns, words)]
    failed = failed_call(trace)
    if failed is not None and failed.network == subject.network.name:
        notes.insert(0, words("failed", where=style.printable(failed.label)))
    draw_footer(canvas, notes, words)
    return len(columns)


def _answers(subject: Subject, stages: Sequence[Stage]) -> bool:
    """Whether the network ends in one number that says real or fake."""
    ends_in_one = len(stages) > 1 and count_of(stages[-1].shape) == 1
    return subject.network.role == DISCRIMINATOR and ends_in_one


def _remarks(way: Way, columns: Sequence[Column], words: Words) -> list[str]:
    """What is left out of the picture."""
    strips = [column for column in columns if column.body.kind == STRIP]
    remarks = []
    if any(_is_spaced(column) for column in strips):
        remarks.append(words("thinned"))
    if way.beside:
        remarks.append(words("beside", count=way.beside))
    if way.broken:
        remarks.append(words("broken"))
    return remarks


def _is_spaced(column: Column) -> bool:
    """Whether only some of a vector's values were kept."""
    values = column.body.values
    return values is not None and values.ndim == 1 and is_thinned(column.stage.record)


@dataclass(frozen=True, slots=True, eq=False)
class _Painter:
    """Draws columns.

    Attributes:
        canvas: Where to.
        words: Of a language.
        subject: Whose stages they are.
        middle: Inches from below at which arrows run.
        names: Inches from below at which the shapes stand.
        colour: Of the network's role.
        gauged: Whether the last stage is shown as a gauge.
    """

    canvas: Canvas
    words: Words
    subject: Subject
    middle: float
    names: float
    colour: str
    gauged: bool

    def draw(self, columns: Sequence[Column]) -> None:
        """Draw the columns with the arrows between them."""
        for place, column in enumerate(columns):
            if place:
                self._arrow(columns[place - 1], column)
            self._block(column, f"values:{place}")
            self._name(column)
        self._skips(columns)

    def _block(self, column: Column, name: str) -> None:
        canvas, body = self.canvas, column.body
        if self.gauged and column.stage.role == "output":
            self._answer(column)
        else:
            draw_body(canvas, body, (column.centre, self.middle), self.colour, name)
            at = self.middle - body.height / 2 - 0.19
            for place, text in enumerate(self._captions(column)):
                where = (column.centre, at - 0.175 * place)
                canvas.text(where, text, CAPTION, colour=canvas.theme.quiet)
        symbol = symbol_of(column.stage, self.subject, self.words)
        if symbol:
            where = (column.centre, self.middle + body.height / 2 + 0.14)
            canvas.text(where, symbol, 13, colour=self.colour, bold=True)

    def _captions(self, column: Column) -> list[str]:
        """What the colours span, and how much of the tensor they are."""
        body, shape, shown, name = column.body, column.stage.shape, 0, "maps"
        count = shape[0] if shape else 1
        if body.kind == MAP and len(shape) == 3:
            shown = cards(body)
        elif body.kind == STRIP and body.values is not None and body.values.ndim > 1:
            shown, count, name = body.values.size, count_of(shape), "first"
        texts = [caption(body, self.words)]
        if 0 < shown < count:
            texts.append(self.words(name, shown=shown, count=style.format_count(count)))
        return [text for text in texts if text]

    def _answer(self, column: Column) -> None:
        values = column.body.values
        answer = float(np.ravel(values)[0]) if values is not None else float("nan")
        if is_probability(self.subject.calls, column.stage.record):
            draw_gauge(self.canvas, (column.centre, self.middle - 0.2), answer, self.words)
        else:
            draw_score(self.canvas, (column.centre, self.middle), answer, self.words)

    def _name(self, column: Column) -> None:
        """The shape, the layers and their place in the network, below one another."""
        canvas, at = self.canvas, self.names
        shape = shape_text(column.stage)
        size = canvas.fitted(shape, column.text, SHAPE, bold=True)
        canvas.text((column.centre, at), shape, size, colour=self.colour, bold=True)
        at -= 0.27
        for line in column.lines:
            canvas.text((column.centre, at), line, canvas.fitted(line, column.text, LAYER))
            at -= _LINE
        if column.stage.place:
            place = canvas.cut(column.stage.place, column.text, PLACE)
            canvas.text((column.centre, at), place, PLACE, colour=canvas.theme.quiet)

    def _arrow(self, last: Column, column: Column) -> None:
        canvas, theme = self.canvas, self.canvas.theme
        start, end = last.right + 0.07, column.left - 0.07
        dashes = "--" if column.stage.hidden else "-"
        canvas.arrow((start, self.middle), (end, self.middle), theme.quiet, dashes=dashes)
        for place, text in enumerate(arrow_texts(column.stage, self.words)):
            where = ((start + end) / 2 - 0.02, self.middle + (-0.21 if place else 0.09))
            canvas.text(where, text, LAYER, colour=theme.quiet if place else theme.ink)
        left, right = last.centre + last.text / 2, column.centre - column.text / 2
        if right - left > 0.3:  # the shapes read as one chain
            canvas.text(((left + right) / 2, self.names), "→", SHAPE - 2, colour=theme.quiet)

    def _skips(self, columns: Sequence[Column]) -> None:
        """A line from each stage to one that takes its values in again."""
        places = {call: at for at, column in enumerate(columns) for call in column.stage.calls}
        for at, column in enumerate(columns):
            sources = {places[join] for join in column.stage.joins if join in places}
            for source in sorted(sources):
                if source < at:
                    self._skip(columns[source : at + 1])

    def _skip(self, spanned: Sequence[Column]) -> None:
        """A line over the blocks from the first of them to the last."""
        canvas, theme = self.canvas, self.canvas.theme
        begin, end = spanned[0], spanned[-1]
        top = self.middle + max(column.body.height for column in spanned) / 2 + 0.16
        left, right = begin.centre + 0.06, end.centre - 0.06
        rise = (left, self.middle + begin.body.height / 2 + 0.04)
        canvas.line([rise, (left, top), (right, top)], theme.quiet, line=1.1, dashes="--")
        fall = (right, self.middle + end.body.height / 2 + 0.04)
        canvas.arrow((right, top), fall, theme.quiet, line=1.1, head=5)
        where = ((left + right) / 2, top + 0.06)
        canvas.text(where, self.words("skip"), CAPTION, colour=theme.quiet)
