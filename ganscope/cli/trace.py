"""``ganscope trace TARGET``: one forward pass, layer by layer."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from ganscope.cli import options, output
from ganscope.cli.subject import Request, prepare


def trace(
    target: options.Target,
    model: options.Model = "gan",
    arg: options.Arguments = None,
    inputs: options.Inputs = None,
    batch: options.Batch = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="WHAT", help="Show the discriminator real images, or fake ones."
        ),
    ] = None,
    data: options.Data = None,
    weights: options.Weights = None,
    evaluation: options.Evaluation = False,
    grad: options.Gradients = False,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    only: options.Only = None,
    depth: options.Depth = None,
    no_ops: options.NoOperations = False,
    values: options.Values = False,
    explain: options.Explain = False,
    view_format: options.Format = None,
    width: options.Width = None,
    output_file: options.Output = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Run one forward pass and show every layer: shapes, statistics, parameters, time.

    ganscope trace generator --batch 64

    ganscope trace discriminator --on fake --explain

    ganscope trace models.py:UNet --arg channels=3 --input 8x3x64x64
    """
    options.read_view_numbers(depth, width)
    name = output.choose_format(view_format, output_file)
    output.check_output(output_file, force=force)
    request = Request(
        target, model, arg, inputs, batch, seed, device, weights, data, on, evaluation, quiet
    )
    prepared = prepare(request)
    from ganscope.probe.model import Conditions, observe
    from ganscope.views import ViewOptions

    subject = prepared.subject
    conditions = Conditions(
        grad=grad,
        seed=seed,
        role=subject.role,
        command="ganscope " + " ".join(sys.argv[1:]),
        notes=prepared.notes,
    )
    with redirect_stdout(sys.stderr):  # a model that prints does not spoil the result
        result, _ = observe(
            subject.module, prepared.args, prepared.kwargs, name=subject.name, conditions=conditions
        )
    view_options = ViewOptions(
        only=only, depth=depth, ops=not no_ops, values=values, explain=explain, width=width
    )
    output.show(result, name, view_options, output_file)
    if result.failure is not None:
        raise typer.Exit(1)
