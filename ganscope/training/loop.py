"""The training loop: steps, figures, sample grids and checkpoints, until it is done or stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import torch
from torch import Tensor

from ganscope.training import checkpoint as checkpoints
from ganscope.training import metrics
from ganscope.training.checkpoint import Progress
from ganscope.training.faults import fault
from ganscope.training.grids import GRID, SAMPLES, evaluating, write_grid
from ganscope.training.metrics import MetricsFile, Row
from ganscope.training.session import Session
from ganscope.training.state import take
from ganscope.training.step import Figures, train_step

_BUNDLE = 10
"""Steps whose figures are fetched from a GPU, or agreed on between processes, at once."""


class Watcher:
    """Is told how a run goes; does nothing by itself."""

    def row(self, row: Row) -> None:
        """A step's figures are there."""

    def step_ended(self) -> None:
        """A step has ended."""

    def said(self, text: str) -> None:
        """Something is worth a sentence."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        why: ``done``, ``stopped`` by a signal, ``nan`` or ``unsaved``: its last checkpoint could
            not be written.
        bad_step: The first step with a figure that is no number; None without one.
        fault: What of it is none, and which network was the first; empty without one.
    """

    why: str
    bad_step: int | None
    fault: str = ""


def run(session: Session, watcher: Watcher, wants_to_stop: Callable[[], bool]) -> Outcome:
    """Train until the run is done, or until it is to stop.

    The checkpoint is replaced at the end of each epoch and at the end of the run, whatever ends
    it but a figure that is no number. Files are written by the first process alone; one that
    cannot be written is said once and tried again later.

    Args:
        session: The run; its `progress` is moved on.
        watcher: Is told how it goes.
        wants_to_stop: Asked after each step.
    """
    return _Loop(session, watcher).run(wants_to_stop)


class _Loop:
    def __init__(self, session: Session, watcher: Watcher) -> None:
        self._session, self._watcher = session, watcher
        self._writes = session.processes.is_first
        self._figures: list[Figures] = []
        self._values: list[Tensor] = []
        self._places: list[tuple[int, int, int, float]] = []
        self._began = session.progress.step
        self._bad: int | None = None
        self._fault = ""
        self._unwritten: set[str] = set()
        self._undrawn = False
        self._fixed = session.feed.samples(GRID)
        path = session.folder / metrics.FILE
        self._metrics = MetricsFile(path, session.progress.metrics_bytes) if self._writes else None
        at_once = session.processes.count == 1 and (
            session.stop_on_nan or session.feed.samples(1).device.type == "cpu"
        )
        self._bundle = 1 if at_once else _BUNDLE

    def run(self, wants_to_stop: Callable[[], bool]) -> Outcome:
        session = self._session
        start = perf_counter() - session.progress.seconds
        stop = False
        if session.progress.step == 0:
            self._sample()
        while session.progress.step < session.total and not stop:
            at = session.progress
            session.feed.seed_networks(at.step)
            given = session.feed.step(at.step, at.epoch, at.batch)
            figures = train_step(session.training, *given)
            if session.average is not None:
                session.average.update(session.gan.generator, at.step + 1)
            self._figures.append(figures)
            self._values.append(figures.all)
            self._places.append((at.step, at.epoch, at.batch, perf_counter() - start))
            self._watcher.step_ended()
            stop = self._move_on(at, wants_to_stop, perf_counter() - start)
        stop = self._fetch(stop) or stop
        if self._is_over(stop):
            return Outcome("nan", self._bad, self._fault)
        if session.progress.step >= session.total:
            self._sample()
        saved = self._save()
        why = "done" if session.progress.step >= session.total else "stopped"
        return Outcome(why if saved else "unsaved", self._bad, self._fault)

    def _move_on(self, at: Progress, wants_to_stop: Callable[[], bool], seconds: float) -> bool:
        """Count the step, and do what is due behind it; returns whether to stop."""
        session, step, batch = self._session, at.step + 1, at.batch + 1
        ends = batch == session.feed.steps_per_epoch
        epoch, batch = (at.epoch + 1, 0) if ends else (at.epoch, batch)
        session.progress = replace(at, step=step, epoch=epoch, batch=batch, seconds=seconds)
        stop = False
        if len(self._figures) >= self._bundle or ends:
            stop = self._fetch(wants_to_stop())
        if self._is_over(stop):
            return True
        interval = session.settings.sample_interval
        if interval and step % interval == 0 and step < session.total:
            self._sample()
        if ends and step < session.total and not stop:
            self._save()
        return stop

    def _is_over(self, stop: bool) -> bool:
        """Whether it stops at a figure that is no number."""
        return stop and self._bad is not None and self._session.stop_on_nan

    def _fetch(self, stop: bool) -> bool:
        """Fetch the figures of the last steps; returns whether any process is to stop."""
        session = self._session
        if not self._figures:
            return stop
        values = torch.stack(self._values)  # (n, 4)
        wish = torch.full((1, 4), float(stop), device=values.device)
        means = session.processes.mean(torch.cat([values, wish])).tolist()
        rows = [
            Row(step, epoch, batch, d_loss, g_loss, d_real, d_fake, seconds)
            for (step, epoch, batch, seconds), (g_loss, d_loss, d_real, d_fake) in zip(
                self._places, means[:-1], strict=True
            )
        ]
        for row, figures in zip(rows, self._figures, strict=True):
            self._watcher.row(row)
            if self._bad is None and row.bad:
                self._note(row, figures)
        self._figures.clear()
        self._values.clear()
        self._places.clear()
        if self._metrics is not None:
            table = self._metrics
            self._try(metrics.FILE, lambda: table.add(rows))
        return means[-1][0] > 0 or (self._bad is not None and session.stop_on_nan)

    def _note(self, row: Row, figures: Figures) -> None:
        """Keep what the first figure that is no number is of; said here where the run goes on."""
        self._bad, self._fault = row.step, fault(row, figures, self._began)
        if not self._session.stop_on_nan:
            self._watcher.said(
                f"{self._fault}; the run goes on and says no more of it; --stop-on-nan would end it"
            )

    def _sample(self) -> None:
        """Write the grid of the fixed noise, of the average beside it where there is one."""
        session = self._session
        if not self._writes or not session.settings.sample_interval:
            return
        name = f"{session.progress.step:06d}"
        generator = session.gan.generator  # a recording calls it what it is called here
        with evaluating(generator):
            images = generator(self._fixed)  # (25, 100) → (25, C, H, W)
        self._write_grid(name, images)
        if session.average is not None:
            averaged_generator = session.average.network
            with evaluating(averaged_generator):
                images = averaged_generator(self._fixed)
            self._write_grid(f"{name}-averaged", images)

    def _write_grid(self, name: str, images: Tensor) -> None:
        if not bool(images.isfinite().all()):  # they would be drawn black, as if they were images
            if not self._undrawn:
                step = self._session.progress.step
                self._watcher.said(
                    f"no grid of samples is drawn at step {step}: the generator's images are no "
                    "numbers"
                )
            self._undrawn = True
            return
        path = self._session.folder / SAMPLES / f"{name}.png"
        self._try(SAMPLES, partial(write_grid, path, images.float().cpu()))

    def _save(self) -> bool:
        """Replace the checkpoint; returns whether that went well."""
        session = self._session
        if not self._writes:
            return True
        size = 0 if self._metrics is None else self._metrics.sync()
        session.progress = replace(session.progress, metrics_bytes=size)
        kept = take(session.gan, session.training, session.average, session.progress)
        return self._try(
            checkpoints.FILE, lambda: checkpoints.write_checkpoint(session.folder, kept)
        )

    def _try(self, what: str, write: Callable[[], object]) -> bool:
        try:
            write()
        except OSError as error:
            if what not in self._unwritten:
                self._unwritten.add(what)
                reason = error.strerror or str(error)
                kept = "; the last one stays" if what == checkpoints.FILE else ""
                self._watcher.said(
                    f"{self._session.folder / what} cannot be written at step "
                    f"{self._session.progress.step}: {reason}{kept}; the run goes on"
                )
            return False
        self._unwritten.discard(what)
        return True
