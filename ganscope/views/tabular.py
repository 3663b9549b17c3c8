"""The views for other programs: CSV, JSON and Markdown."""

from __future__ import annotations

import csv as csv_format
import io
import json as json_format
from collections.abc import Iterator

from ganscope.traces import Step, Trace
from ganscope.views import passes, summary
from ganscope.views.columns import COLUMNS, NOTE, Column, Raw, notes_of
from ganscope.views.options import ViewOptions
from ganscope.views.registry import view
from ganscope.views.rows import Row, rows_of

_FLOW_WIDTH = 200


@view("csv")
def csv(trace: Trace, options: ViewOptions) -> str:
    """One line per call with every figure in full precision.

    Shapes are written ``64x1x28x28``, several ones with ``;`` between them; what is not known
    is empty. The figures are those of the first output that has any.

    Raises:
        UsageError: The options select nothing.
    """
    shown = passes.apply(trace, options)
    fields = [field for column in COLUMNS for field in column.fields]
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    writer.writerow(["step", *(name for name, _ in fields)])
    for step, row in _rows(shown):
        writer.writerow([step.index, *(_exact(value(row)) for _, value in fields)])
    return text.getvalue().rstrip("\n")


@view("json")
def json(trace: Trace, options: ViewOptions) -> str:
    """The trace as strict JSON, the contract ``ganscope.trace/1``.

    Raises:
        UsageError: The options select nothing.
    """
    shown = passes.apply(trace, options)
    return json_format.dumps(shown.to_dict(), allow_nan=False, indent=2, ensure_ascii=False)


@view("markdown")
def markdown(trace: Trace, options: ViewOptions) -> str:
    """The table as Markdown, every column, with the lines around it.

    Raises:
        UsageError: The options select nothing.
    """
    shown = passes.apply(trace, options)
    blocks = ["**" + " · ".join(_escape(part) for part in summary.title(trace)) + "**"]
    for step in shown.steps:
        rows = _step_rows(shown, step)
        if len(shown.steps) > 1:
            blocks.append(f"### Step {step.index}")
        blocks.append("\n".join(_table(rows)) if rows else "no calls")
        if options.explain and rows:
            blocks.append("\n".join(_explained(trace, step, rows)))
        flows = summary.flows([row.call for row in rows], _FLOW_WIDTH)
        blocks.extend(_escape(f"{line.label}: {line.text}") for line in flows)
    below = [summary.totals(trace, shown), *summary.unseen(trace), *summary.failure(trace)]
    blocks.append("\n".join(f"- {_escape(f'{line.label}: {line.text}')}" for line in below))
    return "\n\n".join(blocks)


def _table(rows: tuple[Row, ...]) -> Iterator[str]:
    columns = [column for column in COLUMNS if column is not NOTE or any(map(notes_of, rows))]
    yield _line([column.header for column in columns])
    yield _line([_rule(column) for column in columns])
    yield from map(_line, zip(*(column.texts(rows) for column in columns), strict=True))


def _explained(trace: Trace, step: Step, rows: tuple[Row, ...]) -> Iterator[str]:
    from ganscope.views.explain import sentences

    said = sentences(trace, step.index, rows)
    for row in rows:
        if row.call.id in said:
            yield f"- **{_escape(row.full_name)}** {_escape(said[row.call.id])}"


def _rule(column: Column) -> str:
    return "---:" if column.justify == "right" else ":---"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    """`text` as it is, read by Markdown: a name such as ``__init__`` is no emphasis."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text


def _rows(trace: Trace) -> Iterator[tuple[Step, Row]]:
    for step in trace.steps:
        for row in _step_rows(trace, step):
            yield step, row


def _step_rows(trace: Trace, step: Step) -> tuple[Row, ...]:
    failed = trace.failure
    return rows_of(step.calls, failed.call if failed and failed.step == step.index else None)


def _exact(value: Raw) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
