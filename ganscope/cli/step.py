"""``ganscope step``: one training step of a built-in GAN, seen whole."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganscope.cli import options, output
from ganscope.cli.command import command_line
from ganscope.cli.of_run import Look, look
from ganscope.errors import GanscopeError, InputError, WeightsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ganscope.subjects.step import Misjudged
    from ganscope.traces import Trace
    from ganscope.training import Training
    from ganscope.training.settings import Settings
    from ganscope.views.misjudged import Row
    from ganscope.zoo import GAN


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the networks are trained; see `options` for each."""

    objective: str
    d_steps: int | None
    generator_first: bool
    learning_rate: float | None = None
    betas: tuple[float, float] | None = None


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
    name = output.choose_format(view_format, None if picture else output_file)
    output.check_output(output_file, force=force)
    output.check_output(record, force=force)
    size, seed = options.read_batch(batch), options.read_seed(seed)
    arguments = options.read_arguments(arg)
    seen = look(weights, model, arguments)
    plan = _plan(seen, objective, options.read_d_steps(d_steps), first)
    from ganscope.training import build_for, find_objective
    from ganscope.views import ViewOptions

    where = options.read_device(device)
    options.set_threads(threads, built_in=True)
    _seed(seed)
    kind = find_objective(plan.objective)
    gan = build_for(kind, seen.model or options.DEFAULT_MODEL, seen.arguments)
    notes = [] if weights is None else _load(gan, weights)
    _require_enough(gan, size)
    training = _training(gan, plan, where)
    if weights is not None and seen.settings is not None:
        notes += _load_optimizers(training, seen.settings, weights)
    images, z = _inputs(training, size, data, seed)
    trace, misjudged = _observe(training, images, z, seed=seed, notes=notes)
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


def _plan(seen: Look, objective: str | None, d_steps: int | None, first: str | None) -> _Plan:
    """As a run that is looked into was trained, unless something else was asked for."""
    from ganscope.training import objectives

    run = seen.settings
    if run is None or objective not in (None, run.objective):
        return _Plan(objective or objectives.DEFAULT, d_steps, options.read_first(first))
    return _Plan(
        run.objective,
        run.d_steps if d_steps is None else d_steps,
        run.generator_first if first is None else options.read_first(first),
        run.learning_rate,
        run.betas,
    )


def _training(gan: GAN, plan: _Plan, device: torch.device) -> Training:
    from ganscope.training import begin

    if device.type != "cpu":
        gan.generator.to(device)
        gan.discriminator.to(device)
    return begin(
        gan,
        plan.objective,
        learning_rate=plan.learning_rate,
        betas=plan.betas,
        d_steps=plan.d_steps,
        generator_first=plan.generator_first,
    )


def _load_optimizers(training: Training, settings: Settings, folder: Path) -> list[str]:
    """Bring the optimizers to where the run has them; of another objective they begin anew."""
    from ganscope.training.checkpoint import read_checkpoint
    from ganscope.training.state import NETWORKS, load_optimizer

    kept = read_checkpoint(folder)
    if kept is None or training.objective.name != settings.objective:
        return ["the optimizers begin anew"]
    for name in NETWORKS:
        load_optimizer(getattr(training, f"{name}_optimizer"), kept, name, folder)
    return [f"weights and optimizers are those of '{folder}' after {kept.progress.step:,} steps"]


def _inputs(
    training: Training, batch: int, data: str | None, seed: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Real images and noise by batches, from random generators of their own."""
    import torch

    from ganscope.subjects.inputs import normal
    from ganscope.training import real_images

    gan, updates = training.gan, training.d_steps
    device = next(gan.generator.parameters()).device
    images = real_images(data, batch * updates, gan.image_shape, seed=seed).to(device)
    z = normal((batch * training.noise_batches, *gan.latent_shape), seed=seed).to(device)
    return tuple(torch.split(images, batch)), tuple(torch.split(z, batch))


def _observe(
    training: Training,
    images: tuple[Tensor, ...],
    z: tuple[Tensor, ...],
    *,
    seed: int,
    notes: list[str],
) -> tuple[Trace, Misjudged]:
    from ganscope.subjects.step import observe_step

    _seed(seed)
    return observe_step(training, images, z, seed=seed, command=command_line(), notes=notes)


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
