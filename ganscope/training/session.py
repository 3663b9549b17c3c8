"""A run brought into memory: begun anew, or gone on with where it was kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from ganscope.errors import DataError, InputError, RunError
from ganscope.files import remove_leftovers
from ganscope.training import checkpoint as checkpoints
from ganscope.training import metrics
from ganscope.training import settings as run_settings
from ganscope.training.averaging import Average
from ganscope.training.checkpoint import Progress, read_checkpoint
from ganscope.training.feed import Feed, Share, digest
from ganscope.training.images import Images
from ganscope.training.loop import SAMPLES, Session
from ganscope.training.processes import Processes
from ganscope.training.settings import Settings
from ganscope.training.setup import begin, seeded
from ganscope.training.state import put_back
from ganscope.zoo import GAN


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a run is to go on.

    Attributes:
        folder: The run's, which is there.
        device: What it computes on.
        processes: This process among others.
        stop_on_nan: Whether it ends at the first figure that is no number.
    """

    folder: Path
    device: torch.device
    processes: Processes
    stop_on_nan: bool = False


def open_session(settings: Settings, images: Images, place: Place, *, resume: bool) -> Session:
    """A run in memory, at its beginning or where its checkpoint was taken.

    The global random state is set by it.

    Args:
        settings: The run's.
        images: The real images.
        place: Where and how.
        resume: Whether to go on with what the folder holds.

    Raises:
        TargetError: There is no such model or objective, or an argument does not fit.
        DataError: There are too few images, or others than the run began with.
        RunError: The checkpoint is damaged or of another run.
    """
    gan = seeded(settings.objective, settings.model, settings.arguments, settings.seed)
    require_batch_norm(gan, settings.batch)
    gan.generator.to(place.device)
    gan.discriminator.to(place.device)
    average = Average(gan.generator) if settings.ema else None
    share = Share(place.processes.rank, place.processes.count, settings.batch)
    training = begin(
        gan,
        settings.objective,
        learning_rate=settings.learning_rate,
        betas=settings.betas,
        d_steps=settings.d_steps,
        generator_first=settings.generator_first,
        fused=place.device.type in ("cpu", "cuda"),
    )
    penalised = training.objective.penalty_weight is not None
    feed = Feed(
        images,
        share,
        gan.latent_shape,
        (training.d_steps, training.noise_batches, penalised),
        seed=settings.seed,
        device=place.device,
    )
    require_steps(settings, images)
    if settings.amp:
        cuda = place.device.type == "cuda"
        training.autocast = torch.float16 if cuda else torch.bfloat16
        training.scalers = (GradScaler("cuda"), GradScaler("cuda")) if cuda else None
    session = Session(
        settings, place.folder, gan, training, average, feed, place.processes, Progress(),
        place.stop_on_nan,
    )  # fmt: skip
    if resume:
        _go_on(session)
    ran = _compiled(gan) if settings.compile else gan
    training.gan = place.processes.share(ran)
    return session


def require_same(settings: Settings, images: Images, processes: Processes, folder: Path) -> None:
    """Refuse to go on with a run under other conditions than those that it began under.

    Raises:
        DataError: The images are others.
        RunError: There are more or fewer processes.
    """
    if len(images) != settings.images or digest(images) != settings.digest:
        raise DataError(
            f"'{folder}' was trained on {settings.images:,} images of '{images.source}', which "
            f"now are {len(images):,} others; bring those back, or begin a new run"
        )
    if processes.count != settings.processes:
        raise RunError(
            f"'{folder}' is trained by {settings.processes} processes, not {processes.count}; "
            f"start it with torchrun --nproc-per-node {settings.processes}"
            if settings.processes > 1
            else f"'{folder}' is trained by one process, not {processes.count}; start it "
            "without torchrun"
        )


def require_batch_norm(gan: GAN, batch: int) -> None:
    """Refuse a batch over which nothing can be normalised.

    Raises:
        InputError: It has one row, and a network normalises over the batch.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    parts = [*gan.generator.modules(), *gan.discriminator.modules()]
    if batch == 1 and any(isinstance(part, _BatchNorm) for part in parts):
        raise InputError(
            "--batch 1: BatchNorm in train mode needs a batch of at least 2; give a larger batch, "
            "or --arg batch_norm=false where the model takes it"
        )


def require_steps(settings: Settings, images: Images) -> None:
    """Refuse a run in which not even one step has the images it takes.

    Raises:
        DataError: There are too few.
    """
    if len(images) < settings.batch * settings.processes * settings.d_steps:
        needed = settings.batch * settings.processes * settings.d_steps
        times = [f"batches of {settings.batch}"]
        times += [f"{settings.processes} processes"] if settings.processes > 1 else []
        times += [f"{settings.d_steps} updates of D"] if settings.d_steps > 1 else []
        raise DataError(
            f"one step takes {needed:,} images ({' × '.join(times)}) and there are "
            f"{len(images):,}; try a smaller --batch"
        )


def _go_on(session: Session) -> None:
    """Load the checkpoint, and take back what was written behind it."""
    folder = session.folder
    kept = read_checkpoint(folder)
    if kept is not None:
        put_back(kept, session.gan, session.training, session.average, folder)
        session.progress = kept.progress
    if not session.processes.is_first:
        return
    for name in (checkpoints.FILE, metrics.FILE, run_settings.FILE):
        remove_leftovers(folder, name)
    for left in (folder / SAMPLES).glob(".*.png.*"):
        left.unlink(missing_ok=True)
    for grid in (folder / SAMPLES).glob("*.png"):
        number = grid.name.partition(".")[0].partition("-")[0]
        if number.isdecimal() and int(number) > session.progress.step:
            grid.unlink(missing_ok=True)


def _compiled(gan: GAN) -> GAN:
    from dataclasses import replace

    return replace(
        gan,
        generator=cast(nn.Module, torch.compile(gan.generator)),
        discriminator=cast(nn.Module, torch.compile(gan.discriminator)),
    )
