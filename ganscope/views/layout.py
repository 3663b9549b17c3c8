"""Which columns a width has room for, and in which form.

Nothing is ever cut: starting from the names alone, columns and longer forms are taken in the
order in which a reader would miss them, as long as the whole fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

from ganscope.views import columns as c
from ganscope.views import style
from ganscope.views.rows import Row

_WISHES: tuple[tuple[c.Column, int], ...] = (
    (c.LAYER, 0),
    (c.SHAPE, 0),
    (c.SHAPE, 1),
    (c.SHAPE, 2),
    (c.PARAMETERS, 0),
    (c.TYPE, 0),
    (c.MEAN, 0),
    (c.DEVIATION, 0),
    (c.LAYER, 1),
    (c.LAYER, 2),
    # So far it is worth narrowing the gaps between the columns.
    (c.PARAMETERS, 1),
    (c.LAYER, 3),
    (c.MEAN, 1),
    (c.DEVIATION, 1),
    (c.SHAPE, 3),
    (c.NONPOSITIVE, 0),
    (c.TYPE, 1),
    (c.HISTOGRAM, 0),
    (c.NUMBER, 0),
    (c.LEAST, 0),
    (c.MOST, 0),
    (c.TIME, 0),
    (c.LEAST, 1),
    (c.MOST, 1),
    (c.HISTOGRAM, 1),
)
"""Column and form, the most wanted first."""

_ESSENTIAL = _WISHES[: _WISHES.index((c.PARAMETERS, 1))]
_GAP = 2


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
    """What is shown, from left to right, and what there was no room for."""

    placed: tuple[Placed, ...]
    missing: tuple[str, ...]

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
    missing = [column.key for column, form in _WISHES if form == 0 and column.key not in chosen]
    if chosen.get("type") == 0 and measured.widths(c.TYPE, 1) > measured.widths(c.TYPE, 0):
        missing.insert(0, "settings")
    return Layout(placed, tuple(missing))


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
        if column is c.LAYER and index == 0:
            room = min(self._width, max(20, self._width // 2))
            texts = [shorten(text, room) for text in texts]
        width = max(map(cell_len, texts))
        padded = [_pad(text, width, column.justify) for text in texts]
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


def shorten(text: str, width: int) -> str:
    """`text` with its middle left out, where it is wider than `width` cells."""
    if cell_len(text) <= width:
        return text
    mark = "~" if text.isascii() else "…"
    head, tail = (width - 1) // 2, width - 1 - (width - 1) // 2
    start = set_cell_size(text, head)
    end = text
    while cell_len(end) > tail:
        end = end[1:]
    return start + mark + end


def _pad(text: str, width: int, justify: str) -> str:
    space = " " * (width - cell_len(text))
    return space + text if justify == "right" else text + space
