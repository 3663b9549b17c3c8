"""Reads a step out of the tables of a recording."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ganscope.traces.step import Step
from ganscope.traces.table import (
    MOST_ROWS,
    NESTED,
    OF_INTERVALS,
    Column,
    Holds,
    Table,
    checksum,
    keyed,
    tables,
)
from ganscope.traces.texts import Stored, stored

Content = dict[str, list[Column]]
"""Table → its columns, keys first, then the plain values of the fields."""


class StepReader:
    """Reads steps; remembers texts and sites."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._pools = stored(self._find_row)

    def on(self, connection: sqlite3.Connection) -> Mapping[str, Stored]:
        """Texts and sites, as they are found through a connection."""
        self._connection = connection
        return self._pools

    def read(self, connection: sqlite3.Connection, intervals: range, step: int) -> Step | None:
        """The step that intervals make up; None where they are not there or not labelled so.

        Raises:
            sqlite3.Error, ValueError, LookupError, TraceFormatError: They are damaged.
        """
        pools = self.on(connection)
        names = keyed()
        rows = connection.execute(
            f"SELECT id, step, form, checksum, {', '.join(names)} FROM interval "
            "WHERE id BETWEEN ? AND ? ORDER BY id",
            (intervals.start - 1, intervals.stop - 1),
        ).fetchall()
        before = rows.pop(0) if intervals.start else (-1, step, 0, 0, *([0] * len(names)))
        if [(row[0], row[1]) for row in rows] != [(number, step) for number in intervals]:
            return None
        whole: Content = {}
        for row in rows:
            starts, ends = (dict(zip(names, each[4:], strict=True)) for each in (before, row))
            content = _read_interval(connection, row[0], starts, ends, pools)
            parts = [[name, *columns] for name, columns in content.items()]
            if checksum([row[0], row[2], parts]) + step != row[3]:
                raise ValueError("bytes that have changed since they were written")
            for name, columns in content.items():
                kept = whole.setdefault(name, [[] for _ in columns])
                for values, more in zip(kept, columns, strict=True):
                    values.extend(more)
            before = row
        return _Assembly(whole).step(step)

    def _find_row(self, table: str, number: int) -> tuple[Any, ...] | None:
        assert self._connection is not None
        columns = {"text": "text", "site": "file, line, code"}[table]
        found = self._connection.execute(f"SELECT {columns} FROM {table} WHERE id = ?", (number,))
        row: tuple[Any, ...] | None = found.fetchone()
        return row


def _read_interval(
    connection: sqlite3.Connection,
    number: int,
    starts: Mapping[str, int],
    ends: Mapping[str, int],
    pools: Mapping[str, Stored],
) -> Content:
    odd = read_odd(connection, number)
    content: Content = {}
    for name in OF_INTERVALS:
        table = tables()[name]
        counted = name if table.keys[0] == "key" else table.keys[0]
        start, end = starts[counted], ends[counted]
        if not 0 <= end - start <= MOST_ROWS:
            raise ValueError(f"its {name} rows would be {end - start}")
        if start == end:
            continue
        rows = connection.execute(table.select, (start, end)).fetchall()
        if rows:
            content[name] = plain_columns(table, rows, pools, odd)
    return content


def read_odd(connection: sqlite3.Connection, interval: int) -> dict[str, list[Any]]:
    """Of each table of an interval the values that SQL cannot hold."""
    odd: dict[str, list[Any]] = defaultdict(list)
    for table, column, place, value in connection.execute(
        'SELECT "table", "column", place, value FROM odd_value WHERE interval = ? LIMIT ?',
        (interval, MOST_ROWS),
    ):
        odd[table].append((column, place, value))
    return odd


def plain_columns(
    table: Table,
    rows: Sequence[tuple[Any, ...]],
    pools: Mapping[str, Stored],
    odd: Mapping[str, list[Any]],
) -> list[Column]:
    """The columns of rows: keys as they are, then the plain values of the fields."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    count = len(table.keys)
    return columns[:count] + table.restore(columns[count:], pools, odd.get(table.name, ()))


class _Assembly:
    """Puts nouns together that refer to each other by keys."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._found: dict[str, list[Any]] = {}

    def step(self, index: int) -> Step:
        """All of it."""
        held: dict[str, Any] = {
            field: self._nouns(table) for field, (_, table) in NESTED["interval"].items()
        }
        for field, (holds, _) in NESTED["interval"].items():
            held[field] = _as_field(held[field], holds)
        return Step(index=index, **held)

    def _nouns(self, name: str) -> list[Any]:
        """Every noun of a table, in order."""
        if name not in self._found:
            table, columns = tables()[name], self._content.get(name)
            self._found[name] = (
                table.build(columns[len(table.keys) :], **self._nested(name)) if columns else []
            )
        return self._found[name]

    def _nested(self, name: str) -> dict[str, list[Any]]:
        """Of each field without a column what every noun of a table holds there."""
        nested: dict[str, list[Any]] = {}
        for field, (holds, table) in NESTED.get(name, {}).items():
            if holds is Holds.SHARED:
                known = {None: None, **self._by_key(table)}
                nested[field] = [known[key] for key in self._keys(name, table)]
                continue
            nouns = self._nouns(table)
            if holds is Holds.LINKS:
                known = self._by_key("tensor")
                nouns = [known[key] for key in self._keys(table, "tensor")]
            held: dict[int, list[Any]] = defaultdict(list)
            for owner, noun in zip(self._keys(table, name), nouns, strict=True):
                held[owner].append(noun)
            nested[field] = [_as_field(held[key], holds) for key in self._keys(name, "key")]
        return nested

    def _by_key(self, name: str) -> dict[Any, Any]:
        return dict(zip(self._keys(name, "key"), self._nouns(name), strict=True))

    def _keys(self, name: str, column: str) -> Column:
        """A column of keys."""
        columns = self._content.get(name)
        return columns[tables()[name].keys.index(column)] if columns else []


def _as_field(nouns: Sequence[Any], holds: Holds) -> Any:
    """Nouns as a field holds them."""
    return next(iter(nouns), None) if holds is Holds.ROW else tuple(nouns)
