"""Which columns a width has room for, and in which form.

Nothing is ever cut: starting from the names alone, columns and longer forms are taken in the
order in which a reader would miss them, as long as the whole fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from ganscope.views import columns as c
from ganscope.views import style
from ganscope.views.cells import pad, shorten
from ganscope.views.rows import Row

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
_GAP = 2
_WITH_SETTINGS = 2
"""The first form of the type column that tells settings."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A column in one of its forms.

    Attributes:
        column: The column.
        header: Its header, padded to `width` as the cells are.
        cells: One per row.
        width: Cells it takes.
        gap: Empty cells before it.
    """

    column: c.Column
    header: str
    cells: tuple[str, ...]
    width: int
    gap: int = 0


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
        ascii_only: Whether the output can show ASCII only; look-alikes may be wider, so they
            are put in before anything is measured.
    """
    measured = _Measured(rows, width, ascii_only=ascii_only)
    chosen = measured.choose(_WISHES, _GAP)
    tight = measured.choose(_ESSENTIAL, 1)
    if _essential_in(tight) > _essential_in(chosen):
        chosen = tight
    placed = _spaced(
        [measured.form(column, chosen[column.key]) for column in c.COLUMNS if column.key in chosen],
        width,
    )
    return Layout(placed, _missing(measured, chosen), c.LAYER.forms[chosen["layer"]].indent)


def _missing(measured: _Measured, chosen: dict[str, int]) -> tuple[str, ...]:
    """What there was no room for: columns, and what the short forms of others leave out."""
    missing = [column.key for column, form in _WISHES if form == 0 and column.key not in chosen]
    if chosen.get("type", 9) < _WITH_SETTINGS and measured.has_settings:
        missing.insert(0, "settings")
    if chosen.get("shape") == 0:
        missing.insert(0, "inputs")
    return tuple(missing)


class _Measured:
    """The forms of all columns for these rows, each written once, when first asked for."""

    def __init__(self, rows: Sequence[Row], width: int, *, ascii_only: bool) -> None:
        self._rows = rows
        self._width = width
        self._ascii_only = ascii_only
        self._forms: dict[tuple[str, int], Placed] = {}

    def form(self, column: c.Column, index: int) -> Placed:
        """`column` in one of its forms."""
        key = column.key, index
        if key not in self._forms:
            self._forms[key] = self._write(column, index)
        return self._forms[key]

    @property
    def has_settings(self) -> bool:
        """Whether any row has more to tell than its class."""
        return any(row.call.settings for row in self._rows)

    def widths(self, column: c.Column, index: int) -> int:
        """Cells that a form takes."""
        return self.form(column, index).width

    def choose(self, wishes: Sequence[tuple[c.Column, int]], gap: int) -> dict[str, int]:
        """Column → form, as far as the width allows with `gap` cells between columns."""
        chosen: dict[str, int] = {}
        used, full = -gap, False
        for column, form in wishes:
            before = chosen.get(column.key)
            if before is None:
                cost = self.widths(column, form) + gap
            else:
                cost = self.widths(column, form) - self.widths(column, before)
            if (before is None and full) or used + cost > self._width:
                full = full or before is None
                continue
            chosen[column.key] = form
            used += cost
        return chosen

    def _write(self, column: c.Column, index: int) -> Placed:
        form = column.forms[index]
        texts = [form.header, *form.cells(self._rows)]
        if self._ascii_only:
            texts = [style.to_ascii(text) for text in texts]
            if form.room:
                texts = [shorten(text, form.room, "~") for text in texts]
        width = max(map(cell_len, texts))
        padded = [pad(text, width, column.justify) for text in texts]
        return Placed(column, padded[0], tuple(padded[1:]), width)


def _essential_in(chosen: dict[str, int]) -> int:
    """How many essential wishes are met."""
    return sum(form <= chosen.get(column.key, -1) for column, form in _ESSENTIAL)


def _spaced(placed: list[Placed], width: int) -> tuple[Placed, ...]:
    """The columns with gaps between them, the left ones wider where there is room for some."""
    gaps = max(0, len(placed) - 1)
    spare = width - sum(one.width for one in placed) - gaps
    return tuple(
        replace(one, gap=0 if index == 0 else _GAP if index <= spare else 1)
        for index, one in enumerate(placed)
    )
