"""Writes a step into the tables of a recording: one interval."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from ganscope.traces.call import Call
from ganscope.traces.step import Step, Update
from ganscope.traces.table import MOST_ROWS, OF_INTERVALS, Column, checksum, tables
from ganscope.traces.tensor import TensorRecord
from ganscope.traces.texts import Pool, pools

_NOT_OF_FORM = frozenset(("settings", "arguments", "learning_rates", "indices"))
"""Texts that may be others in every step, though it makes the same calls and updates."""


def keyed() -> list[str]:
    """The tables with a key of their own; ``interval`` says how many rows they have."""
    return [name for name in OF_INTERVALS if tables()[name].keys[0] == "key"]


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
        rows = _IntervalRows(connection, interval, self._ends, known)
        _put_step(rows, step)
        rows.finish(step.index)


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
        self.number, self.ends = number, ends
        self._connection, self._pools = connection, pools
        self._content: dict[str, list[Column]] = {}
        self._form: list[Any] = []

    def put(self, name: str, nouns: Sequence[Any], **keys: Column) -> list[int]:
        """Add a row per noun, numbered on from the last; the numbers.

        Args:
            name: A table with a key of its own.
            nouns: What to write.
            **keys: The other columns that are no fields of the noun, in their order.
        """
        first = self.ends[name]
        numbers = list(range(first, first + len(nouns)))
        if "interval" in tables()[name].keys:
            keys["interval"] = [self.number] * len(nouns)
        self.put_under(name, nouns, key=numbers, **keys)
        self.ends[name] += len(nouns)
        return numbers

    def put_under(self, name: str, nouns: Sequence[Any], **keys: Column) -> None:
        """Add rows to a table; `keys` are all columns that are no fields, in their order."""
        table = tables()[name]
        assert tuple(keys) == table.keys
        count = len(next(iter(keys.values())))
        if not count:
            return
        if count > MOST_ROWS:
            raise ValueError(f"its {name} rows are {count:,}, more than a recording holds")
        rows = table.store(table.read_nouns(nouns), self._pools)
        self._connection.executemany(table.insert, zip(*keys.values(), *rows.stored, strict=True))
        write_odd(self._connection, self.number, name, rows.odd)
        self._content[name] = [*keys.values(), *rows.plain]
        for field, values in zip(table.fields, rows.plain, strict=True):
            if field.pool and field.name not in _NOT_OF_FORM:
                self._form.append(values)

    def links(self, *numbers: Column) -> None:
        """Numbers that belong to the interval's form, as its texts do."""
        self._form += numbers

    def finish(self, step: int) -> None:
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
                self.number,
                step,
                form,
                checksum([self.number, form, content]) + step,
                *(self.ends[name] for name in names),
            ),
        )


def write_odd(
    connection: sqlite3.Connection, interval: int, table: str, odd: Sequence[tuple[str, int, str]]
) -> None:
    """Write the values of a table's rows that SQL cannot hold."""
    if odd:
        connection.executemany(
            "INSERT INTO odd_value VALUES(?, ?, ?, ?, ?)",
            ((interval, table, *each) for each in odd),
        )


def _put_step(rows: _IntervalRows, step: Step) -> None:
    calls = step.calls
    records = _distinct(chain.from_iterable((*call.inputs, *call.outputs) for call in calls))
    gradients = list(chain.from_iterable(call.gradients for call in calls))
    parameters = list(chain.from_iterable(update.parameters for update in step.updates))
    measured = _distinct(
        chain(
            (record.stats for record in records),
            (each.stats for each in gradients),
            (each.gradient for each in parameters),
        )
    )
    numbers: dict[int, int | None] = {id(None): None}
    numbers.update(zip(map(id, measured), rows.put("statistics", measured), strict=True))

    def figures(nouns: Iterable[Any]) -> Column:
        return [numbers[id(each)] for each in nouns]

    tensors = _put_tensors(rows, records, figures(record.stats for record in records))
    keys = _put_calls(rows, calls, tensors)
    owners = [key for key, call in zip(keys, calls, strict=True) for _ in call.gradients]
    arrived = figures(each.stats for each in gradients)
    rows.put("gradient", gradients, call=owners, statistics=arrived)
    first = min((each.backward for each in gradients), default=0)
    rows.links(_places(owners), [each.backward - first for each in gradients])
    rows.links([key is not None for key in arrived])
    updates = rows.put("training_update", step.updates)
    _put_updates(rows, step.updates, updates)
    owners = [key for key, each in zip(updates, step.updates, strict=True) for _ in each.parameters]
    arrived = figures(each.gradient for each in parameters)
    rows.put("parameter_update", parameters, training_update=owners, statistics=arrived)
    rows.put("ledger_entry", step.ledger)
    rows.put("judgement", step.judgements)
    rows.put("gradient_split", [] if step.split is None else [step.split])


def _places(keys: Column) -> Column:
    """Keys as they count from the first."""
    first = min(keys, default=0)
    return [key - first for key in keys]


def _distinct(nouns: Iterable[Any]) -> list[Any]:
    """Each object once, in order, without None."""
    every = list(nouns)
    found = dict(zip(map(id, every), every, strict=True))
    found.pop(id(None), None)
    return list(found.values())


def _put_tensors(
    rows: _IntervalRows, records: Sequence[TensorRecord], statistics: Column
) -> dict[int, int]:
    """The key of each record, by the object's identity."""
    keys = rows.put("tensor", records, statistics=statistics)
    rows.links([key is not None for key in statistics])
    kept = [(key, each.samples) for key, each in zip(keys, records, strict=True) if each.samples]
    rows.put_under("samples", [noun for _, noun in kept], tensor=[key for key, _ in kept])
    made = [(key, each.earlier) for key, each in zip(keys, records, strict=True) if each.earlier]
    rows.put_under("earlier", [noun for _, noun in made], tensor=[key for key, _ in made])
    return dict(zip(map(id, records), keys, strict=True))


def _put_calls(rows: _IntervalRows, calls: Sequence[Call], tensors: dict[int, int]) -> list[int]:
    keys = rows.put("call", calls)
    rows.links([call.update for call in calls])
    for name, records_of in (("call_input", _inputs), ("call_output", _outputs)):
        owners, places, used = [], [], []
        for key, records in zip(keys, map(records_of, calls), strict=True):
            for place, record in enumerate(records):
                owners.append(key)
                places.append(place)
                used.append(tensors[id(record)])
        rows.put_under(name, used, call=owners, place=places, tensor=used)
        rows.links(_places(owners), _places(used))
    return keys


def _put_updates(rows: _IntervalRows, updates: Sequence[Update], keys: Sequence[int]) -> None:
    for name, nouns_of in (("optimizer", _optimizers), ("backward", _backwards)):
        owners = [key for key, update in zip(keys, updates, strict=True) for _ in nouns_of(update)]
        rows.put(name, [*chain.from_iterable(map(nouns_of, updates))], training_update=owners)
    owners = [key for key, update in zip(keys, updates, strict=True) for _ in update.losses]
    losses = [loss for update in updates for loss in update.losses]
    own = rows.put("loss", losses, training_update=owners)
    owners = [key for key, loss in zip(own, losses, strict=True) for _ in loss.parts]
    rows.put("loss_part", [part for loss in losses for part in loss.parts], loss=owners)


_inputs, _outputs = attrgetter("inputs"), attrgetter("outputs")
_optimizers, _backwards = attrgetter("optimizers"), attrgetter("backwards")
