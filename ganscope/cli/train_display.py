"""How a training run shows that it goes on: a bar, or the walkthrough's lines."""

from __future__ import annotations

import sys
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from ganscope.cli.output import remark
from ganscope.errors import UsageError, nearest

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress
    from rich.text import Text

    from ganscope.training.metrics import Row
    from ganscope.training.session import Session

WAYS = ("bar", "lines")
_REFRESH = 0.1
"""Seconds between two looks of the bar."""
_RECENT = 50
"""Steps over which the speed is told."""


class Display:
    """Shows nothing, but says what must be said."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    def begin(self, session: Session) -> None:
        """A run begins, or goes on."""

    def row(self, row: Row) -> None:
        """A step has ended with these figures."""

    def say(self, text: str) -> None:
        """A sentence beside it, whatever was asked to be left out."""
        remark(f"ganscope: {text}")

    def end(self) -> None:
        """Nothing more comes."""


class Lines(Display):
    """The walkthrough's line for every step, on standard output."""

    def begin(self, session: Session) -> None:
        """Keep what stands in every line."""
        self._epochs = session.settings.epochs
        self._batches = session.feed.steps_per_epoch

    def row(self, row: Row) -> None:
        """``[Epoch e/E] [Batch b/B] [D loss: …] [G loss: …]``."""
        sys.stdout.write(
            f"[Epoch {row.epoch}/{self._epochs}] [Batch {row.batch}/{self._batches}] "
            f"[D loss: {row.d_loss:f}] [G loss: {row.g_loss:f}]\n"
        )

    def end(self) -> None:
        """Bring out what is still held."""
        sys.stdout.flush()


class Bar(Display):
    """A bar with the figures below it, on standard error."""

    def begin(self, session: Session) -> None:
        """Draw it for the first time."""
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn

        settings = session.settings
        self._images = settings.images_in_a_step
        self._epochs, self._total = settings.epochs, session.total
        self._unit = "" if session.training.objective.gives_probabilities else " (scores)"
        self._times: deque[float] = deque(maxlen=_RECENT)
        self._drawn = 0.0
        console = Console(stderr=True, highlight=False)
        self._bar: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}", style="dim"),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task(
            "epoch", total=self._total, completed=session.progress.step, speed=""
        )
        self._live: Live = Live(
            self._bar, console=console, auto_refresh=False, redirect_stdout=False,
            redirect_stderr=False,
        )  # fmt: skip
        self._live.start()

    def row(self, row: Row) -> None:
        """Move on; drawn ten times a second at most."""
        now = perf_counter()
        self._times.append(row.seconds)
        if now - self._drawn < _REFRESH and row.step + 1 < self._total:
            return
        from rich.console import Group

        self._drawn = now
        self._bar.update(
            self._task,
            completed=row.step + 1,
            description=f"epoch {row.epoch + 1}/{self._epochs}",
            speed=self._speed(self._total - row.step - 1),
        )
        self._live.update(Group(self._bar, self._figures(row)), refresh=True)

    def say(self, text: str) -> None:
        """Above the bar."""
        self._live.console.print(f"ganscope: {text}", soft_wrap=True, markup=False)

    def end(self) -> None:
        """Leave it as it stands."""
        if hasattr(self, "_live"):
            self._live.stop()
            if not self._live.console.is_terminal:  # there it ends the line by itself
                self._live.console.line()

    def _speed(self, left: int) -> str:
        if len(self._times) < 2:
            return ""
        each = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        seconds = max(0, round(each * left))
        minutes, hours = seconds // 60, seconds // 3600
        clock = f"{minutes % 60:02d}:{seconds % 60:02d}"
        clock = f"{hours}:{clock}" if hours else clock.removeprefix("0")
        speed = self._images / each if each > 0 else 0.0
        return f"{speed:,.0f} images/s · {clock} left"

    def _figures(self, row: Row) -> Text:
        from rich.text import Text

        text = (
            f"D loss {row.d_loss:z.3f} · G loss {row.g_loss:z.3f} · "
            f"D(x) {row.d_real:z.3f} · D(G(z)) {row.d_fake:z.3f}{self._unit}"
        )
        return Text(text, no_wrap=True, overflow="ellipsis")


def choose(way: str | None, *, quiet: bool) -> Display:
    """The display that was asked for, or the one that suits where the output goes.

    Raises:
        UsageError: There is no such way.
    """
    if way is not None and way not in WAYS:
        raise UsageError(f"--log {way} is not known; there are bar and lines{nearest(way, WAYS)}")
    if quiet:
        return Display(quiet=True)
    if way == "bar" or (way is None and sys.stderr.isatty()):
        return Bar()
    return Lines()
