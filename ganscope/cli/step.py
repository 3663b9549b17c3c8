"""``ganscope step``: one training step of a built-in GAN, seen whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.cli import options, output
from ganscope.cli.command import command_line
from ganscope.cli.subject import Request
from ganscope.errors import GanscopeError, InputError, UsageError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from ganscope.subjects.step import Misjudged
    from ganscope.traces import Trace
    from ganscope.views.misjudged import Row
    from ganscope.zoo import GAN


def step(
    *,
    model: options.Model = None,
    arg: options.Arguments = None,
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
    """
    options.read_view_numbers(depth, width)
    output_file = output.read_output(output_file)
    picture = output.is_picture(output_file, view_format)
    name = output.choose_format(view_format, None if picture else output_file)
    output.check_output(output_file, force=force)
    output.check_output(record, force=force)
    request = Request("", model, arg, None, batch, seed, device, weights, data, threads=threads)
    trace, misjudged = _step(request)
    from ganscope.views import ViewOptions

    view = ViewOptions(
        only=only, depth=depth, explain=explain, width=width,
        show_grads=show_grads, show_updates=show_updates, show_calls=show_calls,
    )  # fmt: skip
    if record is not None:
        _write(trace, record, force=force)
    output.show(trace, name, view, None if picture else output_file)
    if picture and output_file is not None:
        _draw(misjudged, model or options.DEFAULT_MODEL, output_file)
    elif output_file is None and name == "table" and _takes_pictures():
        _print(misjudged, width)
    if record is not None:
        output.remark(f"Wrote {record}", quiet=quiet)
    if trace.failure is not None:
        raise GanscopeError(trace.failure.message)


def observed(request: Request) -> Trace:
    """The trace of one training step of a built-in GAN.

    Raises:
        GanscopeError: It cannot be made as asked.
    """
    if request.target not in ("generator", "discriminator"):
        raise UsageError(
            f"a training step is made of a built-in GAN, not of {request.target}; record one of "
            "your own with ganscope run SCRIPT --record run.gscope"
        )
    if request.inputs or request.on or request.evaluation:
        raise UsageError("a training step takes no --input, --on or --eval; leave them out")
    return _step(request)[0]


def _step(request: Request) -> tuple[Trace, Misjudged]:
    size, seed = options.read_batch(request.batch), options.read_seed(request.seed)
    arguments = options.read_arguments(request.arguments)
    from ganscope import zoo

    where = options.read_device(request.device)
    options.set_threads(request.threads, built_in=True)
    _seed(seed)
    gan = zoo.build(request.model or options.DEFAULT_MODEL, **arguments)
    notes = [] if request.weights is None else _load(gan, request.weights)
    images, z = _inputs(gan, size, request.data, seed)
    return _observe(gan, images.to(where), z.to(where), seed=seed, notes=notes)


def _seed(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


def _load(gan: GAN, path: Path) -> list[str]:
    """Load what the file holds for either network; says which one keeps its fresh weights."""
    from ganscope.subjects.weights import load_weights

    notes: list[str] = []
    refusals: list[WeightsError] = []
    for name in ("generator", "discriminator"):
        try:
            notes += load_weights(getattr(gan, name), path, name=name)
        except WeightsError as error:
            refusals.append(error)
            notes.append(f"'{path}' holds no weights for the {name}, which keeps fresh ones")
    if len(refusals) == 2:
        raise refusals[0]
    return notes


def _inputs(gan: GAN, batch: int, data: str | None, seed: int) -> tuple[Tensor, Tensor]:
    """Real images and noise, from random generators of their own."""
    from ganscope.subjects.inputs import normal
    from ganscope.training import real_images

    _require_enough(gan, batch)
    images = real_images(data, batch, gan.image_shape, seed=seed)
    return images, normal((batch, *gan.latent_shape), seed=seed)


def _observe(
    gan: GAN, images: Tensor, z: Tensor, *, seed: int, notes: list[str]
) -> tuple[Trace, Misjudged]:
    from ganscope.subjects.step import observe_step
    from ganscope.training import begin

    if not images.is_cpu:
        gan.generator.to(images.device)
        gan.discriminator.to(images.device)
    _seed(seed)
    return observe_step(begin(gan), images, z, seed=seed, command=command_line(), notes=notes)


def _require_enough(gan: GAN, batch: int) -> None:
    """Refuse a batch over which nothing can be normalised."""
    from torch.nn.modules.batchnorm import _BatchNorm

    parts = [*gan.generator.modules(), *gan.discriminator.modules()]
    if batch == 1 and any(isinstance(part, _BatchNorm) for part in parts):
        raise InputError(
            "--batch 1: BatchNorm in train mode needs a batch of at least 2; give a larger batch, "
            "or --arg batch_norm=false where the model takes it"
        )


def _write(trace: Trace, path: Path, *, force: bool) -> None:
    from ganscope.traces.file import TraceWriter

    writer = TraceWriter(path, trace.meta, force=force)
    for each in trace.steps:
        writer.append(each, trace.networks)
    writer.close(trace.meta, trace.networks, trace.failure)


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


def _draw(misjudged: Misjudged, model: str, path: Path) -> None:
    from ganscope.views.misjudged import figure

    title = f"What the discriminator of {model} misjudged most in one training step"
    output.write_figure(path, figure(_rows(misjudged), title))


def _takes_pictures() -> bool:
    """Whether the screen shows shades of grey."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _print(misjudged: Misjudged, width: int | None) -> None:
    from rich.console import Console

    from ganscope.views.misjudged import text

    console = Console(width=width, highlight=False)
    if console.color_system in ("truecolor", "256"):
        console.print(text(_rows(misjudged), console.width), soft_wrap=True)
