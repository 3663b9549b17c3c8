"""The ways to write a column's cells: the tree, types, shapes, numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ganscope.traces import TensorRecord
from ganscope.traces.tensor import tensors_of
from ganscope.views import style
from ganscope.views.describe import describe_type
from ganscope.views.fitting import Form as AnyForm
from ganscope.views.fitting import each
from ganscope.views.rows import Row, nonfinite_in

Cells = Callable[[Sequence[Row]], list[str]]
Form = AnyForm[Row]

_SHORTEST_NAME = 10
"""Cells that a name keeps for itself, however deep it stands and however narrow its column."""
_DEEPEST = 24
"""Levels that are drawn as indentation where the width is no matter."""


def fit(name: str, room: int | None) -> str:
    """`name`, with its middle left out where it is wider than `room`."""
    if room is None or len(name) * 2 <= room:
        return name
    from ganscope.views.cells import shorten  # brings rich, which data alone can do without

    return shorten(name, room)


def _mark(row: Row) -> str:
    sick = "⚠ " if nonfinite_in(row.call.outputs) else ""
    return "✗ " if row.failed else sick + "· " * row.is_op


def indentation(row: Row, step: int, levels: int = _DEEPEST) -> str:
    """What stands before a row's name: spaces, and below `levels` levels their number."""
    if row.depth <= levels:
        return " " * (step * row.depth)
    return f"{row.depth}›".rjust(step * levels + 1) + " "


def tree(step: int, room: int | None = None, *, paths: bool = False) -> Form:
    """The rows as a tree.

    Args:
        step: By how much a level is indented.
        room: Cells there are; longer names lose their middle.
        paths: Whether names are whole paths.
    """
    levels = _DEEPEST if room is None else (room - _SHORTEST_NAME) // step

    def cells(rows: Sequence[Row]) -> list[str]:
        texts = []
        for row in rows:
            before = indentation(row, step, levels) + _mark(row)
            name = row.full_name if paths else row.short_name
            texts.append(before + fit(name, room and room - len(before)))
        return texts

    return Form("layer", cells, room, step)


def class_name(room: int) -> Form:
    """The class alone; an operation's name is its type already."""

    def text(row: Row) -> str:
        name = style.printable(row.call.type)
        said = row.is_op and name == row.short_name.partition(" #")[0]
        return "" if said else fit(name, room)

    return Form("type", each(text), room)


def class_and_settings(room: int) -> Form:
    """The class and as much of its settings as there is room for."""
    return Form("type", each(lambda row: describe_type(row.call, room)), room)


def _side(records: Sequence[TensorRecord], *, counted: bool) -> str:
    if not records:
        return style.NOTHING
    shapes = [record.shape for record in tensors_of(records)] or [None]
    if len(shapes) > 3 or (counted and len(shapes) > 1):
        return f"{len(shapes)} tensors"
    return " + ".join(map(style.format_shape, shapes))


def _came_out(row: Row, *, counted: bool = False) -> str:
    return "✗" if row.failed else _side(row.call.outputs, counted=counted)


def output_shape(row: Row) -> str:
    """What came out; several tensors are counted."""
    return f"→ {_came_out(row, counted=True)}"


def shapes(row: Row, *, counted: bool = False) -> str:
    """What went in and what came out; several tensors one by one, or `counted`."""
    return f"{_side(row.call.inputs, counted=counted)} → {_came_out(row, counted=counted)}"


def shapes_on_arrow(rows: Sequence[Row]) -> list[str]:
    """What went in and what came out, the arrows below one another."""
    sides = [_side(row.call.inputs, counted=False) for row in rows]
    widest = max(map(len, sides), default=0)
    return [f"{side:>{widest}} → {_came_out(row)}" for side, row in zip(sides, rows, strict=True)]


def parameters(row: Row) -> str:
    """The number of parameters; nothing for none."""
    return style.format_count(row.call.parameters) if row.call.parameters else ""


def numbers(name: str) -> Cells:
    """A figure of `TensorStats`."""

    def cells(rows: Sequence[Row]) -> list[str]:
        return [style.format_number(getattr(row.stats, name, None)) for row in rows]

    return cells


def means(rows: Sequence[Row]) -> list[str]:
    """The means, what is rounding beside the deviation as ``≈0``."""
    return [
        style.format_mean(row.stats.mean, row.stats.std) if row.stats else style.NOTHING
        for row in rows
    ]


def deviations(rows: Sequence[Row]) -> list[str]:
    """The standard deviations; nothing for a single value, which has none."""
    return [
        "" if row.stats is not None and row.stats.count == 1 else text
        for row, text in zip(rows, numbers("std")(rows), strict=True)
    ]


def aligned(plain: Cells) -> Cells:
    """The same numbers with their points below one another."""
    return lambda rows: style.align_on_point(plain(rows))


def sparklines(width: int) -> Cells:
    """Histograms of `width` blocks."""
    return each(lambda row: style.sparkline(row.stats.histogram if row.stats else None, width))
