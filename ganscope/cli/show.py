"""``ganscope show FILE``: what is in a recording, one of its steps, a figure over its steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.cli import options, output
from ganscope.errors import TraceFileError, UsageError, nearest

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ganscope.traces import Trace
    from ganscope.views import ViewOptions

CHART_WIDTH = 100
"""Where no terminal says how wide it is; a table takes what it needs."""
_PLOT_FORMATS = ("table", "csv", "json")

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="A recording (.gscope), or a trace saved as JSON; several of one training, to see "
        "where its ranks differ.",
    ),
]
Step = Annotated[
    int | None,
    typer.Option("--step", metavar="N", help="Training step N; -1 is the last one recorded."),
]
Plot = Annotated[
    list[str] | None,
    typer.Option(
        "--plot",
        metavar="FIGURE",
        help="A figure over the steps: loss, g_loss, 'D(x)', 'grad generator.model.0'; "
        "repeatable.  -o FILE.png, .svg or .pdf draws a picture.",
    ),
]


def show(
    files: Files,
    *,
    step: Step = None,
    plot: Plot = None,
    show_grads: options.ShowGradients = False,
    show_updates: options.ShowUpdates = False,
    show_calls: options.ShowCalls = False,
    explain: options.Explain = False,
    only: options.Only = None,
    depth: options.Depth = None,
    no_ops: options.NoOperations = False,
    values: options.Values = False,
    view_format: options.Format = None,
    width: options.Width = None,
    output_file: options.Output = None,
    force: options.Force = False,
) -> None:
    """Show what is in a recording: an overview, one step, or a figure over all steps.

    ganscope show run.gscope

    ganscope show run.gscope --step 100 --show-grads

    ganscope show run.gscope --plot loss -o loss.png
    """
    options.read_view_numbers(depth, width)
    output_file = output.read_output(output_file)
    from ganscope.views import ViewOptions

    view = ViewOptions(
        only=only, depth=depth, ops=not no_ops, values=values, explain=explain, width=width,
        show_grads=show_grads, show_updates=show_updates, show_calls=show_calls,
    )  # fmt: skip
    request = _Request(files[0], view, output_file, view_format, force, tuple(files))
    if len(files) > 1 and (plot or output_file is not None or view_format not in (None, "table")):
        raise UsageError(
            "several files are only shown beside each other: leave --plot, -o and "
            "--format out, or name one file"
        )
    if plot:
        flags = _flags_of_a_step(view) or ("--step" if step is not None else "")
        if flags:
            raise UsageError(
                f"--plot shows a figure over all steps, {flags} one step: leave one out"
            )
        _plot(request, plot)
    elif step is not None:
        _ranks(request, _step(request, step), step)
    else:
        _ranks(request, _whole(request), None)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for, of which file."""

    file: Path
    view: ViewOptions
    output: Path | None
    format: str | None
    force: bool
    files: tuple[Path, ...] = ()
    """All that are to be shown beside each other, the first one included."""


def _load(request: _Request) -> Trace:
    from ganscope.records import load

    return load(request.file)


def _source(request: _Request, trace: Trace) -> Path | None:
    """The file, where its figures can be looked up in it."""
    from ganscope.traces.recorded import RecordedSteps

    return request.file if isinstance(trace.steps, RecordedSteps) else None


def _ranks(request: _Request, first: Trace, step: int | None) -> None:
    """Below what is shown of the first file: where the others differ from it.

    Raises:
        UsageError: One of them has no such step.
    """
    if len(request.files) < 2:
        return
    from ganscope.cli import ranks
    from ganscope.records import load

    others = [(file, load(file)) for file in request.files[1:]]
    traces = [
        first,
        *(each if step is None else _one_step(each, step, file) for file, each in others),
    ]
    sys.stdout.write("\n" + "\n".join(ranks.lines(request.files, traces)) + "\n")


# -- one step ------------------------------------------------------------------------------------


def _step(request: _Request, number: int) -> Trace:
    """Show one step; returns the trace with that step alone."""
    name = output.choose_format(request.format, request.output)
    output.check_output(request.output, force=request.force)
    trace = _one_step(_load(request), number, request.file)
    if request.view.values and _is_training(trace):
        raise UsageError(
            "--values shows those of a forward pass; --show-calls shows every call of a training "
            "step, --format json its values"
        )
    output.show(trace, name, request.view, request.output)
    return trace


def _one_step(trace: Trace, number: int, file: Path) -> Trace:
    """The trace with that step alone; negative numbers count from the end.

    Raises:
        UsageError: There is no such step.
    """
    from ganscope.traces.recorded import step_by_index

    count = len(trace.steps)
    try:
        if number < 0:
            if -number > count:
                raise UsageError(f"there is no step {number}: {count:,} are recorded")
            return replace(trace, steps=(trace.steps[number],))
        return replace(trace, steps=(step_by_index(trace.steps, number),))
    except TraceFileError:  # names the file itself
        raise
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


# -- the whole file ------------------------------------------------------------------------------


def _whole(request: _Request) -> Trace:
    """Show what is asked for of all steps; returns the trace."""
    name = output.choose_format(request.format, request.output)
    output.check_output(request.output, force=request.force)
    trace = _load(request)
    if name == "table" and _flags_of_a_step(request.view):
        if len(trace.steps) != 1:
            flags = _flags_of_a_step(request.view)
            raise UsageError(
                f"{request.file} holds {len(trace.steps):,} steps, and {flags} shows one: say "
                "which with --step, or all of them with --format csv"
            )
        output.show(trace, name, request.view, request.output)
    elif name == "table":
        _overview(request, trace)
    elif name in ("csv", "json") and _is_training(trace):
        _write(_pieces(trace, name, request.view), request.output)
    else:
        output.show(trace, name, request.view, request.output)
    return trace


def _is_training(trace: Trace) -> bool:
    from ganscope.views.registry import is_training

    return is_training(trace)


def _pieces(trace: Trace, name: str, view: ViewOptions) -> Iterator[str]:
    """A long recording as text, a step at a time."""
    from ganscope.views.step_data import csv_lines, json_pieces

    return csv_lines(trace, view) if name == "csv" else json_pieces(trace, view)


def _write(pieces: Iterator[str], path: Path | None) -> None:
    if path is not None:
        output.write_pieces(path, (piece.encode("utf-8") for piece in pieces))
        return
    for piece in pieces:
        sys.stdout.write(piece)
    sys.stdout.flush()


def _overview(request: _Request, trace: Trace) -> None:
    from ganscope.views.metrics.overview import Recording
    from ganscope.views.recording import RecordingView

    recording = Recording(trace, request.file, _source(request, trace))
    _show(RecordingView(recording, request.view.width), request)


def _flags_of_a_step(view: ViewOptions) -> str:
    """The flags given that say how one step is shown."""
    given = {
        "--show-grads": view.show_grads,
        "--show-updates": view.show_updates,
        "--show-calls": view.show_calls,
        "--explain": view.explain,
        "--only": view.only is not None,
        "--depth": view.depth is not None,
        "--no-ops": not view.ops,
        "--values": view.values,
    }
    return " ".join(flag for flag, is_given in given.items() if is_given)


# -- a figure over the steps ---------------------------------------------------------------------


def _plot(request: _Request, asked: list[str]) -> None:
    picture = output.is_picture(request.output, request.format)
    name = "table" if picture else _plot_format(request)
    output.check_output(request.output, force=request.force)
    trace = _load(request)
    if not _is_training(trace):
        raise UsageError(f"{request.file} holds no training steps, so nothing goes over them")
    from ganscope.views.metrics.curves import curves

    found = curves(trace, _source(request, trace), asked)
    if picture and request.output is not None:
        from ganscope.views.metrics.picture import figure

        output.write_figure(request.output, figure(found, str(request.file)))
    elif name == "table":
        from ganscope.views.metrics.chart import ChartView

        width = request.view.width or (None if output.screen_width() is None else CHART_WIDTH)
        _show(ChartView(found, width), request)
    else:
        from ganscope.views.metrics import data

        text = data.csv(found) if name == "csv" else data.json(found)
        _write(iter((text + "\n",)), request.output)


def _plot_format(request: _Request) -> str:
    name = request.format
    if name is None:
        name = output.choose_format(None, request.output, draws=True)
    if name not in _PLOT_FORMATS:
        raise UsageError(
            f"--format {name}: a figure over steps is shown as {', '.join(_PLOT_FORMATS)}, or as "
            f"a picture with -o FILE.png{nearest(name, _PLOT_FORMATS)}"
        )
    return name


def _show(shown: RenderableType, request: _Request) -> None:
    """Print, or write without colours."""
    width = request.view.width
    if request.output is None:
        output.print_rich(shown, width or output.screen_width())
        return
    from ganscope.views.present import plain_text

    output.write_text(request.output, plain_text(shown, width or output.FILE_WIDTH) + "\n")
