"""``ganscope step``: one training step of a built-in GAN, seen whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.cli import options, output
from ganscope.cli.step_run import StepRequest, observe
from ganscope.errors import GanscopeError

if TYPE_CHECKING:
    from ganscope.subjects.step import Misjudged
    from ganscope.traces import Trace
    from ganscope.views.misjudged import Row


def step(
    *,
    model: options.Model = None,
    arg: options.Arguments = None,
    objective: options.Objective = None,
    d_steps: options.DSteps = None,
    first: options.First = None,
    batch: options.Batch = None,
    data: options.Data = None,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
    show_grads: options.ShowGradients = False,
    show_updates: options.ShowUpdates = False,
    show_calls: options.ShowCalls = False,
    explain: options.Explain = False,
    only: options.Only = None,
    depth: options.Depth = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE", help="Keep the step in a .gscope file as well."),
    ] = None,
    view_format: options.Format = None,
    width: options.Width = None,
    output_file: options.Output = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Run one training step and tell it in order: forward, losses, backward, updates.

    ganscope step --show-grads

    ganscope step --model dcgan --batch 16 --explain -o step.png

    ganscope step --objective wgan-gp --d-steps 2
    """
    options.read_view_numbers(depth, width)
    output_file = output.read_output(output_file)
    picture = output.is_picture(output_file, view_format)
    name = output.choose_format(view_format, None if picture else output_file, draws=True)
    output.check_output(output_file, force=force)
    output.check_output(record, force=force, flag="--record")
    trace, misjudged = observe(
        StepRequest(
            model, arg, batch, data, weights, seed, device, threads, objective, d_steps, first
        )
    )
    from ganscope.views import ViewOptions

    view = ViewOptions(
        only=only, depth=depth, explain=explain, width=width,
        show_grads=show_grads, show_updates=show_updates, show_calls=show_calls,
    )  # fmt: skip
    if record is not None:
        _write(trace, record, force=force)
    output.show(trace, name, view, None if picture else output_file, quiet=quiet)
    if picture and output_file is not None:
        _draw(misjudged, model or options.DEFAULT_MODEL, output_file, quiet=quiet)
    elif output_file is None and name == "table" and _takes_pictures():
        _print(misjudged, width)
    if record is not None:
        output.remark(f"Wrote {record}", quiet=quiet)
    if trace.failure is not None:
        raise GanscopeError(trace.failure.message)


def _write(trace: Trace, path: Path, *, force: bool) -> None:
    from ganscope.traces.file import TraceWriter

    writer = TraceWriter(path, trace.meta, force=force)
    for each in trace.steps:
        writer.append(each, trace.networks)
    writer.close(
        trace.meta,
        trace.networks,
        trace.failure,
        optimizers=trace.optimizers,
        sources=trace.sources,
    )


def _rows(misjudged: Misjudged) -> list[Row]:
    from ganscope.views.misjudged import Row

    return [
        Row(
            "Real images it trusted least, with D(x)",
            misjudged.real.numpy(),
            misjudged.real_verdicts,
        ),
        Row(
            "Generated images it trusted most, with D(G(z))",
            misjudged.fake.numpy(),
            misjudged.fake_verdicts,
        ),
    ]


def _draw(misjudged: Misjudged, model: str, path: Path, *, quiet: bool) -> None:
    from ganscope.views.misjudged import figure

    title = f"What the discriminator of {model} misjudged most in one training step"
    output.write_figure(path, figure(_rows(misjudged), title), quiet=quiet)


def _takes_pictures() -> bool:
    """Whether the screen shows shades of grey."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _print(misjudged: Misjudged, width: int | None) -> None:
    from rich.console import Console

    from ganscope.views.misjudged import text

    console = Console(width=width, highlight=False)
    if console.color_system in ("truecolor", "256"):
        console.print(text(_rows(misjudged), console.width), soft_wrap=True)
