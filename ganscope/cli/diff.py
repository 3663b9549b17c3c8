"""``ganscope diff A B``: what differs between two recordings, or two steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.cli import options, output
from ganscope.errors import TraceFileError, UsageError

if TYPE_CHECKING:
    from ganscope.traces import Trace
    from ganscope.views.diff import Compared

What = Annotated[
    str,
    typer.Argument(
        metavar="A",
        help="A recording or a trace saved as JSON; FILE:3 is its training step 3 alone.",
    ),
]
Other = Annotated[str, typer.Argument(metavar="B", help="What to compare it with, likewise.")]
Tolerance = Annotated[
    str,
    typer.Option(
        "--tolerance",
        metavar="X",
        help="Relative difference up to which figures are equal; 0 is to the last bit.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        help="Differences to show; 0 shows all.  \\[default: 20, and all in json and csv]",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="table, json, csv or markdown.  \\[default: by -o's ending, else table]",
    ),
]


def diff(
    first: What,
    second: Other,
    *,
    tolerance: Tolerance = "0",
    limit: Limit = None,
    view_format: Format = None,
    width: options.Width = None,
    output_file: options.Output = None,
    force: options.Force = False,
) -> int:
    """Compare two recordings, or two steps: what differs first, and what differs most.

    Exits with 0 where both are equal, with 1 where they differ.

    ganscope diff before.gscope after.gscope --tolerance 1e-5

    ganscope diff run.gscope:0 run.gscope:500
    """
    near = _read_tolerance(tolerance)
    if limit is not None and limit < 0:
        raise UsageError(f"--limit {limit}: give how many differences to show; 0 shows all")
    options.read_view_numbers(None, width)
    output_file = output.read_output(output_file)
    name = view_format or output.choose_format(None, output_file)
    output.check_output(output_file, force=force)
    from ganscope.traces.compare import compare
    from ganscope.views.diff import Compared
    from ganscope.views.diff_formats import require_format

    require_format(name)
    one, other = _read(first), _read(second)
    _require_alike(one, other)
    comparison = compare(one.trace, other.trace, tolerance=near)
    _show(Compared(first, second, comparison, limit), name, width, output_file)
    return 0 if comparison.equal else 1


def _show(compared: Compared, name: str, width: int | None, path: Path | None) -> None:
    from ganscope.views.diff import DiffView
    from ganscope.views.diff_formats import render

    shown = render(compared, name)
    if path is not None:
        text = shown.text(width or output.FILE_WIDTH) if isinstance(shown, DiffView) else shown
        output.write_text(path, text + "\n")
    elif isinstance(shown, str):
        output.write_to_screen(shown, name)
    else:
        output.print_rich(shown, width or output.screen_width())


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: its name as given, the trace, and whether a step of it was named."""

    name: str
    trace: Trace
    is_step: bool


def _read(text: str) -> _Side:
    """The trace that ``FILE`` or ``FILE:3`` names; of the latter that step alone.

    Raises:
        TraceFileError: There is no such trace.
        UsageError: It has no such step, or what stands behind the colon is no number.
    """
    from dataclasses import replace

    from ganscope.records import load
    from ganscope.traces.recorded import step_by_index

    file, colon, index = text.rpartition(":")
    if not colon or not file or Path(text).exists():
        return _Side(text, load(text), False)
    if not index.removeprefix("-").isdecimal():
        raise UsageError(
            f"{text}: behind the colon stands the number of a training step, such as {file}:0"
        )
    trace = load(file)
    try:
        step = step_by_index(trace.steps, int(index))
    except TraceFileError:  # names the file itself
        raise
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    failed = trace.failure
    failure = failed if failed is not None and failed.step == step.index else None
    return _Side(text, replace(trace, steps=(step,), failure=failure), True)


def _require_alike(first: _Side, second: _Side) -> None:
    for one, other in ((first, second), (second, first)):
        if one.is_step and not other.is_step and len(other.trace.steps) != 1:
            raise UsageError(
                f"{one.name} is one step and {other.name} a recording of "
                f"{len(other.trace.steps):,}; name a step of it too, such as {other.name}:0"
            )


def _read_tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value >= 0 and math.isfinite(value)):
        raise UsageError(
            f"--tolerance {text}: give a relative difference from 0 (to the last bit) on, such as "
            "1e-5"
        )
    return value
