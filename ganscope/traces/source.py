"""A recording as a reader finds it: opened with care, and every fault of it told in one line."""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganscope.errors import TraceFileError, TraceFormatError, nearest
from ganscope.traces import database
from ganscope.traces.foreign import describe

_FAULTS = (
    sqlite3.Error,
    struct.error,
    ValueError,  # among them what cannot be decoded: text, JSON, numbers
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,  # a recursion too deep, an iterator that ends too early
    MemoryError,
    TraceFormatError,
)
"""What reading damaged bytes may end in."""


class Source:
    """A file that is opened for one look at a time while it may still change.

    A recording that is being written is let go of after every look, so that its writer can end
    it in order. One that is closed never changes again and is kept open.

    Args:
        path: The file.

    Raises:
        TraceFileError: It is no recording, is damaged or was recorded by a newer ganscope.
    """

    def __init__(self, path: Path) -> None:
        self.name = path
        """As it was given, for messages."""
        self.path = path.absolute()
        self.token: bytes | None = None
        """Which recording this is; another may take its place on disk."""
        self.owner: object = None
        """Kept alive with this: a temporary folder that holds the file."""
        self._kept: sqlite3.Connection | None = None

    @contextmanager
    def look(self, what: str = "") -> Iterator[sqlite3.Connection]:
        """A connection for one look, in which all that is read is of one moment.

        Args:
            what: What is read, for the message: ``step 7``.

        Raises:
            TraceFileError: What is found, there or while reading on, is not what it should be.
        """
        try:
            connection = self._kept or self._open()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if connection is not self._kept:
                    connection.close()
        except OSError as error:
            raise self.refuse(f"cannot be read: {error.strerror or error}") from None
        except _FAULTS as error:
            raise self._damaged(what, error) from None

    def refuse(self, text: str) -> TraceFileError:
        """An error about this file."""
        return TraceFileError(f"{self.name} {text}")

    def _damaged(self, what: str, error: BaseException) -> TraceFileError:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        if isinstance(error, sqlite3.OperationalError) and "locked" in detail:
            return self.refuse("is locked by another program; try again")
        if what:
            return self.refuse(
                f"is damaged in {what} ({detail}); other steps may be whole, or record anew"
            )
        return self.refuse(
            f"is damaged ({detail}); copy it again, with the log {self.path.name}-wal where there "
            "is one beside it, or record anew"
        )

    def _open(self) -> sqlite3.Connection:
        self._require_file()
        log = self.path.with_name(self.path.name + "-wal")
        logged = log.exists()
        try:
            # Without a log nobody writes: nothing need be locked, nothing is made beside the file.
            return self._connect(immutable=not logged)
        except sqlite3.DatabaseError as error:
            if not (logged and _is_unopened(error)):
                raise self._unopened(error) from None
        if _size(log) == 0:  # a log that was folded in, in a folder that cannot be written
            return self._connect(immutable=True)
        raise self.refuse(
            f"was not closed, and the log {log.name} beside it can only be read where its folder "
            "can be written; copy both to a folder of yours"
        )

    def _connect(self, *, immutable: bool) -> sqlite3.Connection:
        connection = database.open_to_read(self.path, immutable=immutable)
        try:
            self._require_recording(connection)
            closed, token = self._identity(connection)
            if self.token not in (None, token):
                raise self.refuse("has been replaced by another recording; open it again")
        except BaseException:
            connection.close()
            raise
        self.token = token
        if closed and immutable:
            self._kept = connection
            weakref.finalize(self, connection.close)
        return connection

    def _require_file(self) -> None:
        try:
            kind = self.path.stat().st_mode
        except FileNotFoundError:
            near = [entry.name for entry in self.path.parent.glob("*.gscope")]
            raise self.refuse(f"is not there{nearest(self.path.name, near)}") from None
        if stat.S_ISDIR(kind):
            raise self.refuse("is a folder; name a recording in it")
        if not stat.S_ISREG(kind):
            raise self.refuse("is no ordinary file; name a recording")
        if not os.access(self.path, os.R_OK):
            raise self.refuse("cannot be read: no permission")

    def _require_recording(self, connection: sqlite3.Connection) -> None:
        (identity,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if identity != database.APPLICATION_ID:
            raise self.refuse(f"is no recording of ganscope: it is {describe(self.path)}")
        if version > database.VERSION:
            raise self.refuse(
                f"was recorded by a newer ganscope (its tables are of version {version}, this one "
                f"reads up to {database.VERSION}); upgrade ganscope"
            )
        if version < 1:
            raise self.refuse(f"is damaged (version {version}); copy it again, or record anew")
        name = database.stranger(connection)
        if name is not None:
            raise self.refuse(
                f"is not as ganscope made it: '{_printable(name)}' in it was added, changed or "
                "lost, so it is not read"
            )

    def _identity(self, connection: sqlite3.Connection) -> tuple[bool, bytes]:
        row = connection.execute("SELECT closed, token FROM recording").fetchone()
        if row is None or row[0] not in (0, 1) or not isinstance(row[1], bytes):
            raise self.refuse("is damaged (no head); copy it again, or record anew")
        return bool(row[0]), row[1]

    def _unopened(self, error: sqlite3.DatabaseError) -> TraceFileError:
        if "not a database" in str(error):
            return self.refuse(f"is no recording of ganscope: it is {describe(self.path)}")
        return self._damaged("", error)


def _is_unopened(error: sqlite3.DatabaseError) -> bool:
    return "unable to open" in str(error) or "readonly" in str(error)


def _size(path: Path) -> int:
    """In bytes; 0 where it is not there, which may change at any time."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:80]
