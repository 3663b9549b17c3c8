"""The `.gscope` file: a recording that is written step by step and read step by step.

One SQLite file. While it is recorded a write-ahead log stands beside it, so that a killed run
keeps every step whose `TraceWriter.append` had returned, and others can read meanwhile; once
closed it is one plain file.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ganscope.errors import OutputError, TraceFileError, TraceFormatError
from ganscope.traces import database
from ganscope.traces.foreign import JSON, describe
from ganscope.traces.head import Head, State, read_head, write_head
from ganscope.traces.recorded import RecordedSteps
from ganscope.traces.rows import StepRows
from ganscope.traces.source import Source
from ganscope.traces.source_text import SourceText
from ganscope.traces.step import Optimizer, Step
from ganscope.traces.texts import pools
from ganscope.traces.trace import Failure, Finding, Meta, Network, Trace

_CLOSING_PATIENCE = 2.0
"""Seconds to wait for readers to look away, so that the log can be folded into the file."""


class TraceWriter:
    """Writes a recording.

    Args:
        path: Where to.
        meta: Under which circumstances it is taken; `close` gives the final one.
        force: Whether to replace a file that is there. It stays until the new one is ready.

    Raises:
        OutputError: It exists and `force` is not given, or it cannot be written.
    """

    def __init__(self, path: Path, meta: Meta, *, force: bool = False) -> None:
        self.path = Path(path)
        self._process = os.getpid()
        self._head = Head(meta, ())
        self._state = State(secrets.token_bytes(8))
        self._next = 0
        self._sources: list[SourceText] = []
        """Those that wait for the next step."""
        self._rows = StepRows()
        try:
            _check_place(self.path, force=force)
            self._connection: sqlite3.Connection | None = _begin(self.path, self._head, self._state)
        except (sqlite3.Error, OSError) as error:
            raise OutputError(f"{self.path} cannot be written: {_reason(error)}") from None

    def add_sources(self, sources: Sequence[SourceText]) -> None:
        """Keep texts of the code, together with the next step or the end of the recording."""
        self._sources += sources

    def append(self, step: Step, networks: Sequence[Network]) -> None:
        """Add `step`; when this returns, a process that is killed has kept it.

        Args:
            step: The step.
            networks: All networks seen so far.

        Raises:
            OutputError: It cannot be written (a full disk); the file is as it was before.
        """
        with self._transaction(f"step {step.index}") as connection:
            self._write(connection, [step], networks)

    def replace_last(self, count: int, steps: Sequence[Step], networks: Sequence[Network]) -> None:
        """Put `steps` where the last `count` steps are.

        Args:
            count: How many to replace, at most as many as there are.
            steps: What stands there then; any number.
            networks: All networks seen so far.

        Raises:
            OutputError: It cannot be written; the file is as it was before.
            ValueError: There are not so many steps.
        """
        if not 0 <= count <= self._next:
            raise ValueError(f"there are {self._next} steps, so {count} cannot be replaced")
        with self._transaction("the regrouped steps") as connection:
            start = self._next - count
            self._rows.remove_from(connection, start)
            self._state = replace(self._state, regrouped=self._state.regrouped + 1)
            connection.execute("UPDATE recording SET regrouped = ?", (self._state.regrouped,))
            self._next = start
            self._write(connection, steps, networks)

    def close(
        self,
        meta: Meta,
        networks: Sequence[Network],
        failure: Failure | None = None,
        findings: Sequence[Finding] = (),
        *,
        optimizers: Sequence[Optimizer] = (),
        sources: Sequence[SourceText] = (),
    ) -> None:
        """End the recording and leave one plain file; a second time it does nothing.

        Raises:
            OutputError: The end cannot be written; the steps before are kept.
        """
        if self._connection is None:
            return
        try:
            with self._transaction("the end of the recording") as connection:
                self._state = replace(self._state, closed=True, intervals=self._next)
                head = Head(
                    meta=meta,
                    networks=tuple(networks),
                    failure=failure,
                    findings=tuple(findings),
                    optimizers=tuple(optimizers),
                    sources=(*self._head.sources, *self._sources, *sources),
                )
                write_head(connection, head, self._state, self._rows.pools_on(connection))
            self._fold()
        finally:
            self._connection.close()
            self._connection = None

    def _write(
        self, connection: sqlite3.Connection, steps: Sequence[Step], networks: Sequence[Network]
    ) -> None:
        for step in steps:
            self._rows.add(connection, self._next, step)
            self._next += 1
        if tuple(networks) != self._head.networks or self._sources:
            sources = (*self._head.sources, *self._sources)
            self._head = replace(self._head, networks=tuple(networks), sources=sources)
            self._sources = []
            pools = self._rows.pools_on(connection)
            write_head(connection, self._head, self._state, pools)

    @contextmanager
    def _transaction(self, what: str) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        connection = self._connection
        if connection is None or os.getpid() != self._process:
            raise OutputError(
                f"{self.path} takes no {what}: it "
                + ("is closed" if connection is None else "is recorded by another process")
            )
        before = self._next, self._head, self._state
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            # Ctrl-C may also come just after all is written.
            if connection.in_transaction or isinstance(error, sqlite3.Error):
                self._next, self._head, self._state = before
                self._rows.forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error | ValueError):
                raise OutputError(
                    f"{self.path} cannot take {what}: {_reason(error)}; the "
                    f"{self._next} step(s) before are kept"
                ) from None
            raise

    def _fold(self) -> None:
        """Fold the log into the file; where readers never look away, it stays beside it."""
        assert self._connection is not None
        ends = time.monotonic() + _CLOSING_PATIENCE
        while time.monotonic() < ends:
            try:
                self._connection.execute("PRAGMA journal_mode=DELETE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise self._unfolded(error) from None
                time.sleep(0.01)
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise self._unfolded(error) from None

    def _unfolded(self, error: sqlite3.Error) -> OutputError:
        return OutputError(
            f"{self.path} is whole only together with the log {self.path.name}-wal beside it, "
            f"which cannot be folded in: {_reason(error)}"
        )


def open_trace(path: Path) -> Trace:
    """The recording at `path`; its steps are read when they are asked for.

    Raises:
        TraceFileError: It is no recording, is damaged or was recorded by a newer ganscope.
    """
    source = Source(Path(path))
    head = read_head(source)
    return Trace(
        meta=head.meta,
        networks=head.networks,
        steps=RecordedSteps(source),
        failure=head.failure,
        findings=head.findings,
        optimizers=head.optimizers,
        sources=head.sources,
    )


def read_trace(path: Path) -> Trace:
    """The trace in `path`, a recording or JSON, which its content tells.

    Raises:
        TraceFileError: It holds no trace, is damaged or was recorded by a newer ganscope.
    """
    try:
        return open_trace(path)
    except TraceFileError:
        if not path.is_file() or describe(path) != JSON:
            raise
    try:
        return Trace.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, TraceFormatError) as error:
        raise TraceFileError(f"{path} is JSON, but no trace: {error}") from None


def _check_place(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it, such as {path / 'run.gscope'}")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no ordinary file, which a recording must be; name another")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path} cannot be written: no permission in its folder")
    if path.exists() and not force:
        raise OutputError(
            f"{path} exists already; add -f (force=True) to overwrite it, or name another"
        )


def _begin(path: Path, head: Head, state: State) -> sqlite3.Connection:
    """A new recording at `path`; what was there before is there until the new one is ready."""
    real = path.resolve()  # through a link, so that the link stays one
    fresh = real.with_name(f".{real.name}.{state.token.hex()}")
    try:
        database.create(fresh, lambda connection: write_head(connection, head, state, pools()))
        if real.exists():
            fresh.chmod(stat.S_IMODE(real.stat().st_mode))
        # A log left by a recording that was killed: SQLite would read it into the new file.
        _remove_log(real)
        fresh.replace(real)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    try:
        return database.open_to_write(real)
    except BaseException:  # no room for the log: nothing is left of what cannot be written
        real.unlink(missing_ok=True)
        _remove_log(real)
        raise


def _remove_log(path: Path) -> None:
    for ending in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    text = str(error)
    return "the disk is full" if "full" in text else text
