"""Writes a step into the tables of a recording."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice, repeat

from ganscope.traces.layout import NOTHING, Layout, pack_layout, take_apart
from ganscope.traces.packing import Packed, pack
from ganscope.traces.step import Step
from ganscope.traces.tables import OF_PLACES, OF_STEPS, PLACES
from ganscope.traces.tensor import sides_of

_KEPT = 8
"""Layouts held in memory: the last batch of an epoch, say, has one of its own."""


@dataclass(frozen=True, slots=True)
class Known:
    """A layout that stands in the file.

    Attributes:
        layout: The layout.
        id: Its number in the file.
        digest: Of its body.
        shown: Of each call, which figures its output and its gradient are shown by.
        moved: Of each parameter, which figures its gradient has.
    """

    layout: Layout
    id: int
    digest: bytes
    shown: Sequence[tuple[int, int]]
    moved: Sequence[int]


class StepRows:
    """Puts steps into tables; remembers the layouts that it has met last."""

    def __init__(self) -> None:
        self._known: list[Known] = []

    def forget(self) -> None:
        """What was written last did not come to stay."""
        self._known.clear()

    def remove_from(self, connection: sqlite3.Connection, position: int) -> None:
        """Delete the steps from `position` on."""
        for table in OF_STEPS:
            connection.execute(f"DELETE FROM {table} WHERE position >= ?", (position,))
        for table in OF_PLACES:
            connection.execute(f"DELETE FROM {table} WHERE key >= ?", (position * PLACES,))

    def add(self, connection: sqlite3.Connection, position: int, step: Step) -> None:
        """Write `step` at `position`.

        Raises:
            sqlite3.Error: It cannot be written.
            ValueError: It is too large.
        """
        parts = take_apart(step)
        known = self._find(parts.layout) or self._enter(connection, parts.layout)
        packed = pack(parts, known.digest)
        execute, many = connection.execute, connection.executemany
        execute("INSERT INTO step_list VALUES(?, ?, ?)", (position, step.index, known.id))
        execute("INSERT INTO step_data VALUES(?, ?)", (position, packed.numbers))
        key = position * PLACES
        many("INSERT INTO sample_data VALUES(?, ?)", enumerate(packed.samples, key))
        many("INSERT INTO call_figures VALUES(?, ?, ?, ?)", _call_rows(key, known, packed))
        many(
            "INSERT INTO parameter_figures VALUES(?, ?, ?, ?, ?)",
            _parameter_rows(key, known, packed),
        )
        many("INSERT INTO loss_figures VALUES(?, ?)", enumerate(packed.losses[:PLACES], key))

    def _find(self, layout: Layout) -> Known | None:
        for place, known in enumerate(self._known):
            if known.layout == layout:
                if place:
                    self._known.insert(0, self._known.pop(place))
                return known
        return None

    def _enter(self, connection: sqlite3.Connection, layout: Layout) -> Known:
        """The number of `layout` in the file, where it may be new."""
        body = pack_layout(layout)
        digest = blake2b(body, digest_size=16).digest()
        row = connection.execute("SELECT id FROM layouts WHERE digest = ?", (digest,)).fetchone()
        known = Known(
            layout,
            row[0] if row else _insert(connection, layout, digest, body),
            digest,
            list(_shown(layout)),
            layout.measured[len(layout.records) + len(layout.gradients) :],
        )
        self._known.insert(0, known)
        del self._known[_KEPT:]
        return known


def _shown(layout: Layout) -> Iterator[tuple[int, int]]:
    """Of each call the figures of its first output, and of its first gradient, that has any."""
    measured, used = layout.measured, layout.used
    at, gradients_at = 0, len(layout.records)
    for inputs, outputs, arrived in layout.sizes:
        start, at = at + inputs, at + inputs + outputs
        before, gradients_at = gradients_at, gradients_at + arrived
        yield (
            _first([measured[record] for record in used[start:at]]),
            _first(measured[before:gradients_at]),
        )


def _first(places: Sequence[int]) -> int:
    return next((place for place in places if place != NOTHING), NOTHING)


def _call_rows(key: int, known: Known, packed: Packed) -> Iterator[tuple[int | float | None, ...]]:
    means, stds, norms = (*packed.means, None), (*packed.stds, None), (*packed.norms, None)
    for row, (output, gradient) in enumerate(known.shown[:PLACES], key):
        yield row, means[output], stds[output], norms[gradient]


def _parameter_rows(
    key: int, known: Known, packed: Packed
) -> Iterator[tuple[int | float | None, ...]]:
    norms = (*packed.norms, None)
    ratios = repeat(None) if packed.ratios_follow else packed.ratios
    rows = zip(known.moved[:PLACES], packed.weights, packed.moves, ratios, strict=False)
    for row, (place, weight, move, ratio) in enumerate(rows, key):
        yield row, norms[place], weight, move, ratio


def _insert(connection: sqlite3.Connection, layout: Layout, digest: bytes, body: bytes) -> int:
    """Write a new layout, and of it what SQL shows."""
    cursor = connection.execute(
        "INSERT INTO layouts(digest, body, calls, updates) VALUES(?, ?, ?, ?)",
        (digest, body, len(layout.calls), len(layout.updates)),
    )
    number = cursor.lastrowid
    assert number is not None
    names = _Names(connection)
    for table, rows in (
        ("layout_calls", _layout_calls(layout, names)),
        ("layout_parameters", _layout_parameters(layout, names)),
        ("layout_losses", _layout_losses(layout, names)),
    ):
        for place, row in enumerate(islice(rows, PLACES)):
            marks = ", ".join("?" * (2 + len(row)))
            connection.execute(f"INSERT INTO {table} VALUES({marks})", (number, place, *row))
    return number


class _Names:
    """Text → its number in the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        if text not in self._known:
            # A name may hold half of a surrogate pair, which SQL text cannot.
            words = text.encode("utf-8", "backslashreplace").decode("utf-8")
            execute = self._connection.execute
            execute("INSERT OR IGNORE INTO names(text) VALUES(?)", (words,))
            (self._known[text],) = execute(
                "SELECT id FROM names WHERE text = ?", (words,)
            ).fetchone()
        return self._known[text]


Row = tuple[int | None, ...]


def _layout_calls(layout: Layout, names: _Names) -> Iterator[Row]:
    at = 0
    for call, (inputs, outputs, _) in zip(layout.calls, layout.sizes, strict=True):
        identity, parent, update, purpose, kind, network, path, type_, nth, parameters, *_ = call
        shape = layout.records[layout.used[at + inputs]][0] if outputs else None
        at += inputs + outputs
        yield (
            *map(_number, (identity, parent, update)),
            *(names[text] for text in (purpose, kind, network, path, type_)),
            *map(_number, (nth, parameters)),
            None if shape is None else names[sides_of(shape, between="x")],
        )


def _layout_parameters(layout: Layout, names: _Names) -> Iterator[Row]:
    for index, *_, parameters in layout.updates:
        for name, shape, optimizer in parameters:
            yield _number(index), names[name], names[optimizer], names[sides_of(shape, between="x")]


def _layout_losses(layout: Layout, names: _Names) -> Iterator[Row]:
    for row in layout.updates:
        for loss in row[3]:
            yield _number(row[0]), names[loss[0]]


def _number(value: int | None) -> int | None:
    """What SQL can hold of it."""
    return value if value is not None and -(1 << 63) <= value < 1 << 63 else None
