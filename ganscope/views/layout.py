"""Which columns a width has room for, and in which form.

Nothing is ever cut: starting from the names alone, columns and longer forms are taken in the
order in which a reader would miss them, as long as the whole fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganscope.views import columns as c
from ganscope.views.fitting import GAP, Fitting
from ganscope.views.fitting import Placed as AnyPlaced
from ganscope.views.rows import Row

Placed = AnyPlaced[Row]

_WISHES: tuple[tuple[c.Column, int], ...] = (
    (c.LAYER, 0),
    (c.TYPE, 0),
    (c.SHAPE, 0),
    (c.LAYER, 1),
    (c.TYPE, 1),
    (c.SHAPE, 1),
    (c.PARAMETERS, 0),
    (c.MEAN, 0),
    (c.DEVIATION, 0),
    (c.LAYER, 2),
    # So far it is worth narrowing the gaps between the columns.
    (c.LAYER, 3),
    (c.PARAMETERS, 1),
    (c.TYPE, 2),
    (c.SHAPE, 2),
    (c.MEAN, 1),
    (c.DEVIATION, 1),
    (c.NONPOSITIVE, 0),
    (c.TYPE, 3),
    (c.SHAPE, 3),
    (c.HISTOGRAM, 0),
    (c.NUMBER, 0),
    (c.LEAST, 0),
    (c.MOST, 0),
    (c.TIME, 0),
    (c.TYPE, 4),
    (c.LEAST, 1),
    (c.MOST, 1),
    (c.HISTOGRAM, 1),
    # Whole paths say each beginning over and over: only where nothing else wants the room.
    (c.LAYER, 4),
)
"""Column and form, the most wanted first."""

_ESSENTIAL = _WISHES[: _WISHES.index((c.LAYER, 3))]
_WITH_SETTINGS = 2
"""The first form of the type column that tells settings."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What is shown, from left to right, and what there was no room for.

    Attributes:
        placed: The columns.
        missing: Names of what is not shown.
        indent: By how much a level of the tree is indented.
    """

    placed: tuple[Placed, ...]
    missing: tuple[str, ...]
    indent: int

    @property
    def lead(self) -> int:
        """Cells before the names."""
        names = next(index for index, one in enumerate(self.placed) if one.column is c.LAYER)
        return sum(one.width + one.gap for one in self.placed[:names]) + self.placed[names].gap

    @property
    def width(self) -> int:
        """Of all columns and the gaps between them."""
        return sum(one.width + one.gap for one in self.placed)


def lay_out(rows: Sequence[Row], width: int, *, ascii_only: bool = False) -> Layout:
    """The columns of `rows` that fit into `width` cells.

    Args:
        rows: The rows.
        width: Cells there are.
        ascii_only: Whether the output can show ASCII only.
    """
    fitting = Fitting(rows, width, ascii_only=ascii_only)
    chosen = fitting.choose(_WISHES, GAP)
    tight = fitting.choose(_ESSENTIAL, 1)
    if _essential_in(tight) > _essential_in(chosen):
        chosen = tight
    placed = fitting.place(c.COLUMNS, chosen)
    return Layout(placed, _missing(rows, chosen), c.LAYER.forms[chosen["layer"]].indent)


def _missing(rows: Sequence[Row], chosen: dict[str, int]) -> tuple[str, ...]:
    """What there was no room for: columns, and what the short forms of others leave out."""
    missing = [column.key for column, form in _WISHES if form == 0 and column.key not in chosen]
    if chosen.get("type", 9) < _WITH_SETTINGS and any(row.call.settings for row in rows):
        missing.insert(0, "settings")
    if chosen.get("shape") == 0:
        missing.insert(0, "inputs")
    return tuple(missing)


def _essential_in(chosen: dict[str, int]) -> int:
    """How many essential wishes are met."""
    return sum(form <= chosen.get(column.key, -1) for column, form in _ESSENTIAL)
