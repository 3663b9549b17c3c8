"""The views for other programs: CSV, JSON and Markdown."""

from __future__ import annotations

import csv as csv_format
import io
import json as json_format
from collections.abc import Iterator

from ganscope.traces import Step, Trace
from ganscope.views import passes, summary
from ganscope.views.beside import explanations, told
from ganscope.views.columns import COLUMNS, NOTE, Column, notes_of
from ganscope.views.fitting import Raw
from ganscope.views.options import ViewOptions
from ganscope.views.registry import view
from ganscope.views.rows import Row, step_rows

_FLOW_WIDTH = 200


@view("csv")
def csv(trace: Trace, options: ViewOptions) -> str:
    """One line per call with every figure in full precision.

    Shapes are written ``64x1x28x28``, several ones with ``;`` between them; what is not known
    is empty. The figures are those of the first output that has any. What is asked for beside
    the figures (values, explanations) comes as further columns.

    Raises:
        UsageError: The options select nothing.
    """
    shown = passes.apply(trace, options)
    fields = [field for column in COLUMNS for field in column.fields]
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    asked = ["values"] * options.values + ["explanation"] * options.explain
    writer.writerow(["step", *(name for name, _ in fields), *asked])
    for step in shown.steps:
        rows = step_rows(trace, step)
        said = explanations(trace, step, rows, options)
        for row in rows:
            more = {"values": _plain_values(row), "explanation": said.get(row.call.id)}
            figures = (value(row) for _, value in fields)
            cells = (*figures, *(more[name] for name in asked))
            writer.writerow([step.index, *map(exact, cells)])
    return text.getvalue().rstrip("\n")


@view("json")
def json(trace: Trace, options: ViewOptions) -> str:
    """The trace as strict JSON, the contract ``ganscope.trace/1``.

    Values are always in it; an explanation, where asked for, is one more key of its call.

    Raises:
        UsageError: The options select nothing.
    """
    shown = passes.apply(trace, options)
    data = shown.to_dict()
    for step, plain in zip(shown.steps, data["steps"], strict=True):
        said = explanations(trace, step, step_rows(trace, step), options)
        for call in plain["calls"]:
            if call["id"] in said:
                call["explanation"] = said[call["id"]]
    return json_format.dumps(data, allow_nan=False, indent=2, ensure_ascii=False)


@view("markdown")
def markdown(trace: Trace, options: ViewOptions) -> str:
    """The table as Markdown, every column, with the lines around it.

    Raises:
        UsageError: The options select nothing.
    """
    shown = passes.apply(trace, options)
    blocks = ["**" + " · ".join(escape(part) for part in summary.title(trace)) + "**"]
    for step in shown.steps:
        rows = step_rows(trace, step)
        if len(shown.steps) > 1:
            blocks.append(f"### Step {step.index}")
        blocks.append("\n".join(_table(rows)) if rows else "no calls")
        blocks.extend(filter(None, ("\n".join(_beside(trace, step, rows, options)),)))
        flows = summary.flows([row.call for row in rows], _FLOW_WIDTH)
        blocks.extend(escape(f"{line.label}: {line.text}") for line in flows)
    below = [
        summary.totals(trace, shown),
        *summary.unseen(trace),
        *summary.nonfinite(trace),
        *summary.failure(trace),
    ]
    blocks.append("\n".join(f"- {escape(f'{line.label}: {line.text}')}" for line in below))
    return "\n\n".join(blocks)


def _table(rows: tuple[Row, ...]) -> Iterator[str]:
    columns = [column for column in COLUMNS if column is not NOTE or any(map(notes_of, rows))]
    yield _line([column.header for column in columns])
    yield _line([_rule(column) for column in columns])
    yield from map(_line, zip(*(column.texts(rows) for column in columns), strict=True))


def _beside(trace: Trace, step: Step, rows: tuple[Row, ...], options: ViewOptions) -> Iterator[str]:
    """A list of what is told of single rows: first values, explanations."""
    lines = told(trace, step, rows, options)
    for row in rows:
        if lines[row.call.id]:
            yield f"- **{escape(row.full_name)}** {escape(' — '.join(lines[row.call.id]))}"


def _rule(column: Column) -> str:
    return "---:" if column.justify == "right" else ":---"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def escape(text: str) -> str:
    """`text` as it is, read by Markdown: a name such as ``__init__`` is no emphasis."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text


def _plain_values(row: Row) -> str:
    return ";".join(exact(value) for value in row.output.preview) if row.output else ""


def exact(value: Raw) -> str:
    """A value in full precision; nothing for what is not known."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
