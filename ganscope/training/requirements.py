"""What a run must have before its first step, and what must be as it was before it goes on."""

from __future__ import annotations

from pathlib import Path

from ganscope.errors import DataError, InputError, RunError
from ganscope.training.feed import digest
from ganscope.training.images import Images
from ganscope.training.processes import Processes
from ganscope.training.settings import Settings
from ganscope.zoo import GAN


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
    needed = settings.images_in_a_step
    if len(images) < needed:
        times = [f"batches of {settings.batch}"]
        times += [f"{settings.processes} processes"] if settings.processes > 1 else []
        times += [f"{settings.d_steps} updates of D"] if settings.d_steps > 1 else []
        raise DataError(
            f"one step takes {needed:,} images ({' × '.join(times)}) and there are "
            f"{len(images):,}; try a smaller --batch"
        )
