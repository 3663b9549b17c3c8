"""The SQLite side of a `.gscope` file: its tables, and how it is opened, to write and to read.

A file may come from a stranger. It is opened read-only, with all that SQLite offers against
malicious files switched on, and read only after its schema proves to be exactly ours: so no
view, trigger or generated column of somebody else's is ever run.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ganscope.traces.table import SCHEMA

APPLICATION_ID = int.from_bytes(b"GSCP", "big")
"""What tells a recording from other SQLite files, in the header and to ``file(1)``."""

VERSION = 1
"""Of the tables; a file with a higher one was recorded by a newer ganscope."""

PAGE_SIZE = 2048
LOG_PAGES = 2000
"""How long the log grows before it is folded into the file: some 4 MB. As measured on steps of
8 kB, this pair costs least: larger pages are written half empty, shorter logs more often."""

LONGEST = 64 << 20
"""Bytes of one value or row."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: LONGEST,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 3,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 10,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def create(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make a recording without steps, as a plain file, complete on disk when this returns.

    Args:
        path: Where.
        fill: Writes its head.

    Raises:
        sqlite3.Error: It cannot be written.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        connection.executescript(f"BEGIN;\n{SCHEMA}")
        fill(connection)
        connection.execute("COMMIT")
    finally:
        connection.close()


def open_to_write(path: Path) -> sqlite3.Connection:
    """The recording at `path` with a write-ahead log, so that others read while this writes.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)  # nothing that no one could read
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        # A process that is killed loses nothing so; a machine that loses power, the last steps.
        connection.execute("PRAGMA synchronous=NORMAL")
        # Only a first look takes hold of the log; until then anybody could switch it off.
        connection.execute("SELECT closed FROM recording").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """`path` for reading alone, nothing in it trusted.

    Args:
        path: The file.
        immutable: Whether to take it as one that nobody writes and that has no log beside it.

    Raises:
        sqlite3.Error: It cannot be opened, or is no SQLite file.
    """
    flags = "mode=ro&immutable=1" if immutable else "mode=ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{flags}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def stranger(connection: sqlite3.Connection) -> str | None:
    """Name of the first table, view or trigger that a recording does not have, or lacks.

    Raises:
        sqlite3.Error: The file is damaged.
    """
    given = {str(row[1]): tuple(row) for row in connection.execute(_MASTER)}
    expected = _expected()
    for name in (*given, *expected):
        if given.get(name) != expected.get(name):
            return name
    return None


_MASTER = "SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 100"


@cache
def _expected() -> dict[str, tuple[str, ...]]:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(SCHEMA)
        return {str(row[1]): tuple(row) for row in connection.execute(_MASTER)}
    finally:
        connection.close()
