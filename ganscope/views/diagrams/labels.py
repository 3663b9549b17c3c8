"""What is written about a stage: its shape, its layers, their parameters; and about a branch."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ganscope.analysis.network_path import Branch
from ganscope.views import style
from ganscope.views.describe import base_type
from ganscope.views.diagrams.canvas import SMALLEST, Canvas
from ganscope.views.diagrams.stages import Stage
from ganscope.views.diagrams.words import Words

SHAPE, SYMBOL, LAYER, PLACE, CAPTION = 18.0, 13.0, 11.0, 10.0, 10.0
"""Points."""
_SMALL = 9.0
_MOST_LINES = 4
_MOST_PIECES = 3
_PIECE = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[^A-Z_]+_*|_+|.")
"""A part of a name: ``Conv``, ``Transpose2d``, ``GRU``, ``running_``."""


def shape_text(stage: Stage) -> str:
    """The shape of one row of the batch; a cross where nothing came out."""
    if stage.failed:
        return "✗"
    return style.format_shape(stage.shape) if stage.shape else "1"


def arrow_texts(stage: Stage, words: Words) -> tuple[str, ...]:
    """What stands on the arrow to a stage: its parameters, those of its norm apart."""
    if stage.hidden:
        more = words("more_one" if stage.hidden == 1 else "more", count=stage.hidden)
        # What joins the stage from beside stands in a box above it.
        count = stage.hidden_parameters + sum(
            layer.parameters for layer in stage.layers if not layer.is_beside
        )
        return (more, words("sum", count=style.format_count(count))) if count else (more,)
    if stage.failed:
        return ()
    if stage.is_reshape:
        return (words("same", count=style.format_count(math.prod(stage.shape))),)
    own = [layer for layer in stage.layers if not layer.is_beside]
    counts = [layer.parameters for layer in own if layer.parameters]
    if len(counts) > 2:
        counts = [sum(counts)]
    again = any(layer.is_repeated for layer in own)
    if len(counts) > 1 and again:
        counts = [sum(counts)]
    texts = [style.format_count(count) for count in counts] + [words("again")] * again
    return tuple(f"{'+ ' if place else ''}{text}" for place, text in enumerate(texts))


def branch_text(branch: Branch, words: Words) -> str:
    """What stands on a shorter way: the layer on it, or how many, and their parameters."""
    layers = branch.layers
    if not layers:
        return words("skip")
    if len(layers) == 1:
        said = style.printable(base_type(layers[0]))
    else:
        has_weights = any(call.parameters for call in layers)
        said = words("layers" if has_weights else "operations", count=len(layers))
    if branch.parameters:
        return f"{said}  +{style.format_count(branch.parameters)}"
    return f"{said}  {words('again')}" if any(call.parameters for call in layers) else said


def layer_lines(canvas: Canvas, stage: Stage, width: float, words: Words) -> tuple[str, ...]:
    """The names of a stage's layers in lines at most so many inches wide, in small print."""
    lines: list[str] = []
    names = _told_once([layer.name for layer in stage.layers])
    for place, name in enumerate(names):
        broken = _broken(canvas, name, width)
        left = len(names) - place - 1
        if len(lines) + len(broken) > _MOST_LINES - (left > 0):
            lines.append(words("and_more", count=left + 1))
            break
        lines += broken
    return tuple(canvas.cut(line, width, SMALLEST) for line in lines)


def _told_once(names: Sequence[str]) -> list[str]:
    """Neighbours of one name as ``name ×2``."""
    counted: list[tuple[str, int]] = []
    for name in names:
        if counted and counted[-1][0] == name:
            counted[-1] = (name, counted[-1][1] + 1)
        else:
            counted.append((name, 1))
    return [name if count == 1 else f"{name} ×{count}" for name, count in counted]


def _broken(canvas: Canvas, name: str, width: float) -> list[str]:
    """A name in lines, broken before capitals and behind underscores."""
    if canvas.width_of(name, _SMALL) <= width:
        return [name]  # in one line, if a little smaller
    lines = [""]
    for part in _PIECE.findall(name):
        if lines[-1] and canvas.width_of(lines[-1] + part, LAYER) > width:
            lines.append("")
        lines[-1] += part
    if len(lines) <= _MOST_PIECES:
        return lines
    kept = _MOST_PIECES - 1
    return [*lines[:kept], canvas.cut("".join(lines[kept:]), width, LAYER)]
