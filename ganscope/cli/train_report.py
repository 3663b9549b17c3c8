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
from ganscope.views import style

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    parts = [metrics.FILE, *wrote]
    if grids:
        parts.append(f"{style.count_of(grids, 'grid')} in {SAMPLES}")
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


def _summary(session: Session, rows: list[Row]) -> Iterator[str]:
    settings, progress = session.settings, session.progress
    images = progress.step * settings.images_in_a_step
    speed = f" · {images / progress.seconds:,.0f} images/s" if progress.seconds > 0 else ""
    yield (
        f"{settings.model} · {settings.objective} · "
        f"{progress.step:,} of {style.count_of(session.total, 'step')} · "
        f"{style.count_of(images, 'image')} in {progress.seconds:,.1f} s{speed}"
    )
    last = rows[-session.feed.steps_per_epoch :]
    good = [row for row in last if not row.bad]
    if good:
        of = style.count_of(len(last), "step") if len(last) > 1 else "step"
        which = f"the last {of}" if good == last else f"{len(good):,} of the last {of}"
        unit = "" if session.training.objective.gives_probabilities else " (scores)"
        yield f"mean of {which}: {_means(good)}{unit}"
    bad = [row.step for row in rows if row.bad]
    if bad:
        yield (
            f"no numbers (NaN or infinite) in {len(bad):,} of {style.count_of(len(rows), 'step')}, "
            f"first in step {bad[0]:,}"
        )


def _means(rows: list[Row]) -> str:
    names = {"d_loss": "D loss", "g_loss": "G loss", "d_real": "D(x)", "d_fake": "D(G(z))"}
    means = {
        words: sum(getattr(row, name) for row in rows) / len(rows) for name, words in names.items()
    }
    return " · ".join(f"{words} {mean:z.3f}" for words, mean in means.items())


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
        way_back = (
            f"the checkpoint in '{folder}' is from before, of step {kept.progress.step:,}"
            if kept is not None
            else "no checkpoint was written before; begin anew, as with a smaller --learning-rate"
        )
        raise GanscopeError(f"stopped at {outcome.fault}; {way_back}")
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
