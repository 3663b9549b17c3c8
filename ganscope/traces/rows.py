"""Writes a step into the tables of a recording: one interval."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ganscope.traces.step import Step
from ganscope.traces.table import (
    MOST_ROWS,
    NESTED,
    OF_INTERVALS,
    Column,
    Holds,
    checksum,
    keyed,
    tables,
)
from ganscope.traces.texts import Pool, pools

_NOT_OF_FORM = frozenset(("settings", "arguments", "learning_rates", "indices"))
"""Texts that may be others in every step, though it makes the same calls and updates."""
_OF_FORM = frozenset(("update", "backward"))
"""Numbers that, counted from the least of them, belong to a form as texts do."""


class StepRows:
    """Puts steps into tables; remembers the texts that it has met, and where each table ends."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] | None = None
        self._ends: dict[str, int] | None = None

    def forget(self) -> None:
        """What was written last did not come to stay."""
        self._pools = self._ends = None

    def pools_on(self, connection: sqlite3.Connection) -> dict[str, Pool]:
        """Texts and sites of the file."""
        if self._pools is None:
            self._pools = pools()
            for pool in self._pools.values():
                pool.restart(connection)
        return self._pools

    def remove_from(self, connection: sqlite3.Connection, interval: int) -> None:
        """Delete the intervals from `interval` on."""
        ends = read_ends(connection, interval - 1)
        for name in OF_INTERVALS:
            key = tables()[name].keys[0]
            first = ends[name if key == "key" else key]
            connection.execute(f"DELETE FROM {name} WHERE {key} >= ?", (first,))
        connection.execute("DELETE FROM interval WHERE id >= ?", (interval,))
        connection.execute("DELETE FROM odd_value WHERE interval >= ?", (interval,))
        self._ends = None

    def add(self, connection: sqlite3.Connection, interval: int, step: Step) -> None:
        """Write `step` as one interval.

        Raises:
            sqlite3.Error: It cannot be written.
            TypeError: A field holds what its annotation does not allow.
            ValueError: It is too large.
        """
        known = self.pools_on(connection)
        if self._ends is None:
            self._ends = read_ends(connection, interval - 1)
        _IntervalRows(connection, interval, self._ends, known).write(step)


def read_ends(connection: sqlite3.Connection, interval: int) -> dict[str, int]:
    """How many rows each table has up to the end of an interval; 0 where there is none.

    Raises:
        sqlite3.Error: The file is damaged.
    """
    names = keyed()
    row = connection.execute(
        f"SELECT {', '.join(names)} FROM interval WHERE id = ?", (interval,)
    ).fetchone()
    return dict(zip(names, row or [0] * len(names), strict=True))


def write_odd(
    connection: sqlite3.Connection, interval: int, table: str, odd: Sequence[tuple[str, int, str]]
) -> None:
    """Write the values of a table's rows that SQL cannot hold."""
    if odd:
        rows = [(interval, table, *each) for each in odd]
        connection.executemany("INSERT INTO odd_value VALUES(?, ?, ?, ?, ?)", rows)


class _IntervalRows:
    """The rows of one interval.

    Args:
        connection: Where they go.
        number: The interval's.
        ends: How many rows each table has; counted on.
        pools: Texts and sites.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        number: int,
        ends: dict[str, int],
        pools: dict[str, Pool],
    ) -> None:
        self._number, self._ends = number, ends
        self._connection, self._pools = connection, pools
        self._content: dict[str, list[Column]] = {}
        self._form: list[Any] = []
        self._shared: dict[str, dict[int, Any]] = defaultdict(dict)
        """Table → id() of each noun that rows refer to → the noun, in the order of the keys."""
        self._keys: dict[int, int] = {}
        """id() of such a noun → its key."""

    def write(self, step: Step) -> None:
        """Write all of it."""
        for field, (holds, table) in NESTED["interval"].items():
            nouns = _held(step, field, holds)
            self._put(table, nouns, interval=[self._number] * len(nouns))
        for table in ("tensor", "statistics"):  # tensors have statistics
            self._put(table, list(self._shared[table].values()))
        self._finish(step.index)

    def _put(self, name: str, nouns: Sequence[Any], **keys: Column) -> None:
        """Add a row per noun, and then rows for what the nouns hold.

        Args:
            name: The table.
            nouns: What to write.
            **keys: Columns that say to which rows of other tables these belong.
        """
        if not nouns:
            return
        nested = NESTED.get(name, {})
        own = range(self._ends.get(name, 0), self._ends.get(name, 0) + len(nouns))
        if name in self._ends:
            keys["key"], self._ends[name] = list(own), own.stop
        for field, (holds, table) in nested.items():
            if holds is Holds.SHARED:
                keys[table] = [self._share(table, getattr(noun, field)) for noun in nouns]
        self._insert(name, nouns, keys)
        for field, (holds, table) in nested.items():
            if holds is Holds.LINKS:
                self._link(table, own, [getattr(noun, field) for noun in nouns])
            elif holds is not Holds.SHARED:
                held = [_held(noun, field, holds) for noun in nouns]
                owners = [key for key, some in zip(own, held, strict=True) for _ in some]
                self._put(table, [each for some in held for each in some], **{name: owners})

    def _share(self, table: str, noun: Any) -> int | None:
        """The key of a noun that several rows may refer to."""
        if noun is None:
            return None
        key = self._keys.get(id(noun))
        if key is None:
            known = self._shared[table]
            key = self._keys[id(noun)] = self._ends[table] + len(known)
            known[id(noun)] = noun
        return key

    def _link(self, name: str, own: Iterable[int], held: Sequence[Sequence[Any]]) -> None:
        """Connect calls with tensors."""
        call, place, _ = tables()[name].keys
        rows = [
            (key, number, self._share("tensor", record))
            for key, records in zip(own, held, strict=True)
            for number, record in enumerate(records)
        ]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            keys = dict(zip((call, place, "tensor"), columns, strict=True))
            self._insert(name, rows, keys)

    def _insert(self, name: str, nouns: Sequence[Any], keys: dict[str, Column]) -> None:
        if len(nouns) > MOST_ROWS:
            raise ValueError(f"its {name} rows are {len(nouns):,}, more than a recording holds")
        table = tables()[name]
        columns = [keys[key] for key in table.keys]
        rows = table.store(table.read_nouns(nouns), self._pools)
        self._connection.executemany(table.insert, zip(*columns, *rows.stored, strict=True))
        write_odd(self._connection, self._number, name, rows.odd)
        self._content[name] = [*columns, *rows.plain]
        self._form += [_from_least(keys[key]) for key in table.keys if key not in ("key", "place")]
        for field, values in zip(table.fields, rows.plain, strict=True):
            if field.name in _OF_FORM:
                self._form.append(_from_least(values))
            elif field.pool and field.name not in _NOT_OF_FORM:
                self._form.append(values)

    def _finish(self, step: int) -> None:
        """Write the interval's own row, under the label `step`."""
        for pool in self._pools.values():
            pool.flush(self._connection)
        form = checksum(self._form)
        names = keyed()
        columns = ", ".join(("id", "step", "form", "checksum", *names))
        content = [[name, *self._content[name]] for name in OF_INTERVALS if name in self._content]
        self._connection.execute(
            f"INSERT INTO interval({columns}) VALUES({', '.join('?' * (4 + len(names)))})",
            (
                self._number,
                step,
                form,
                checksum([self._number, form, content]) + step,
                *(self._ends[name] for name in names),
            ),
        )


def _held(noun: Any, field: str, holds: Holds) -> Sequence[Any]:
    found: Any = getattr(noun, field)
    if holds is Holds.ROWS:
        return found  # type: ignore[no-any-return]
    return () if found is None else (found,)


def _from_least(numbers: Column) -> Column:
    """Numbers as they count from the least of them."""
    first = min((number for number in numbers if number is not None), default=0)
    return [None if number is None else number - first for number in numbers]
