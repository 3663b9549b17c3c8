"""``ganscope trace TARGET``: one forward pass, layer by layer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from ganscope.cli import options, output
from ganscope.cli.command import command_line
from ganscope.cli.subject import Request, prepare
from ganscope.errors import GanscopeError

if TYPE_CHECKING:
    from ganscope.traces import Trace


def trace(
    target: options.Target,
    *,
    model: options.Model = None,
    arg: options.Arguments = None,
    inputs: options.Inputs = None,
    batch: options.Batch = None,
    on: options.On = None,
    data: options.Data = None,
    weights: options.Weights = None,
    evaluation: options.Evaluation = False,
    grad: options.Gradients = False,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    threads: options.Threads = None,
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
    output_file = output.read_output(output_file)
    name = output.choose_format(view_format, output_file)
    output.check_output(output_file, force=force)
    seen = output_file is None and name == "table"  # the table itself says its notes
    request = Request(
        target, model, arg, inputs, batch, seed, device, weights, data, on, evaluation,
        threads=threads, quiet=quiet or seen,
    )  # fmt: skip
    result = observed(request, grad=grad)
    from ganscope.views import ViewOptions

    view_options = ViewOptions(
        only=only, depth=depth, ops=not no_ops, values=values, explain=explain, width=width
    )
    output.show(result, name, view_options, output_file, quiet=quiet)
    if result.failure is not None:
        if seen and sys.stdout.isatty() and sys.stderr.isatty():
            raise typer.Exit(1)  # the table on the same screen ends in the same words
        raise GanscopeError(failure_line(result))


def observed(request: Request, *, grad: bool = False) -> Trace:
    """The trace of one forward pass.

    Raises:
        GanscopeError: It cannot be run as asked.
    """
    prepared = prepare(request)
    from ganscope.probe.model import Conditions, observe
    from ganscope.subjects.guard import output_aside
    from ganscope.subjects.warning_places import WarningPlaces

    subject = prepared.subject
    conditions = Conditions(
        grad=grad,
        seed=request.seed,
        role=subject.role,
        command=command_line(),
        notes=prepared.notes,
    )
    try:
        with output_aside(), WarningPlaces():  # a model that prints does not spoil the result
            result, _ = observe(
                subject.module,
                prepared.args,
                prepared.kwargs,
                name=subject.name,
                conditions=conditions,
            )
    except (SystemExit, GeneratorExit) as leave:
        raise GanscopeError(
            f"{subject.name} leaves its forward by {type(leave).__name__}; a forward should "
            "return or raise an ordinary exception"
        ) from None
    return result


def failure_line(trace: Trace) -> str:
    """The failing layer, what it got, what it expects and the original message, in one line."""
    failure = trace.failure
    assert failure is not None
    calls = {call.id: call for call in trace.steps[failure.step].calls}
    call = None if failure.call is None else calls.get(failure.call)
    where = f"{call.label} ({call.type})" if call is not None else trace.networks[0].name
    got = f" got {failure.got}" if failure.got else ""
    expected = f" expects {failure.expected}" if failure.expected else ""
    joined = ",".join(filter(None, (got, expected)))
    message = " ".join(failure.message.split()).removesuffix(":")  # some exceptions say nothing
    shown = message if len(message) <= _MOST_OF_MESSAGE else message[: _MOST_OF_MESSAGE - 1] + "…"
    return f"{where} fails:{joined}; {shown}" if joined else f"{where} fails: {shown}"


_MOST_OF_MESSAGE = 200
