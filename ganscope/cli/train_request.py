"""What ``ganscope train`` is asked for, as the settings of a run; and where that run is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ganscope.cli import options
from ganscope.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    from ganscope.training.images import Images
    from ganscope.training.settings import Settings

EPOCHS = 200
"""The walkthrough's."""
SAMPLE_INTERVAL = 400

_WITH_RESUME = ("epochs", "steps", "force", "resume")
"""What may be said anew of a run that is gone on with."""


@dataclass(frozen=True, slots=True)
class Request:
    """The flags; see `train` for each. None and False stand for what was not given."""

    model: str | None
    arg: list[str] | None
    objective: str | None
    epochs: int | None
    steps: int | None
    batch: int | None
    data: str | None
    d_steps: int | None
    first: str | None
    learning_rate: float | None
    betas: str | None
    ema: bool
    seed: int | None
    threads: int | None
    amp: bool
    compile: bool
    sample_interval: int | None
    output: Path | None
    force: bool
    resume: Path | None

    def check(self) -> None:
        """Refuse what can be refused before anything heavy is loaded.

        Raises:
            UsageError: A number makes no sense, or flags contradict each other.
        """
        for flag, number, least in (
            ("epochs", self.epochs, 1),
            ("steps", self.steps, 1),
            ("sample-interval", self.sample_interval, 0),
        ):
            if number is not None and number < least:
                raise InputError(f"--{flag} {number}: give a number from {least} on")
        rate = self.learning_rate
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise InputError(f"--learning-rate {rate:g}: give a number above 0, such as 2e-4")
        options.read_batch(self.batch)
        options.read_d_steps(self.d_steps)
        options.read_first(self.first)
        options.read_arguments(self.arg)
        read_betas(self.betas)
        if self.seed is not None:
            options.read_seed(self.seed)
        if self.resume is not None:
            self._refuse_with_resume()

    def _refuse_with_resume(self) -> None:
        for each in fields(self):
            if each.name in _WITH_RESUME or getattr(self, each.name) in (None, False):
                continue
            flag = "-o" if each.name == "output" else "--" + each.name.replace("_", "-")
            raise UsageError(
                f"{flag} cannot be changed in a run that is gone on with; leave it out, or begin "
                "a new run without --resume"
            )

    def settings(self, images: Images, *, processes: int, threads: int) -> Settings:
        """The settings of a new run.

        Args:
            images: What it is trained on.
            processes: How many train together.
            threads: That one of them computes with.

        Raises:
            TargetError: There is no such objective.
        """
        from ganscope.training.feed import digest
        from ganscope.training.objectives import DEFAULT, find_objective
        from ganscope.training.settings import Settings

        objective = find_objective(self.objective or DEFAULT)
        d_steps = objective.d_steps if self.d_steps is None else self.d_steps
        batch = options.read_batch(self.batch)
        interval = self.sample_interval
        rate = self.learning_rate
        betas = read_betas(self.betas)
        return Settings(
            model=self.model or options.DEFAULT_MODEL,
            arguments=options.read_arguments(self.arg),
            objective=objective.name,
            data=self.data,
            images=len(images),
            digest=digest(images),
            batch=batch,
            processes=processes,
            epochs=self._epochs(len(images) // (batch * processes * d_steps)),
            steps=self.steps,
            d_steps=d_steps,
            generator_first=options.read_first(self.first),
            learning_rate=objective.learning_rate if rate is None else rate,
            betas=objective.betas if betas is None else betas,
            seed=self.seed or 0,
            sample_interval=SAMPLE_INTERVAL if interval is None else interval,
            threads=threads,
            amp=self.amp,
            compile=self.compile,
            ema=self.ema,
        )

    def lengthened(self, settings: Settings, steps_per_epoch: int) -> Settings:
        """The settings of a run that is gone on with, for as long as is asked for now."""
        from dataclasses import replace

        if self.epochs is None and self.steps is None:
            return settings
        return replace(settings, epochs=self._epochs(steps_per_epoch), steps=self.steps)

    def _epochs(self, steps_per_epoch: int) -> int:
        """Epochs, which are as many as the steps take where only those were given."""
        if self.epochs is not None:
            return self.epochs
        if self.steps is None:
            return EPOCHS
        return math.ceil(self.steps / max(1, steps_per_epoch))


def read_betas(text: str | None) -> tuple[float, float] | None:
    """Adam's two betas from ``0.5,0.999``.

    Raises:
        InputError: They are no two numbers from 0 up to 1.
    """
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        first = second = math.nan
    if not (0 <= first < 1 and 0 <= second < 1):
        raise InputError(f"--betas {text}: give two numbers from 0 up to 1, such as 0.5,0.999")
    return first, second


def new_folder(request: Request) -> Path:
    """The folder of a new run, made; with ``-f`` the run that was there is removed.

    Raises:
        OutputError: There is something already, or the folder cannot be made.
    """
    folder = request.output
    if folder is None:
        name = f"{request.model or options.DEFAULT_MODEL}-{datetime.now():%Y%m%d-%H%M%S}"
        folder, count = Path("runs") / name, 1
        while folder.exists():
            count += 1
            folder = Path("runs") / f"{name}-{count}"
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"-o {folder} is a file; a run is kept in a folder")
    try:
        if folder.is_dir() and any(folder.iterdir()):
            _clear(folder, force=request.force)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise OutputError(f"-o {folder} cannot be written: {error.strerror}") from None
    return folder


def _clear(folder: Path, *, force: bool) -> None:
    from ganscope.training import checkpoint, metrics, settings
    from ganscope.training.grids import SAMPLES

    if not settings.is_run(folder):
        raise OutputError(f"-o {folder} is a folder with other things in it; name another")
    if not force:
        raise OutputError(
            f"-o {folder} holds a run already; go on with it by --resume {folder}, add -f to "
            "replace it, or name another"
        )
    for grid in (folder / SAMPLES).glob("*.png"):
        grid.unlink()
    # run.json goes last: whatever is left of a run that is half removed can be removed again.
    for name in (checkpoint.FILE, metrics.FILE, LOSSES, settings.FILE):
        (folder / name).unlink(missing_ok=True)


LOSSES = "losses.png"
