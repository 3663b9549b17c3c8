"""A run that is gone on with: from when it was kept, to the end that is asked for now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganscope.cli import options, output
from ganscope.cli.train_report import draw_losses
from ganscope.cli.train_request import LOSSES
from ganscope.errors import InputError, OutputError
from ganscope.training import metrics
from ganscope.training.checkpoint import read_progress
from ganscope.training.data import load_images
from ganscope.training.requirements import require_same
from ganscope.training.runs import open_run, untrained
from ganscope.training.settings import Settings, change_settings, read_settings

if TYPE_CHECKING:
    from ganscope.cli.train_request import Request
    from ganscope.training.images import Images
    from ganscope.training.processes import Processes


def resumed(request: Request, folder: Path, processes: Processes) -> tuple[Settings, Images]:
    """The settings of a run, its end as it is asked for now, and its images.

    Raises:
        GanscopeError: It cannot be gone on with under these conditions.
    """
    settings = read_settings(folder)
    options.set_threads(settings.threads, built_in=True)
    images = load_images(settings.data, untrained(settings, folder).image_shape)
    require_same(settings, images, processes, folder)
    return request.lengthened(settings, len(images) // settings.images_in_a_step), images


def is_at_its_end(
    request: Request, folder: Path, settings: Settings, processes: Processes, *, quiet: bool
) -> bool:
    """Whether nothing is left to train; it is said, and nothing of the run changes.

    Raises:
        InputError: It has come further than to the end that is asked for.
        RunError: Its checkpoint is damaged.
    """
    done = read_progress(folder).step
    total = settings.total(settings.images // settings.images_in_a_step)
    if done < total:
        return False
    open_run(folder)  # what cannot be opened is no run at its end
    further = f"--steps {2 * done} trains it on"
    if done > total:
        asked = [
            f"--{name} {number}"
            for name, number in (("epochs", request.epochs), ("steps", request.steps))
            if number is not None
        ]
        raise InputError(
            f"{' '.join(asked)}: '{folder}' is at step {done:,} already, beyond the {total:,} "
            f"asked for; ask for more, as {further}, or begin a new run with -o"
        )
    output.remark(
        f"ganscope: '{folder}' is at step {done:,} of {total:,} already, so there is nothing to "
        f"do; {further}",
        quiet=quiet or not processes.is_first,
    )
    table = folder / metrics.FILE
    if processes.is_first and table.exists() and not (folder / LOSSES).exists():
        # The run was killed before this was drawn.
        draw_losses(folder, settings, metrics.read_rows(table))
    return True


def keep_end(folder: Path, settings: Settings) -> None:
    """Keep in ``run.json`` the end that was asked for now, for the next time it is gone on with.

    Raises:
        OutputError: It cannot be written.
    """
    if settings == read_settings(folder):
        return
    try:
        change_settings(folder, settings)
    except OSError as error:
        raise OutputError(f"--resume {folder} cannot be written: {error.strerror}") from None
