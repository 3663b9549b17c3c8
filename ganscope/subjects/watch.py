"""A program under the recorder: from its import of torch to the last step that is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganscope.subjects.torch_import import Waiting
from ganscope.subjects.warning_places import WarningPlaces

if TYPE_CHECKING:
    from ganscope.probe.labels import Sink
    from ganscope.probe.recorder import Recorder
    from ganscope.probe.selection import Selection
    from ganscope.traces import Failure, Interval, Network, Trace
    from ganscope.traces.file import TraceWriter


class Stopped(BaseException):
    """Raised in a program where it is to end; no Exception, so that few handlers swallow it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be recorded, and where to.

    Attributes:
        path: The file.
        selection: Which steps.
        samples: Whether real values are kept for the pictures.
        force: Whether a file that is there is replaced.
        stop: Whether the program ends with the last recorded step.
        command: The command line.
    """

    path: Path
    selection: Selection
    samples: bool = False
    force: bool = False
    stop: bool = False
    command: str = "ganscope run"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it, as far as it is known when it is told.

    Attributes:
        trace: What was recorded; None where nothing was.
        is_full: Whether every wanted step was seen. The program goes on, if it is not stopped.
        error: What ended the program, if something did.
        failure: The failure behind it, as the recorder saw it.
        torch: Whether torch was imported at all.
        ended: How many training steps have ended, recorded or not.
        elsewhere: How many calls ran on other threads, where they are not seen.
        networks: Names of the networks that were called.
        lost: What went wrong in the recording, one sentence each.
    """

    trace: Trace | None
    is_full: bool
    error: BaseException | None = None
    failure: Failure | None = None
    torch: bool = True
    ended: int = 0
    elsewhere: int = 0
    networks: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class Watch:
    """Watches the program that runs in this process.

    Args:
        wanted: What to record.
        tell: Told once of what was seen: where the last wanted step has ended, or at the end.
    """

    def __init__(self, wanted: Wanted, tell: Callable[[Seen], None]) -> None:
        self.has_stopped = False
        """Whether the program was told to end."""
        self._wanted, self._tell = wanted, tell
        self._process = os.getpid()
        self._waiting, self._places = Waiting(self._start), WarningPlaces()
        self._recorder: Recorder | None = None
        self._writer: TraceWriter | None = None
        self._faults: list[str] = []
        self._reported = 0
        self._told = self._torch = False

    @property
    def is_here(self) -> bool:
        """Whether this is the process that is watched, not one forked from it."""
        return os.getpid() == self._process

    def begin(self) -> None:
        """Watch from the program's import of torch on."""
        self._waiting.begin()

    def end(self, error: BaseException | None) -> None:
        """The program has ended, by `error` where something was raised."""
        if not self.is_here:
            return
        self._waiting.end()
        if not self._told:
            self._finish(error)

    def _start(self) -> None:
        self._torch = True
        try:
            self._attach()
        except Exception as fault:
            self._fault("nothing is recorded", fault)

    def _attach(self) -> None:
        from ganscope.probe.recorder import Recorder

        wanted = self._wanted
        recorder = Recorder(
            self._sink(), wanted.selection, samples=wanted.samples, on_full=self._full
        )
        recorder.start()
        self._recorder = recorder
        self._places.start()

    def _sink(self) -> Sink:
        """The file; where there can be none, steps are counted all the same: a stop is a stop."""
        from ganscope.probe.circumstances import meta
        from ganscope.traces.file import TraceWriter
        from ganscope.traces.labelled import LabelledWriter

        wanted = self._wanted
        try:
            self._writer = TraceWriter(wanted.path, meta(wanted.command), force=wanted.force)
        except Exception as fault:
            self._fault("nothing is recorded", fault)
            return _Nowhere()
        return LabelledWriter(self._writer)

    def _full(self) -> None:
        """The last wanted step has ended; the program stands there."""
        if not self.is_here or self._told:
            return
        self._finish(None, is_full=True)
        if self._wanted.stop:
            self.has_stopped = True
            raise Stopped

    def _finish(self, error: BaseException | None, *, is_full: bool = False) -> None:
        self._told = True
        self._places.end()
        try:
            seen = self._close(error, is_full=is_full)
        except Exception as fault:
            self._fault("the recording was not ended", fault)
            seen = Seen(None, is_full, error, torch=self._torch, lost=tuple(self._faults))
        self._reported = len(self._faults)
        try:
            self._tell(seen)
        except Exception as fault:  # the program's own output and exit code come first
            self._fault("the report failed", fault)

    def _close(self, error: BaseException | None, *, is_full: bool) -> Seen:
        recorder = self._recorder
        if recorder is None:
            return Seen(None, is_full, error, torch=self._torch, lost=tuple(self._faults))
        try:
            recorder.stop(None if isinstance(error, SystemExit | Stopped) else error)
        except Exception as fault:
            recorder.note(fault)
        trace = None if self._writer is None else self._written(recorder, self._writer)
        lost = [] if recorder.is_complete else list(recorder.notes)
        return Seen(
            trace,
            is_full,
            error,
            None if trace is None else recorder.failure,
            self._torch,
            recorder.ended,
            recorder.elsewhere,
            tuple(each.name for each in recorder.networks),
            (*lost, *self._faults),
        )

    def _written(self, recorder: Recorder, writer: TraceWriter) -> Trace | None:
        """What the file holds; None where that is nothing, and then there is no file."""
        from ganscope.traces.file import open_trace

        closed = False
        try:
            self._close_file(recorder, writer)
            closed = True
        except Exception as fault:
            self._fault("the recording was not closed", fault)
        try:
            trace = open_trace(self._wanted.path.absolute())
            if not _is_empty(trace):
                return trace
            self._wanted.path.unlink()
        except Exception as fault:
            if closed:
                self._fault("the recording cannot be read", fault)
        return None

    def _close_file(self, recorder: Recorder, writer: TraceWriter) -> None:
        from ganscope.probe.circumstances import meta

        last = meta(
            self._wanted.command,
            device=recorder.device,
            notes=recorder.notes,
            complete=recorder.is_complete,
        )
        writer.close(last, recorder.networks, recorder.failure, optimizers=recorder.optimizers)

    def _fault(self, what: str, fault: Exception) -> None:
        text = " ".join(str(fault).split())
        self._faults.append(f"{what}: {text or type(fault).__name__}")

    @property
    def faults(self) -> tuple[str, ...]:
        """What went wrong in ganscope itself and has not been told, one sentence each."""
        return tuple(self._faults[self._reported :])


class _Nowhere:
    """Takes intervals for which there is no file."""

    def append(self, interval: Interval, step: int, networks: Sequence[Network]) -> None:
        """Keep nothing."""

    def label(self, steps: Mapping[int, int | None], networks: Sequence[Network]) -> None:
        """Keep nothing."""

    def end(self, networks: Sequence[Network]) -> None:
        """Keep nothing."""

    def settle(self) -> None:
        """Keep nothing."""


def _is_empty(trace: Trace) -> bool:
    """Whether it holds nothing, or only the failure of a program that had not begun to train."""
    if len(trace.steps) > 1:
        return False
    return not any(step.calls or step.updates for step in trace.steps)
