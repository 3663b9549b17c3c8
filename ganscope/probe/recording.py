"""A recording of a training loop: the recorder, and the file that it writes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
import weakref
from pathlib import Path
from types import TracebackType

from ganscope.errors import UsageError
from ganscope.probe.circumstances import meta
from ganscope.probe.observer import Observer
from ganscope.probe.recorder import Recorder
from ganscope.probe.selection import EVERY_STEP, Selection
from ganscope.traces import Meta, Trace
from ganscope.traces.file import TraceWriter, open_trace
from ganscope.traces.labelled import LabelledWriter


class Recording:
    """Watches everything that runs inside its ``with`` block, whoever wrote the loop.

    The loop is not changed by it: weights, losses, buffers and random state are bit for bit what
    they would be without. A fault of the recording's own, a full disk included, becomes a
    warning and a note; the loop goes on.

    Args:
        path: Where to write; None keeps it in a temporary file that goes when nothing refers to
            the recording or its trace any more.
        selection: Which steps to record; all until the block ends.
        samples: Whether to keep some real values of each tensor for the pictures.
        force: Whether to replace a file that is there.
        command: What takes the recording.
        seed: The seed that the loop was given, where that is known.
        manual: Whether steps end at `next_step` alone, from the first one on.

    Raises:
        OutputError: The file exists and `force` is not given, or it cannot be written.
        ObserverError: Another observer is at work.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        selection: Selection = EVERY_STEP,
        *,
        samples: bool = False,
        force: bool = False,
        command: str = "ganscope.record",
        seed: int | None = None,
        manual: bool = False,
    ) -> None:
        Observer.refuse_second()  # before a file is made that nobody would write to
        self._folder = _TemporaryFolder() if path is None else None
        self.path = Path(path) if path is not None else Path(self._temporary, "run.gscope")
        self._command, self._seed = command, seed
        self._writer = TraceWriter(self.path, meta(command, seed=seed), force=force)
        self._created: str | None = None
        self._recorder = Recorder(
            LabelledWriter(self._writer), selection, samples=samples, manual=manual
        )
        self._trace: Trace | None = None
        self._state = "new"

    def __enter__(self) -> Recording:
        if self._state != "new":
            raise UsageError("a recording runs once; call ganscope.record() again for another")
        self._recorder.start()
        self._state = "running"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._recorder.stop(error)
        except Exception as fault:
            self._recorder.note(fault)
        self._state = "ended"
        try:
            recorder = self._recorder
            self._writer.close(
                self._meta(),
                recorder.networks,
                recorder.failure,
                optimizers=recorder.optimizers,
            )
        except Exception as fault:
            self._recorder.lost = self._recorder.lost or f"the recording was not closed: {fault}"
        try:
            notes = () if self._recorder.is_complete else self._recorder.notes
        except Exception as fault:
            notes = (f"what was lost cannot be told: {fault}",)
        _warn(notes)

    @property
    def trace(self) -> Trace:
        """What was recorded so far; each step is read when it is asked for."""
        if self._trace is None or self._state == "running":
            trace = open_trace(self.path)
            if self._folder is not None:
                trace.steps.keep(self._folder)  # type: ignore[attr-defined]
            if self._state != "ended":
                return trace
            self._trace = trace
        return self._trace

    def next_step(self) -> None:
        """Say that a step ends here; once said, only this ends steps.

        Call it once in each turn of the loop, at its end or at its beginning. Every turn then has
        its number, also one in which nothing runs (a batch that is left out): such a step is
        counted and has no place in the recording. Before the first turn there is none to end.
        """
        if self._state == "running":
            self._recorder.next_step()

    @property
    def _temporary(self) -> str:
        assert self._folder is not None
        return self._folder.name

    def _meta(self) -> Meta:
        recorder = self._recorder
        return meta(
            self._command,
            device=recorder.device,
            seed=self._seed,
            notes=recorder.notes,
            complete=recorder.is_complete,
        )

    def __repr__(self) -> str:
        return f"<Recording {self._state}: {self.path.name}>"

    def _repr_html_(self) -> str | None:
        """The last step, as a notebook shows it."""
        return self.trace._repr_html_() if self._state == "ended" else None


class _TemporaryFolder:
    """A folder that goes with this object, without a word, in the process that made it alone."""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix="ganscope-")
        weakref.finalize(self, _remove, self.name, os.getpid())


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _warn(notes: tuple[str, ...]) -> None:
    """One warning of what was lost; never an exception into the user's loop."""
    if not notes:
        return
    text = "the recording is not complete: " + "; ".join(notes)
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    except Exception:  # warnings are errors here
        sys.stderr.write(f"ganscope: {text}\n")
