"""Training steps as Markdown: headings, the flow, and tables with every column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from ganscope.traces import Trace, Update
from ganscope.views.fitting import Column
from ganscope.views.options import ViewOptions
from ganscope.views.registry import view
from ganscope.views.steps import columns, parameter_columns, remarks
from ganscope.views.steps.bars import scale_of
from ganscope.views.steps.rows import StepRow, other_rows, update_rows
from ganscope.views.steps.story import Story, tell
from ganscope.views.steps.words import MEASURED, about, circumstances, ending, measured, others
from ganscope.views.tabular import escape

R = TypeVar("R")


@view("markdown", of="step")
def markdown(trace: Trace, options: ViewOptions) -> str:
    """Each step with a heading and each update with one below it.

    Raises:
        UsageError: The options select nothing.
    """
    return "\n\n".join(block for step in trace.steps for block in _step(tell(trace, step, options)))


def _step(story: Story) -> Iterator[str]:
    first, *rest = remarks.title(story)
    yield f"## {escape(first.capitalize())}"
    yield " · ".join(map(escape, rest))
    groups = [*(update_rows(story, update) for update in story.shown.updates), other_rows(story)]
    plan = _plan(story, [row for rows in groups for row in rows])
    for update, rows in zip(story.shown.updates, groups, strict=False):
        yield from _update(story, update, rows, plan)
    told = others(story)
    if told is not None and (groups[-1] or story.failure):
        title, flow = told
        yield f"### {escape(title)}"
        if flow:
            yield "\n".join(f"- {escape(line.whole)}" for line in flow)
        if groups[-1]:
            yield "\n".join(_table(groups[-1], plan.unlimited))
    yield from _ending(story)


def _plan(story: Story, rows: Sequence[StepRow]) -> columns.Plan:
    scale = scale_of(row.gradient.norm for row in rows if row.gradient)
    options = story.options
    return columns.plan(scale, gradients=options.show_grads, numbered=options.show_calls)


def _update(
    story: Story, update: Update, rows: Sequence[StepRow], plan: columns.Plan
) -> Iterator[str]:
    told = about(story, update)
    yield f"### {' · '.join(map(escape, told.title))}"
    lines = [*(line.whole for line in told.flow), *told.runs]
    lines += [("⚠ " if each.is_warning else "") + each.text for each in told.remarks]
    yield "\n".join(f"- {escape(line)}" for line in lines)
    if rows:
        yield "\n".join(_table(rows, plan.unlimited))
    if story.options.show_updates and update.parameters:
        yield "\n".join(_table(update.parameters, parameter_columns.COLUMNS))
    if told.lessons:
        yield "\n".join(f"- {escape(sentence)}" for sentence in told.lessons)


def _ending(story: Story) -> Iterator[str]:
    asked = measured(story)
    if asked:
        yield f"### {MEASURED}"
        yield "\n".join(f"- {escape(f'{line.label}: {line.text}')}" for line in asked)
    lines = [each.text for each in ending(story)]
    lines += [f"{line.label}: {line.text}" for line in circumstances(story)]
    if lines:
        yield "\n".join(f"- {escape(line)}" for line in lines)


def _table(rows: Sequence[R], shown: Sequence[Column[R]]) -> Iterator[str]:
    texts = [(column, _cells(column, rows)) for column in shown]
    texts = [(column, cells) for column, cells in texts if any(cells)]
    yield _line([_header(column) for column, _ in texts])
    yield _line(["---:" if column.justify == "right" else ":---" for column, _ in texts])
    yield from map(_line, zip(*(cells for _, cells in texts), strict=True))


def _cells(column: Column[R], rows: Sequence[R]) -> list[str]:
    """A column's cells; layers by their whole paths, as nothing is indented here."""
    if column.key != columns.LAYER.key:
        return column.texts(rows)
    return [columns.whole_name(row) for row in rows if isinstance(row, StepRow)]


def _header(column: Column[R]) -> str:
    return f"{column.key} ({column.header})" if column.key == columns.BAR else column.key


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape, cells)) + " |"
