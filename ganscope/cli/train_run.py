"""One training run from its request to its folder."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ganscope.cli import options
from ganscope.cli.train_display import Display
from ganscope.cli.train_report import raise_if_not_done, report
from ganscope.cli.train_request import Request, new_folder
from ganscope.cli.train_resume import is_at_its_end, keep_end, resumed
from ganscope.errors import OutputError
from ganscope.training.data import load_images
from ganscope.training.interrupts import Interrupts
from ganscope.training.loop import Outcome, Watcher, run
from ganscope.training.opening import open_session
from ganscope.training.processes import joined, own_device, processes_here
from ganscope.training.requirements import require_steps
from ganscope.training.session import Place, Session
from ganscope.training.settings import Settings, write_settings
from ganscope.version import VERSION

if TYPE_CHECKING:
    from ganscope.probe.recording import Recording
    from ganscope.training.images import Images
    from ganscope.training.metrics import Row
    from ganscope.training.processes import Processes


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is run, which changes nothing of what it comes to.

    Attributes:
        device: What it computes on.
        recording: The file that records it, if any.
        every: Which steps are recorded.
        keep_samples: Whether the recording keeps real values for the pictures.
        stop_on_nan: Whether it ends at the first loss that is no number.
        force: Whether a recording that is there is replaced.
        command: The command line.
        quiet: Whether only what went wrong is said.
    """

    device: torch.device
    recording: Path | None
    every: int
    keep_samples: bool
    stop_on_nan: bool
    force: bool
    command: str
    quiet: bool


def execute(request: Request, manner: Manner, display: Display) -> int | None:
    """Train as requested; returns the signal that ended it early, if one did.

    Raises:
        GanscopeError: It cannot be done, or what it came to could not be kept.
    """
    processes = processes_here()
    device = own_device(manner.device)
    if not processes.is_first:
        display = Display(quiet=True)
    with joined(processes, device), Interrupts(patient=processes.count > 1) as interrupts:
        session = _open(request, manner, processes, device)
        if session is None:
            return None
        outcome = _train(session, manner, display, interrupts)
    if processes.is_first:
        report(session, manner.recording, quiet=display.quiet)
    raise_if_not_done(session, outcome, interrupts.received)
    return interrupts.received if outcome.why == "stopped" else None


def _open(
    request: Request, manner: Manner, processes: Processes, device: torch.device
) -> Session | None:
    """The run in memory, its folder ready; None where it is at its end already."""
    folder = request.resume
    if folder is not None:
        settings, images = resumed(request, folder, processes)
        if is_at_its_end(request, folder, settings, processes, quiet=manner.quiet):
            return None
    else:
        settings, images = _new(request, processes)
        folder = new_folder(request) if processes.is_first else Path()
        if processes.is_first:
            _begin(folder, settings, manner.command)
    place = Place(folder, device, processes, manner.stop_on_nan)
    session = open_session(settings, images, place, resume=request.resume is not None)
    if request.resume is not None and processes.is_first:
        keep_end(folder, settings)
    processes.wait()
    return session


def _new(request: Request, processes: Processes) -> tuple[Settings, Images]:
    """Settings and images of a new run; a wrong argument is refused before a folder is made."""
    from ganscope import zoo
    from ganscope.training.objectives import DEFAULT, find_objective
    from ganscope.training.requirements import require_batch_norm

    find_objective(request.objective or DEFAULT)
    name, arguments = request.model or options.DEFAULT_MODEL, options.read_arguments(request.arg)
    gan = zoo.build(name, **arguments)
    require_batch_norm(gan, options.read_batch(request.batch))
    options.set_threads(request.threads, built_in=True)
    images = load_images(request.data, gan.image_shape)
    settings = request.settings(images, processes=processes.count, threads=torch.get_num_threads())
    require_steps(settings, images)
    return settings, images


def _begin(folder: Path, settings: Settings, command: str) -> None:
    about = {
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "ganscope": VERSION,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
    try:
        write_settings(folder, settings, about)
    except OSError as error:
        raise OutputError(f"-o {folder} cannot be written: {error.strerror}") from None


class _Shown(Watcher):
    """Passes on what happens to the display and the recording."""

    def __init__(self, display: Display, recording: Recording | None) -> None:
        self._display, self._recording = display, recording

    def row(self, row: Row) -> None:
        """Show the figures of a step."""
        self._display.row(row)

    def step_ended(self) -> None:
        """End the step in the recording too."""
        if self._recording is not None:
            self._recording.next_step()

    def said(self, text: str) -> None:
        """Show a sentence beside the figures."""
        self._display.say(text)


def _train(session: Session, manner: Manner, display: Display, interrupts: Interrupts) -> Outcome:
    from ganscope.probe.recording import Recording
    from ganscope.probe.selection import Selection

    recording = None
    if manner.recording is not None:
        recording = Recording(
            manner.recording,
            Selection(every=manner.every),
            samples=manner.keep_samples,
            force=manner.force,
            command=manner.command,
            seed=session.settings.seed,
            manual=True,
        )
    display.begin(session)
    try:
        with recording or contextlib.nullcontext():
            return run(session, _Shown(display, recording), lambda: interrupts.received is not None)
    finally:
        display.end()
