"""The table as an HTML fragment for notebooks.

Colours are taken from the page, so that it reads on light and on dark; every text of the
trace is escaped, as it may come from a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ganscope.traces import Histogram, Trace
from ganscope.views import passes, style, summary
from ganscope.views.beside import told
from ganscope.views.columns import COLUMNS, HISTOGRAM, LAYER, NOTE, Column, notes_of
from ganscope.views.forms import indentation
from ganscope.views.options import ViewOptions
from ganscope.views.registry import view
from ganscope.views.rows import Row, nonfinite_in, step_rows

_FLOW_WIDTH = 160
_BARS = 16
_BAR_WIDTH, _BAR_HEIGHT = 5, 16

TABLE = (
    "border-collapse:collapse;background:transparent;color:inherit;font-size:0.9em;"
    "font-variant-numeric:tabular-nums"
)
CELL = "padding:1px 8px;border:0;white-space:pre;background:transparent;text-align:"
HEAD = "border-bottom:1px solid currentColor;"
ROWS = {
    "loud": "font-weight:bold;color:#d3302f",
    "op": "font-style:italic;opacity:0.75",
    "container": "opacity:0.75",
    "module": "",
}


@view("html")
def html(trace: Trace, options: ViewOptions) -> str:
    """The table with every column, and the lines around it.

    Raises:
        UsageError: The options select nothing.
    """
    shown = passes.apply(trace, options)
    blocks = [f"<p><strong>{escape(' · '.join(summary.title(trace)))}</strong></p>"]
    for step in shown.steps:
        rows = step_rows(trace, step)
        if len(shown.steps) > 1:
            blocks.append(f"<p><strong>step {step.index}</strong></p>")
        blocks.append(_table(rows, told(trace, step, rows, options)))
        blocks.append(lines(summary.flows([row.call for row in rows], _FLOW_WIDTH)))
    blocks.append(lines([summary.totals(trace, shown), *summary.unseen(trace)]))
    blocks.append(lines([*summary.nonfinite(trace), *summary.failure(trace)]))
    return '<div class="ganscope">\n' + "\n".join(filter(None, blocks)) + "\n</div>"


def _table(rows: Sequence[Row], beside: dict[int, list[str]]) -> str:
    if not rows:
        return "<p>no calls</p>"
    columns = [column for column in COLUMNS if column is not NOTE or any(map(notes_of, rows))]
    head = "".join(
        f'<th scope="col" style="{HEAD}{CELL}{column.justify}">{escape(column.header)}</th>'
        for column in columns
    )
    cells = [_cells(column, rows) for column in columns]
    body = "\n".join(_rows(rows, list(zip(*cells, strict=True)), beside))
    return (
        f'<table style="{TABLE}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _rows(
    rows: Sequence[Row], cells: list[tuple[str, ...]], beside: dict[int, list[str]]
) -> Iterator[str]:
    for row, own in zip(rows, cells, strict=True):
        yield f'<tr style="{ROWS[_kind(row)]}">{"".join(own)}</tr>'
        for line in beside[row.call.id]:
            yield (
                f'<tr><td colspan="{len(own)}" style="padding:0 8px 4px 3em;border:0;'
                f'text-align:left;white-space:normal">{escape(line)}</td></tr>'
            )


def _kind(row: Row) -> str:
    if row.failed or nonfinite_in(row.call.outputs):
        return "loud"
    if row.is_op:
        return "op"
    return "container" if row.parts and row.depth else "module"


def _cells(column: Column, rows: Sequence[Row]) -> list[str]:
    texts = [escape(text) for text in column.texts(rows)]
    if column is LAYER:
        texts = [indentation(row, 2) + text for row, text in zip(rows, texts, strict=True)]
    elif column is HISTOGRAM:
        texts = [bars(row.stats.histogram if row.stats else None) for row in rows]
    return [f'<td style="{CELL}{column.justify}">{text}</td>' for text in texts]


def bars(histogram: Histogram | None) -> str:
    """A histogram as small bars in the colour of the text."""
    if histogram is None or not any(histogram.counts):
        return style.NOTHING
    counts = style.merge_bins(histogram.counts, _BARS)
    tallest = max(counts)
    bars = "".join(
        f'<rect x="{index * _BAR_WIDTH}" y="{_BAR_HEIGHT - height:g}" '
        f'width="{_BAR_WIDTH - 1}" height="{height:g}"/>'
        for index, count in enumerate(counts)
        if count and (height := max(1.0, round(_BAR_HEIGHT * count / tallest, 1)))
    )
    low, high = style.format_number(histogram.low), style.format_number(histogram.high)
    return (
        f'<svg width="{len(counts) * _BAR_WIDTH}" height="{_BAR_HEIGHT}" fill="currentColor" '
        f'role="img" aria-label="values from {low} to {high}">{bars}</svg>'
    )


def lines(said: Iterable[summary.Line]) -> str:
    """Labelled lines below a table."""
    return "\n".join(
        f'<div style="white-space:normal"><span style="opacity:0.7">{escape(line.label)}</span> '
        f"{escape(line.text)}</div>"
        for line in said
    )
