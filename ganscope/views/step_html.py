"""Training steps as an HTML fragment for notebooks; colours are taken from the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TypeVar

from ganscope.traces import Trace, Update
from ganscope.views.fitting import Column
from ganscope.views.html import CELL, HEAD, ROWS, TABLE, bars, lines
from ganscope.views.options import ViewOptions
from ganscope.views.registry import view
from ganscope.views.steps import columns, parameter_columns, remarks
from ganscope.views.steps.bars import Scale, scale_of
from ganscope.views.steps.heading import FlowLine
from ganscope.views.steps.ledger import Remark
from ganscope.views.steps.rows import StepRow, other_rows, update_rows
from ganscope.views.steps.story import Story, tell
from ganscope.views.steps.words import MEASURED, about, circumstances, ending, measured, others

R = TypeVar("R")

_BAR_WIDTH, _BAR_HEIGHT = 140, 12
_ROWS = {**ROWS, "network": "font-weight:bold"}
_GROUPED = "font-weight:normal;opacity:0.7;padding:6px 8px 0;border:0;text-align:left"


@view("html", of="step")
def html(trace: Trace, options: ViewOptions) -> str:
    """Each step with its updates one below the other.

    Raises:
        UsageError: The options select nothing.
    """
    blocks = [block for step in trace.steps for block in _step(tell(trace, step, options))]
    return '<div class="ganscope">\n' + "\n".join(filter(None, blocks)) + "\n</div>"


def _step(story: Story) -> Iterator[str]:
    yield _paragraph(" · ".join(remarks.title(story)), strong=True)
    groups = [*(update_rows(story, update) for update in story.shown.updates), other_rows(story)]
    scale = scale_of(row.gradient.norm for rows in groups for row in rows if row.gradient)
    options = story.options
    plan = columns.plan(scale, gradients=options.show_grads, numbered=options.show_calls)
    for update, rows in zip(story.shown.updates, groups, strict=False):
        yield from _update(story, update, _layers(rows, plan, scale))
    told = others(story)
    if told is not None and (groups[-1] or story.failure):
        title, flow = told
        yield _paragraph(title, strong=True)
        yield _flow(flow)
        yield _layers(groups[-1], plan, scale)
    asked = measured(story)
    if asked:
        yield _paragraph(MEASURED, strong=True)
        yield lines(asked)
    yield _remarks(ending(story))
    yield lines(circumstances(story))


def _update(story: Story, update: Update, table: str) -> Iterator[str]:
    told = about(story, update)
    yield _paragraph(" · ".join(told.title), strong=True)
    yield _flow(told.flow)
    yield _paragraph(" · ".join(told.runs))
    yield _remarks(told.remarks)
    yield table
    if story.options.show_updates and update.parameters:
        shown = [one for one in parameter_columns.COLUMNS if any(one.texts(update.parameters))]
        cells = [[escape(text) for text in one.texts(update.parameters)] for one in shown]
        yield _table(shown, cells, [""] * len(update.parameters))
    for sentence in told.lessons:
        yield f'<div style="opacity:0.85;white-space:normal;padding:2px 0">{escape(sentence)}</div>'


def _paragraph(text: str, *, strong: bool = False) -> str:
    shown = escape(text)
    return f"<p><strong>{shown}</strong></p>" if strong else f"<p>{shown}</p>"


def _flow(flow: Iterable[FlowLine]) -> str:
    return "\n".join(
        f"<div>{escape(line.text)}"
        + (f" &emsp;<strong>{escape(line.verdict)}</strong>" if line.verdict else "")
        + "</div>"
        for line in flow
    )


def _remarks(said: Iterable[Remark]) -> str:
    return "\n".join(
        f'<div style="{ROWS["loud"]}">⚠ {escape(each.text)}</div>'
        if each.is_warning
        else f'<div style="opacity:0.75">{escape(each.text)}</div>'
        for each in said
    )


def _layers(rows: Sequence[StepRow], plan: columns.Plan, scale: Scale) -> str:
    if not rows:
        return ""
    shown = [column for column in plan.unlimited if any(column.texts(rows))]
    cells = [_cells(column, rows, scale) for column in shown]
    return _table(shown, cells, [_ROWS[_kind(row)] for row in rows])


def _cells(column: Column[StepRow], rows: Sequence[StepRow], scale: Scale) -> list[str]:
    if column.key == columns.HISTOGRAM.key:
        return [_histogram(row) for row in rows]
    if column.key == columns.BAR:
        return [_bar(row, scale) for row in rows]
    if column.key == columns.LAYER.key:
        return [escape(columns.tree_name(row)) for row in rows]
    return [escape(text) for text in column.texts(rows)]


def _histogram(row: StepRow) -> str:
    return bars(row.stats.histogram) if row.stats and not row.is_heading else ""


def _bar(row: StepRow, scale: Scale) -> str:
    """The gradient's norm as a bar on the scale of powers of ten."""
    norm = row.gradient.norm if row.gradient and not row.is_heading else None
    width = round(_BAR_WIDTH * scale.share(norm))
    if not width:
        return ""
    return (
        f'<svg width="{_BAR_WIDTH}" height="{_BAR_HEIGHT}" fill="currentColor" opacity="0.6">'
        f'<rect width="{width}" height="{_BAR_HEIGHT}"/></svg>'
    )


def _kind(row: StepRow) -> str:
    if row.is_sick:
        return "loud"
    if row.is_network:
        return "network"
    return "op" if row.is_op else "module"


def _table(shown: Sequence[Column[R]], cells: Sequence[Sequence[str]], looks: Sequence[str]) -> str:
    heads = "".join(
        f'<th scope="col" style="{HEAD}{CELL}{column.justify}">{escape(column.header)}</th>'
        for column in shown
    )
    body = "\n".join(
        f'<tr style="{look}">'
        + "".join(
            f'<td style="{CELL}{column.justify}">{cell}</td>'
            for column, cell in zip(shown, row, strict=True)
        )
        + "</tr>"
        for look, row in zip(looks, zip(*cells, strict=True), strict=True)
    )
    return (
        f'<table style="{TABLE}">\n<thead>{_group_row(shown)}<tr>{heads}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _group_row(shown: Sequence[Column[R]]) -> str:
    """The groups' names above their columns."""
    if not any(column.group for column in shown):
        return ""
    spans: list[tuple[str, int]] = []
    for column in shown:
        if spans and column.group and spans[-1][0] == column.group:
            spans[-1] = (column.group, spans[-1][1] + 1)
        else:
            spans.append((column.group, 1))
    cells = (f'<th colspan="{size}" style="{_GROUPED}">{escape(name)}</th>' for name, size in spans)
    return f"<tr>{''.join(cells)}</tr>\n"
