"""Columns of a table in several forms each, and the choice of those that a width has room for.

Nothing is ever cut: columns and longer forms are taken in the order in which a reader would
miss them, as long as the whole fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from ganscope.views import style

R = TypeVar("R")
"""What a table has one row for."""

# The classes below have no slots: with them, a subscripted frozen class cannot be called.

Raw = str | int | float | None

GAP = 2
"""Cells between two columns, where there is room for them."""


@dataclass(frozen=True)
class Form(Generic[R]):
    """One way to write a column.

    Attributes:
        header: Its header.
        cells: Its cells, one per row.
        room: Cells that it takes at most; None where it takes what it needs.
        indent: By how much a level is indented, where it draws the tree.
    """

    header: str
    cells: Callable[[Sequence[R]], list[str]]
    room: int | None = None
    indent: int = 0


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column.

    Attributes:
        key: Its name, also in what is said to be missing.
        justify: On which side its cells stand.
        style: Name in the palette.
        forms: The ways to write it, the shortest first.
        fields: Name → value for machines.
        group: What it has in common with its neighbours, as a header above theirs.
    """

    key: str
    justify: Literal["left", "right"]
    style: str
    forms: tuple[Form[R], ...]
    fields: tuple[tuple[str, Callable[[R], Raw]], ...] = ()
    group: str = ""

    def texts(self, rows: Sequence[R]) -> list[str]:
        """The cells in their fullest form, without padding."""
        return [text.strip() for text in self.forms[-1].cells(rows)]

    @property
    def header(self) -> str:
        """The header of the fullest form."""
        return self.forms[-1].header


@dataclass(frozen=True)
class Placed(Generic[R]):
    """A column in one of its forms.

    Attributes:
        column: The column.
        header: Its header, padded to `width` as the cells are.
        cells: One per row.
        width: Cells it takes.
        gap: Empty cells before it.
    """

    column: Column[R]
    header: str
    cells: tuple[str, ...]
    width: int
    gap: int = 0


def each(text: Callable[[R], str]) -> Callable[[Sequence[R]], list[str]]:
    """Cells that need to know one row only."""
    return lambda rows: [text(row) for row in rows]


class Fitting(Generic[R]):
    """The forms of all columns for these rows, each written once, when first asked for.

    Args:
        rows: The rows.
        width: Cells there are.
        ascii_only: Whether the output can show ASCII only; look-alikes may be wider, so they
            are put in before anything is measured.
    """

    def __init__(self, rows: Sequence[R], width: int, *, ascii_only: bool = False) -> None:
        self.rows = rows
        self._width = width
        self._ascii_only = ascii_only
        self._forms: dict[tuple[str, int], Placed[R]] = {}

    def form(self, column: Column[R], index: int) -> Placed[R]:
        """`column` in one of its forms."""
        key = column.key, index
        if key not in self._forms:
            self._forms[key] = self._write(column, index)
        return self._forms[key]

    def choose(self, wishes: Sequence[tuple[Column[R], int]], gap: int) -> dict[str, int]:
        """Column → form, as far as the width allows with `gap` cells between columns."""
        chosen: dict[str, int] = {}
        used, full = -gap, False
        for column, form in wishes:
            before = chosen.get(column.key)
            if before is None:
                cost = self.form(column, form).width + gap
            else:
                cost = self.form(column, form).width - self.form(column, before).width
            if (before is None and full) or used + cost > self._width:
                full = full or before is None
                continue
            chosen[column.key] = form
            used += cost
        return chosen

    def place(self, columns: Sequence[Column[R]], chosen: dict[str, int]) -> tuple[Placed[R], ...]:
        """The chosen columns, the gaps before the left ones wider where there is room for some."""
        placed = [self.form(one, chosen[one.key]) for one in columns if one.key in chosen]
        spare = self._width - sum(one.width for one in placed) - max(0, len(placed) - 1)
        return tuple(
            replace(one, gap=0 if index == 0 else GAP if index <= spare else 1)
            for index, one in enumerate(placed)
        )

    def _write(self, column: Column[R], index: int) -> Placed[R]:
        from rich.cells import cell_len  # rich comes with a table only, not with a column

        from ganscope.views.cells import pad, shorten

        form = column.forms[index]
        texts = [form.header, *form.cells(self.rows)]
        if self._ascii_only:
            texts = [style.to_ascii(text) for text in texts]
            if form.room:
                texts = [shorten(text, form.room, "~") for text in texts]
        width = max(map(cell_len, texts))
        padded = [pad(text, width, column.justify) for text in texts]
        return Placed(column, padded[0], tuple(padded[1:]), width)
