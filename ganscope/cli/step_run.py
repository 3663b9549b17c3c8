"""One training step of a built-in GAN, made as asked and observed: for `step` and `diagram`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganscope.cli import options
from ganscope.cli.command import command_line
from ganscope.cli.of_run import Look, look
from ganscope.errors import UsageError, WeightsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ganscope.cli.subject import Request
    from ganscope.subjects.step import Misjudged
    from ganscope.traces import Trace
    from ganscope.training import Training
    from ganscope.training.settings import Settings
    from ganscope.zoo import GAN


@dataclass(frozen=True, slots=True)
class StepRequest:
    """The step that is asked for, as it was typed; see `options` for each."""

    model: str | None = None
    arguments: list[str] | None = None
    batch: int | None = None
    data: str | None = None
    weights: Path | None = None
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None
    objective: str | None = None
    d_steps: int | None = None
    first: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the networks are trained; see `options` for each."""

    objective: str
    d_steps: int | None
    generator_first: bool
    learning_rate: float | None = None
    betas: tuple[float, float] | None = None


def observed(request: Request) -> Trace:
    """The trace of one training step of the built-in GAN of which a network is asked for.

    Raises:
        GanscopeError: It cannot be made as asked.
    """
    if request.target not in ("generator", "discriminator"):
        raise UsageError(
            f"a training step is made of a built-in GAN, not of {request.target}; record one of "
            "your own with ganscope run -o run.gscope SCRIPT"
        )
    if request.inputs or request.on or request.evaluation:
        raise UsageError("a training step takes no --input, --on or --eval; leave them out")
    trace, _ = observe(
        StepRequest(
            request.model,
            request.arguments,
            request.batch,
            request.data,
            request.weights,
            request.seed,
            request.device,
            request.threads,
        )
    )
    return trace


def observe(request: StepRequest) -> tuple[Trace, Misjudged]:
    """Make the step and observe it.

    Raises:
        GanscopeError: It cannot be made as asked.
    """
    size, seed = options.read_batch(request.batch), options.read_seed(request.seed)
    arguments, weights = options.read_arguments(request.arguments), request.weights
    seen = look(weights, request.model, arguments)
    plan = _plan(seen, request)
    from ganscope.training import build_for, find_objective
    from ganscope.training.requirements import require_batch_norm

    where = options.read_device(request.device)
    options.set_threads(request.threads, built_in=True)
    _seed(seed)
    kind = find_objective(plan.objective)
    gan = build_for(kind, seen.model or options.DEFAULT_MODEL, seen.arguments)
    notes = [] if weights is None else _load(gan, weights)
    require_batch_norm(gan, size)
    training = _training(gan, plan, where)
    if weights is not None and seen.settings is not None:
        notes += _load_optimizers(training, seen.settings, weights)
    images, z = _inputs(training, size, request.data, seed)
    return _observe(training, images, z, seed=seed, notes=notes)


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


def _plan(seen: Look, request: StepRequest) -> _Plan:
    """As a run that is looked into was trained, unless something else was asked for."""
    from ganscope.training import objectives

    objective, first = request.objective, request.first
    d_steps, run = options.read_d_steps(request.d_steps), seen.settings
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
