"""A run brought into memory: begun anew, or gone on with where it was kept."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from ganscope.files import remove_leftovers
from ganscope.training import checkpoint as checkpoints
from ganscope.training import metrics
from ganscope.training import settings as run_settings
from ganscope.training.averaging import Average
from ganscope.training.checkpoint import Progress, read_checkpoint
from ganscope.training.feed import Feed, Share
from ganscope.training.grids import SAMPLES
from ganscope.training.images import Images
from ganscope.training.requirements import require_batch_norm, require_steps
from ganscope.training.session import Place, Session
from ganscope.training.settings import Settings
from ganscope.training.setup import begin, seeded
from ganscope.training.state import put_back
from ganscope.training.step import Training
from ganscope.zoo import GAN


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
    training = _training(gan, settings, place.device)
    feed = _feed(images, training, settings, place)
    require_steps(settings, images)
    session = Session(
        settings, place.folder, gan, training, average, feed, place.processes, Progress(),
        place.stop_on_nan,
    )  # fmt: skip
    if resume:
        _go_on(session)
    ran = _compiled(gan) if settings.compile else gan
    training.gan = place.processes.share(ran)
    return session


def _training(gan: GAN, settings: Settings, device: torch.device) -> Training:
    training = begin(
        gan,
        settings.objective,
        learning_rate=settings.learning_rate,
        betas=settings.betas,
        d_steps=settings.d_steps,
        generator_first=settings.generator_first,
        fused=device.type in ("cpu", "cuda"),
    )
    if settings.amp:
        cuda = device.type == "cuda"
        training.autocast = torch.float16 if cuda else torch.bfloat16
        training.scalers = (GradScaler("cuda"), GradScaler("cuda")) if cuda else None
    return training


def _feed(images: Images, training: Training, settings: Settings, place: Place) -> Feed:
    penalised = training.objective.penalty_weight is not None
    return Feed(
        images,
        Share(place.processes.rank, place.processes.count, settings.batch),
        training.gan.latent_shape,
        (training.d_steps, training.noise_batches, penalised),
        seed=settings.seed,
        device=place.device,
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
    return replace(
        gan,
        generator=cast(nn.Module, torch.compile(gan.generator)),
        discriminator=cast(nn.Module, torch.compile(gan.discriminator)),
    )
