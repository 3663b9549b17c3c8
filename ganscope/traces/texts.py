"""Texts and sites that a recording holds once, as a writer and as a reader know them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

LONGEST_TEXT = 8 << 20
"""Characters of one text; reading JSON takes some twenty times as many bytes."""
_MOST = 8192
"""Texts, or sites, held in memory. A writer that met more writes some of them again."""


def storable(text: str | None) -> str | bytes | None:
    """`text` as SQL can hold it: bytes where it contains half of a surrogate pair."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def text_of(stored: Any) -> Any:
    """The inverse of `storable`.

    Raises:
        UnicodeDecodeError: These bytes are no text.
    """
    return stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored


class Pool(dict[Any, int | None]):
    """What a writer has put into a table that holds every value once: value → id.

    Args:
        table: The table.
        row: The columns after the id, of a value.
    """

    def __init__(self, table: str, row: Callable[[Any], tuple[Any, ...]]) -> None:
        super().__init__({None: None})
        self._table, self._row = table, row
        self._next = 0
        self._fresh: list[tuple[Any, ...]] = []

    def __missing__(self, value: Any) -> int:
        row = self._row(value)
        number = self._next
        self._next += 1
        self._fresh.append((number, *row))
        self[value] = number
        return number

    def restart(self, connection: sqlite3.Connection) -> None:
        """Forget everything; ids continue after those in the file."""
        self.clear()
        self[None] = None
        self._fresh.clear()
        (last,) = connection.execute(f"SELECT max(id) FROM {self._table}").fetchone()
        self._next = 0 if last is None else last + 1

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write what is new."""
        if self._fresh:
            marks = ", ".join("?" * len(self._fresh[0]))
            connection.executemany(f"INSERT INTO {self._table} VALUES({marks})", self._fresh)
            self._fresh.clear()
        if len(self) > _MOST:
            self.clear()
            self[None] = None


def pools() -> dict[str, Pool]:
    """Those of a new writer; sites refer to texts, so texts are to be flushed last."""

    def site_row(site: tuple[str, int, str]) -> tuple[int | bytes | None, ...]:
        file, line, code = site
        return texts[file], line if abs(line) < 1 << 63 else str(line).encode(), texts[code]

    texts = Pool("text", _text_row)
    return {"site": Pool("site", site_row), "text": texts}


def _text_row(text: str) -> tuple[str | bytes | None]:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a text of {len(text):,} characters is more than a recording holds")
    return (storable(text),)


class Stored(dict[int | None, Any]):
    """What a reader has found in such a table: id → value.

    Args:
        find: The value with an id; raises LookupError where there is none.
    """

    def __init__(self, find: Callable[[int], Any]) -> None:
        super().__init__({None: None})
        self._find = find

    def __missing__(self, number: int) -> Any:
        value = self._find(number)
        if len(self) > _MOST:
            self.clear()
            self[None] = None
        self[number] = value
        return value


def stored(find_row: Callable[[str, int], tuple[Any, ...] | None]) -> dict[str, Stored]:
    """Those of a reader.

    Args:
        find_row: Of a table and an id the columns after it; None where there is no such row.
    """

    def find_text(number: int) -> Any:
        return text_of(found("text", number)[0])

    def find_site(number: int) -> Any:
        file, line, code = found("site", number)
        return texts[file], int(line) if isinstance(line, bytes) else line, texts[code]

    def found(table: str, number: int) -> tuple[Any, ...]:
        row = find_row(table, number)
        if row is None:
            raise LookupError(f"there is no {table} {number}")
        return row

    texts = Stored(find_text)
    return {"text": texts, "site": Stored(find_site)}
