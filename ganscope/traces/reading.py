"""Reads a step out of the tables of a recording."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ganscope.traces.rows import keyed
from ganscope.traces.step import Step, Update
from ganscope.traces.table import MOST_ROWS, OF_INTERVALS, Column, Table, checksum, tables
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

    def step(self, index: int) -> Step:
        """All of it."""
        statistics: dict[int | None, Any] = self._by_key("statistics")
        statistics[None] = None
        samples, earlier = self._by_key("samples"), self._by_key("earlier")
        keys = self._keys("tensor", "key")
        records = self._by_key(
            "tensor",
            stats=[statistics[key] for key in self._keys("tensor", "statistics")],
            samples=[samples.get(key) for key in keys],
            earlier=[earlier.get(key) for key in keys],
        )
        arrived = [statistics[key] for key in self._keys("gradient", "statistics")]
        moved = [statistics[key] for key in self._keys("parameter_update", "statistics")]
        split = self._nouns("gradient_split")
        return Step(
            index=index,
            calls=self._calls(records, self._nouns("gradient", stats=arrived)),
            updates=self._updates(self._nouns("parameter_update", gradient=moved)),
            ledger=tuple(self._nouns("ledger_entry")),
            judgements=tuple(self._nouns("judgement")),
            split=split[-1] if split else None,
        )

    def _calls(self, records: Mapping[int, Any], gradients: Sequence[Any]) -> tuple[Any, ...]:
        keys = self._keys("call", "key")
        inputs, outputs = (
            _grouped(self._keys(name, "call"), map(records.__getitem__, self._keys(name, "tensor")))
            for name in ("call_input", "call_output")
        )
        arrived = _grouped(self._keys("gradient", "call"), gradients)
        return tuple(
            self._nouns(
                "call",
                inputs=[tuple(inputs[key]) for key in keys],
                outputs=[tuple(outputs[key]) for key in keys],
                gradients=[tuple(arrived[key]) for key in keys],
            )
        )

    def _updates(self, parameters: Sequence[Any]) -> tuple[Update, ...]:
        parts = _grouped(self._keys("loss_part", "loss"), self._nouns("loss_part"))
        own = [tuple(parts[key]) for key in self._keys("loss", "key")]
        nested = {
            "optimizers": ("optimizer", self._nouns("optimizer")),
            "losses": ("loss", self._nouns("loss", parts=own)),
            "backwards": ("backward", self._nouns("backward")),
            "parameters": ("parameter_update", parameters),
        }
        keys = self._keys("training_update", "key")
        grouped = {
            field: _grouped(self._keys(name, "training_update"), nouns)
            for field, (name, nouns) in nested.items()
        }
        columns = {field: [tuple(found[key]) for key in keys] for field, found in grouped.items()}
        return tuple(self._nouns("training_update", **columns))

    def _keys(self, name: str, column: str) -> Column:
        """A column of keys."""
        columns = self._content.get(name)
        return columns[tables()[name].keys.index(column)] if columns else []

    def _nouns(self, name: str, **nested: Sequence[Any]) -> list[Any]:
        columns = self._content.get(name)
        if not columns:
            return []
        table = tables()[name]
        return table.build(columns[len(table.keys) :], **nested)

    def _by_key(self, name: str, **nested: Sequence[Any]) -> dict[Any, Any]:
        keys = self._keys(name, tables()[name].keys[0])
        return dict(zip(keys, self._nouns(name, **nested), strict=True))


def _grouped(owners: Sequence[int], nouns: Iterable[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for owner, noun in zip(owners, nouns, strict=True):
        found[owner].append(noun)
    return found
