"""Training steps as Markdown: headings, the flow, and tables with every column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ganscope.traces import Trace, Update
from ganscope.views import summary
from ganscope.views.fitting import Column
from ganscope.views.options import ViewOptions
from ganscope.views.registry import view
from ganscope.views.steps import columns, ledger, remarks
from ganscope.views.steps.bars import scale_of
from ganscope.views.steps.rows import StepRow, other_rows, update_rows
from ganscope.views.steps.story import Story, tell
from ganscope.views.steps.words import about
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
    if groups[-1]:
        yield "### calls that belong to no update"
        yield "\n".join(_table(groups[-1], plan.columns))
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
    lines = [f"{line.text}{' — ' if line.judgement else ''}{line.judgement}" for line in told.flow]
    lines += told.runs
    lines += [("⚠ " if each.is_warning else "") + each.text for each in told.remarks]
    yield "\n".join(f"- {escape(line)}" for line in lines)
    if rows:
        yield "\n".join(_table(rows, plan.columns))
    if story.options.show_updates and update.parameters:
        yield "\n".join(_table(update.parameters, columns.PARAMETER_COLUMNS))
    if told.lessons:
        yield "\n".join(f"- {escape(sentence)}" for sentence in told.lessons)


def _ending(story: Story) -> Iterator[str]:
    alone = replace(story.trace, steps=(story.step,))
    lines = [
        *(each.text for each in remarks.evaluations(story)),
        *(each.text for each in ledger.left_over(story.step, story.cast)),
        *(f"{line.label}: {line.text}" for line in _below(alone, story)),
    ]
    if lines:
        yield "\n".join(f"- {escape(line)}" for line in lines)


def _below(trace: Trace, story: Story) -> Iterator[summary.Line]:
    yield from summary.unseen(trace)
    yield from summary.nonfinite(trace)
    if story.failure is not None:
        yield from summary.failure(trace)


def _table(rows: Sequence[R], shown: Sequence[Column[R]]) -> Iterator[str]:
    texts = [(column, column.texts(rows)) for column in shown]
    texts = [(column, cells) for column, cells in texts if any(cells)]
    yield _line([_header(column) for column, _ in texts])
    yield _line(["---:" if column.justify == "right" else ":---" for column, _ in texts])
    yield from map(_line, zip(*(cells for _, cells in texts), strict=True))


def _header(column: Column[R]) -> str:
    return f"{column.key} ({column.header})" if column.key == "gradient bar" else column.key


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape, cells)) + " |"
