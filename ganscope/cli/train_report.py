"""What is said at the end of a training run, and the picture of its losses."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ganscope.cli import output
from ganscope.cli.train_request import LOSSES
from ganscope.errors import GanscopeError, OutputError
from ganscope.files import write_whole
from ganscope.training import metrics
from ganscope.training.checkpoint import read_checkpoint
from ganscope.training.grids import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from ganscope.training.loop import Outcome
    from ganscope.training.metrics import Row
    from ganscope.training.session import Session
    from ganscope.training.settings import Settings


def report(session: Session, recording: Path | None, *, quiet: bool) -> None:
    """Tell what the run came to and where all of it is; draw its losses.

    Args:
        session: The run, ended.
        recording: The file that recorded it, if any.
        quiet: Whether nothing is said.
    """
    rows = metrics.read_rows(session.folder / metrics.FILE)
    wrote = draw_losses(session.folder, session.settings, rows)
    if not quiet:
        for line in _summary(session, rows):
            output.remark(line)
    grids = len(list((session.folder / SAMPLES).glob("*.png")))
    parts = [metrics.FILE, *wrote, *([f"{grids} grids in {SAMPLES}"] if grids else [])]
    output.remark(f"Wrote {session.folder}: {', '.join(parts)}", quiet=quiet)
    if recording is not None:
        output.remark(f"Wrote {recording}", quiet=quiet)


def draw_losses(folder: Path, settings: Settings, rows: list[Row]) -> list[str]:
    """Draw the losses of a run into its folder; returns the files."""
    from ganscope.views.losses import figure

    if not any(not row.bad for row in rows):
        return []
    title = f"{settings.model}, {settings.objective}"
    points = [(row.step, row.d_loss, row.g_loss) for row in rows]
    drawn = io.BytesIO()
    figure(points, title).savefig(drawn, format="png")
    try:
        write_whole(folder / LOSSES, (drawn.getvalue(),))
    except OSError:
        return []  # a full disk, of which the loop has told
    return [LOSSES]


def _summary(session: Session, rows: list[Row]) -> list[str]:
    settings, progress = session.settings, session.progress
    images = progress.step * settings.images_in_a_step
    speed = f" · {images / progress.seconds:,.0f} images/s" if progress.seconds > 0 else ""
    lines = [
        f"{settings.model} · {settings.objective} · {progress.step:,} of {session.total:,} steps · "
        f"{images:,} images in {progress.seconds:,.1f} s{speed}"
    ]
    last = rows[-session.feed.steps_per_epoch :]
    if last:
        unit = "" if session.training.objective.gives_probabilities else " (scores)"

        def mean(name: str) -> str:
            return f"{sum(getattr(row, name) for row in last) / len(last):.3f}"

        lines.append(
            f"mean of the last {len(last):,} steps: D loss {mean('d_loss')} · "
            f"G loss {mean('g_loss')} · D(x) {mean('d_real')} · D(G(z)) {mean('d_fake')}{unit}"
        )
    return lines


def raise_if_not_done(session: Session, outcome: Outcome, received: int | None) -> None:
    """Tell in one line what did not go as asked.

    Args:
        session: The run, ended.
        outcome: How it ended.
        received: The signal that ended it, if one did.

    Raises:
        GanscopeError: A figure is no number, and the run was to end there.
        OutputError: The last checkpoint could not be written.
    """
    if not session.processes.is_first:
        return
    step, folder = session.progress.step, session.folder
    if outcome.why == "nan":
        kept = read_checkpoint(folder)
        which = f"of step {kept.progress.step}" if kept else "none was written yet"
        raise GanscopeError(
            f"stopped: a figure of step {outcome.bad_step} is no number; the checkpoint in "
            f"'{folder}' is from before ({which})"
        )
    if outcome.why == "unsaved":
        raise OutputError(
            f"the checkpoint of step {step} could not be written into '{folder}'; the last good "
            "one stays there; make room and train --resume it"
        )
    if outcome.why == "stopped":
        name = "interrupted" if received == 2 else "terminated"
        output.remark(
            f"ganscope: {name} after step {step:,} of {session.total:,}; go on with "
            f"ganscope train --resume {folder}"
        )
