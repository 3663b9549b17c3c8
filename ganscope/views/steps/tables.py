"""Tables of a step laid out for a width: all updates of a step in the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Generic, TypeVar

from ganscope.traces import ParameterUpdate
from ganscope.views.fitting import GAP, Column, Fitting, Placed
from ganscope.views.steps import columns as c
from ganscope.views.steps import parameter_columns
from ganscope.views.steps.bars import scale_of
from ganscope.views.steps.rows import StepRow
from ganscope.views.steps.story import Story

R = TypeVar("R")


@dataclass(frozen=True)
class Table(Generic[R]):
    """Rows laid out.

    Attributes:
        rows: The rows.
        placed: The columns, with one cell per row.
        missing: Names of what there was no room for.
    """

    rows: tuple[R, ...]
    placed: tuple[Placed[R], ...]
    missing: tuple[str, ...]

    @property
    def width(self) -> int:
        """Of all columns and the gaps between them."""
        return sum(one.width + one.gap for one in self.placed)

    def group_header(self) -> str:
        """The groups' names above their columns; empty where there are none."""
        line, at = "", 0
        spans: list[tuple[str, int, int]] = []
        for one in self.placed:
            at += one.gap
            name = one.column.group
            if name and spans and spans[-1][0] == name:
                spans[-1] = (name, spans[-1][1], at + one.width)
            elif name:
                spans.append((name, at, at + one.width))
            else:
                spans.append(("", at, at + one.width))
            at += one.width
        spans = [span for span in spans if span[0]]
        for (name, start, end), then in zip_longest(spans, [start for _, start, _ in spans[1:]]):
            room = len(name) if then is None else then - start - 1
            shown = name if len(name) <= room else c.SHORT.get(name, name)[:room]
            rule = "─" * max(0, end - start - len(shown) - 1)
            line = f"{line:<{start}}" + (f"{shown} {rule}" if rule else shown)
        return line

    def split(self, sizes: Sequence[int]) -> list[Table[R]]:
        """The same columns for each of several runs of rows."""
        tables, start = [], 0
        for size in sizes:
            end = start + size
            placed = tuple(replace(one, cells=one.cells[start:end]) for one in self.placed)
            tables.append(Table(self.rows[start:end], placed, self.missing))
            start = end
        return tables


def layer_tables(
    story: Story, groups: Sequence[Sequence[StepRow]], width: int, *, ascii_only: bool
) -> list[Table[StepRow]]:
    """A table for each update's rows, all in the same columns.

    Args:
        story: Their step.
        groups: The rows of each update.
        width: Cells there are.
        ascii_only: Whether the output can show ASCII only.
    """
    rows = tuple(row for group in groups for row in group)
    scale = scale_of(row.gradient.norm for row in rows if row.gradient)
    plan = c.plan(scale, gradients=story.options.show_grads, numbered=story.options.show_calls)
    whole = _fit(rows, plan.columns, plan.wishes, width, ascii_only=ascii_only)
    return whole.split([len(group) for group in groups])


def parameter_tables(
    groups: Sequence[Sequence[ParameterUpdate]], width: int, *, ascii_only: bool
) -> list[Table[ParameterUpdate]]:
    """A table for each update's parameters, all in the same columns."""
    rows = tuple(row for group in groups for row in group)
    whole = _fit(
        rows, parameter_columns.COLUMNS, parameter_columns.WISHES, width, ascii_only=ascii_only
    )
    return whole.split([len(group) for group in groups])


def _fit(
    rows: tuple[R, ...],
    columns: Sequence[Column[R]],
    wishes: Sequence[tuple[Column[R], int]],
    width: int,
    *,
    ascii_only: bool,
) -> Table[R]:
    fitting = Fitting(rows, width, ascii_only=ascii_only)
    wanted = [wish for wish in wishes if _says_something(fitting, wish[0])]
    chosen = fitting.choose(wanted, GAP)
    missing = [column.key for column, form in wanted if form == 0 and column.key not in chosen]
    return Table(rows, fitting.place(columns, chosen), tuple(missing))


def _says_something(fitting: Fitting[R], column: Column[R]) -> bool:
    """Whether any cell of a column is not empty, and of optimizers whether there are several."""
    cells = {cell.strip() for cell in fitting.form(column, 0).cells}
    return len(cells) > 1 if column.key == parameter_columns.OPTIMIZER.key else cells != {""}
