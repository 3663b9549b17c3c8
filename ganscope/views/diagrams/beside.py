"""What joins a network beside its way: a label, the layer that embeds it, a condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganscope.analysis.network_path import Side
from ganscope.traces import TensorRecord
from ganscope.views import style
from ganscope.views.describe import base_type
from ganscope.views.diagrams.canvas import Box, Canvas
from ganscope.views.diagrams.scene import Column
from ganscope.views.diagrams.stages import count_of
from ganscope.views.diagrams.values import one_sample
from ganscope.views.diagrams.words import Words

_SIZE = 10.5
_LINE, _RIM, _ARROW = 0.18, 0.08, 0.3
_MOST = 2


@dataclass(frozen=True, slots=True)
class Joining:
    """What joins at a stage, as it is drawn.

    Attributes:
        column: Index of the column.
        lines: What is written in the box.
        box: Left, bottom, width and height, in inches.
        foot: Inches from below where its arrow ends.
    """

    column: int
    lines: tuple[str, ...]
    box: Box
    foot: float


def joinings_of(
    canvas: Canvas, columns: Sequence[Column], tops: list[float], sample: int, words: Words
) -> list[Joining]:
    """A box above each stage that something joins; `tops` are raised to where the boxes end."""
    found = []
    feet = list(tops)
    stages = [column.stage for column in columns]
    left_from = {call for stage in stages for call in (*stage.joins, *stage.hidden_joins)}
    left_from |= {stage.after for stage in stages if stage.after is not None}
    for at, column in enumerate(columns):
        lines = [
            line
            for side in list(filter(_is_told, column.stage.sides))[:_MOST]
            for line in _lines(side, sample, words)
        ]
        if not lines:
            continue
        wide = max(canvas.width_of(line, _SIZE) for line in lines) + 2 * _RIM
        left = min(max(0.1, column.centre - wide / 2), canvas.width - wide - 0.1)
        if left_from.intersection(column.stage.calls):  # lines go up on its right
            left = max(0.1, min(left, column.right - wide))
        under = [
            top
            for top, other in zip(tops, columns, strict=True)
            if _edges(other)[0] < left + wide and _edges(other)[1] > left
        ]
        high = _LINE * len(lines) + _RIM
        bottom = max(under) + _ARROW
        found.append(Joining(at, tuple(lines), (left, bottom, wide, high), feet[at]))
        tops[at] = bottom + high
    return found


def _is_told(side: Side) -> bool:
    """Whether it is more than a constant: an input, or what has parameters."""
    return side.source is not None or any(call.parameters for call in side.calls)


def _edges(column: Column) -> tuple[float, float]:
    """Left and right end of what may stand in a column."""
    half = max(column.body.width, column.text) / 2
    return column.centre - half, column.centre + half


def draw_joining(canvas: Canvas, joining: Joining, centre: float, colour: str) -> None:
    """The box, its text, and an arrow down to the stage."""
    left, bottom, width, height = joining.box
    canvas.box(joining.box, edge=colour, line=1.0, rounded=0.06)
    for place, line in enumerate(joining.lines):
        at = (left + width / 2, bottom + height - 0.16 - _LINE * place)
        canvas.text(at, line, _SIZE, colour=canvas.theme.quiet if place else "")
    canvas.arrow((centre, bottom - 0.03), (centre, joining.foot + 0.04), canvas.theme.quiet)


def _lines(side: Side, sample: int, words: Words) -> list[str]:
    """``label 3 → Embedding`` and ``500 parameters``."""
    made = [style.printable(base_type(side.main))] if side.main else []
    given = [_given(side.source, sample, words)] if side.source is not None else []
    lines = [" → ".join([*given, *made])]
    if side.parameters:
        lines.append(words("parameters", count=style.format_count(side.parameters)))
    elif any(call.parameters for call in side.calls):
        lines.append(words("again"))
    return lines


def _given(record: TensorRecord, sample: int, words: Words) -> str:
    """A further input: its name, and its value where it is a single one, else its shape."""
    is_label = (record.dtype or "").startswith(("int", "uint"))
    name = style.printable(record.name or "") or words("label" if is_label else "condition")
    shape, values = (record.shape or ())[1:], one_sample(record, sample)
    if count_of(shape) != 1:
        return f"{name} {style.format_shape(shape)}"
    if values is None:
        return name
    value = float(np.ravel(values)[0])
    return f"{name} {int(value) if is_label else style.format_number(value)}"
