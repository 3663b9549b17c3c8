"""Nouns as rows of the tables in ``schema.sql``, by the names of fields and columns.

A column passes through two forms. Its *plain* values are what SQL can hold, were it not for its
gaps: integers, floats, text and bytes. The checksum of an interval is taken of these. Its *stored*
values have a number in place of a text that the recording holds once, and NULL in place of what
SQL has no value for; the latter then stands in ``odd_value``.
"""

from __future__ import annotations

import json
import marshal
import math
import operator
import sqlite3
import types
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache, lru_cache, partial
from importlib.resources import files
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from ganscope.traces import schema
from ganscope.traces.blobs import pack_histogram, pack_preview, read_histogram, read_preview
from ganscope.traces.call import Call, CallSite, Gradient
from ganscope.traces.event import Event
from ganscope.traces.source_text import SourceText
from ganscope.traces.step import (
    Backward,
    BufferChange,
    GradientSplit,
    Judgement,
    LedgerEntry,
    Loss,
    LossPart,
    Optimizer,
    ParameterUpdate,
    Update,
)
from ganscope.traces.tensor import Earlier, Histogram, Samples, TensorRecord, TensorStats, Value
from ganscope.traces.texts import Pool, Stored, storable, text_of
from ganscope.traces.trace import Failure, Finding, Meta, Network

SCHEMA = (files("ganscope.traces") / "schema.sql").read_text(encoding="utf-8")
"""The statements that make the tables of a recording."""

OF_RECORDING: Mapping[str, Any] = {
    "recording": Meta,
    "network": Network,
    "failure": Failure,
    "finding": Finding,
    "known_optimizer": Optimizer,
    "source_text": SourceText,
}
"""Tables of the recording as a whole, and the noun in each."""

OF_INTERVALS: Mapping[str, Any] = {
    "call": Call,
    "call_input": None,
    "call_output": None,
    "tensor": TensorRecord,
    "samples": Samples,
    "earlier": Earlier,
    "statistics": TensorStats,
    "gradient": Gradient,
    "training_update": Update,
    "optimizer": Optimizer,
    "loss": Loss,
    "loss_part": LossPart,
    "backward": Backward,
    "parameter_update": ParameterUpdate,
    "buffer_change": BufferChange,
    "ledger_entry": LedgerEntry,
    "judgement": Judgement,
    "gradient_split": GradientSplit,
    "event": Event,
}
"""Tables with rows per interval, and the noun in each; None where there are keys alone."""


class Holds(Enum):
    """How a noun holds others that have a table of their own."""

    ROWS = "a tuple; the others' rows bear its key, in a column with the name of its table"
    ROW = "one or None, likewise"
    SHARED = "one or None that several may hold; its row bears the other's key, likewise"
    LINKS = "a tuple of tensors that several may hold; rows of a third table bear both keys"


NESTED: Mapping[str, Mapping[str, tuple[Holds, str]]] = {
    "interval": {
        "calls": (Holds.ROWS, "call"),
        "updates": (Holds.ROWS, "training_update"),
        "ledger": (Holds.ROWS, "ledger_entry"),
        "judgements": (Holds.ROWS, "judgement"),
        "split": (Holds.ROW, "gradient_split"),
        "events": (Holds.ROWS, "event"),
    },
    "call": {
        "inputs": (Holds.LINKS, "call_input"),
        "outputs": (Holds.LINKS, "call_output"),
        "gradients": (Holds.ROWS, "gradient"),
    },
    "tensor": {
        "stats": (Holds.SHARED, "statistics"),
        "samples": (Holds.ROW, "samples"),
        "earlier": (Holds.ROW, "earlier"),
    },
    "gradient": {"stats": (Holds.SHARED, "statistics")},
    "training_update": {
        "optimizers": (Holds.ROWS, "optimizer"),
        "losses": (Holds.ROWS, "loss"),
        "backwards": (Holds.ROWS, "backward"),
        "parameters": (Holds.ROWS, "parameter_update"),
        "buffers": (Holds.ROWS, "buffer_change"),
    },
    "loss": {"parts": (Holds.ROWS, "loss_part")},
    "parameter_update": {"gradient": (Holds.SHARED, "statistics")},
}
"""Table → field of its noun that has no column → how it holds what is in which table."""

MOST_ROWS = 1 << 20
"""Rows of one table in one interval."""

Column = list[Any]
Odd = tuple[str, int, str]
"""Column, place and text of a value that SQL cannot hold."""

_NEGATIVE_ZERO = marshal.dumps(-0.0, 2)
_MOST_NEGATIVE, _MOST = -(1 << 63), (1 << 63) - 1


def checksum(content: list[Any]) -> int:
    """CRC-32 of plain values in lists and tuples, by type and to the last bit."""
    return zlib.crc32(marshal.dumps(content, 2))  # this version's bytes never change


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a noun and its column.

    Attributes:
        name: Of both.
        of: The type of its plain values.
        pool: ``text`` or ``site`` where the column refers to it, else None.
        pack: A value as a plain one; None where it is one.
        read: The inverse of `pack`.
    """

    name: str
    of: type
    pool: str | None
    pack: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None


def _field(name: str, annotation: Any, refers_to: str | None) -> Field:
    kind = _kind(annotation)
    pool = refers_to if refers_to in ("text", "site") else None
    if kind in (int, float, str, bytes):
        return Field(name, kind, pool)
    if kind is bool:
        return Field(name, int, pool, pack=int, read=bool)
    if kind is CallSite:
        return Field(name, tuple, pool, pack=attrgetter("file", "line", "code"), read=_site)
    if kind is Histogram:
        return Field(name, bytes, pool, pack=pack_histogram, read=read_histogram)
    if kind is Value:
        return Field(name, bytes, pool, pack=pack_preview, read=read_preview)
    read = _read_constant if get_origin(kind) is tuple else _read_json
    return Field(
        name, str, pool, pack=_to_json if pool else _dumped, read=partial(read, annotation)
    )


def _site(plain: tuple[str, int, str]) -> CallSite:
    return CallSite(file=plain[0], line=plain[1], code=plain[2])


def _each(function: Callable[[Any], Any] | None, values: Column) -> Column:
    if function is None:
        return values
    return [None if value is None else function(value) for value in values]


class Rows(NamedTuple):
    """Rows of a table, column by column: plain, as they are stored, and what stands elsewhere."""

    plain: list[Column]
    stored: list[Column]
    odd: list[Odd]


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: Its name.
        noun: What a row is; None where it has keys alone.
        keys: Its columns that are no fields of the noun, in order.
        fields: The others, in the order of the columns.
        insert: The statement that adds a row: keys first, then fields.
        select: The statement that reads rows in order, in the same columns, by a range of the
            first key.
    """

    name: str
    noun: Any
    keys: tuple[str, ...]
    fields: tuple[Field, ...]
    insert: str
    select: str

    def read_nouns(self, nouns: Sequence[Any]) -> list[Column]:
        """The plain values of each field."""
        if not self.fields:
            return []
        return [_each(each.pack, list(map(attrgetter(each.name), nouns))) for each in self.fields]

    def store(self, columns: Sequence[Column], pools: Mapping[str, Pool]) -> Rows:
        """Plain values made ready to be inserted.

        Raises:
            TypeError: A value is not of its field's type.
            ValueError: A text is longer than a recording takes.
        """
        plain, stored, odd = list(columns), [], []
        zeros = _NEGATIVE_ZERO in marshal.dumps(plain, 2)
        for place, (field, values) in enumerate(zip(self.fields, columns, strict=True)):
            kept = values
            ordinary = field.pack is not None or _is_ordinary(field.of, values)
            if not ordinary or (zeros and field.of is float):
                plain[place], kept, strange = _made_ordinary(field, values)
                odd += strange
            if field.pool:
                kept = list(map(pools[field.pool].__getitem__, kept))
            elif field.of is str:
                kept = list(map(storable, kept))
            stored.append(kept)
        return Rows(plain, stored, odd)

    def restore(
        self, stored: Sequence[Column], pools: Mapping[str, Stored], odd: Iterable[Odd]
    ) -> list[Column]:
        """The plain values of what is stored."""
        columns: list[Column] = []
        for field, values in zip(self.fields, stored, strict=True):
            if field.pool:
                columns.append(list(map(pools[field.pool].__getitem__, values)))
            else:
                columns.append([*map(text_of, values)] if field.of is str else values)
        places = {field.name: place for place, field in enumerate(self.fields)}
        for name, place, text in odd:
            kind = float if self.fields[places[name]].of is float else int
            columns[places[name]][place] = kind(text)
        return columns

    def build(self, columns: Sequence[Column], **nested: Sequence[Any]) -> list[Any]:
        """Nouns of plain values; `nested` holds fields that have no column."""
        names = [*(field.name for field in self.fields), *nested]
        decoded = [
            _each(own.read, values) for own, values in zip(self.fields, columns, strict=True)
        ]
        rows = zip(*decoded, *nested.values(), strict=True)
        return [self.noun(**dict(zip(names, row, strict=True))) for row in rows]


def _is_ordinary(kind: type, values: Column) -> bool:
    """Whether all values are of a type and SQL can hold them, apart from negative zeros.

    This always runs, and so mostly in C.
    """
    if not set(map(type, values)) <= {kind, NoneType}:
        return False
    if kind is float:  # only NaN differs from itself
        return not any(map(operator.ne, values, values))
    if kind is int:
        known = list(filter(None, values))
        return not known or (max(known) <= _MOST and min(known) >= _MOST_NEGATIVE)
    return True


def _made_ordinary(field: Field, values: Column) -> tuple[Column, Column, list[Odd]]:
    """Values in their field's type, those that SQL can hold, and the others."""
    every: Column = [None if value is None else _coerced(field, value) for value in values]
    kept, odd = list(every), []
    for place, value in enumerate(every):
        text = _odd_text(value)
        if text is not None:
            kept[place] = None
            odd.append((field.name, place, text))
    return every, kept, odd


def _coerced(field: Field, value: Any) -> Any:
    if field.of is float and hasattr(value, "__float__"):
        number = float(value)
        return math.nan if math.isnan(number) else number  # whatever its other bits
    if field.of is int:
        return operator.index(value)
    if isinstance(value, field.of):
        return field.of(value)
    kind = type(value).__name__
    raise TypeError(f"{field.name} holds {field.of.__name__}, and is given {kind}")


def _odd_text(value: Any) -> str | None:
    """What stands in ``odd_value`` for a value that SQL cannot hold; None for any other."""
    if isinstance(value, float):
        if math.isnan(value):
            return "nan"
        return "-0.0" if value == 0 and math.copysign(1, value) < 0 else None
    if isinstance(value, int) and not _MOST_NEGATIVE <= value <= _MOST:
        return str(value)
    return None


@cache
def tables() -> dict[str, Table]:
    """Every table with rows of the recording or of its intervals, by name."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(SCHEMA)
        nouns = {**OF_RECORDING, **OF_INTERVALS}
        return {name: _table(connection, name, noun) for name, noun in nouns.items()}
    finally:
        connection.close()


@cache
def keyed() -> tuple[str, ...]:
    """The tables with a key of their own; ``interval`` says how many rows they have."""
    return tuple(name for name in OF_INTERVALS if tables()[name].keys[0] == "key")


@cache
def view_columns() -> dict[str, tuple[str, ...]]:
    """The columns of every view, by the view's name."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(SCHEMA)
        views = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        return {name: tuple(_columns(connection, name)) for (name,) in views}
    finally:
        connection.close()


def _columns(connection: sqlite3.Connection, name: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]


def _table(connection: sqlite3.Connection, name: str, noun: Any) -> Table:
    columns = _columns(connection, name)
    pools = {row[3]: row[2] for row in connection.execute(f"PRAGMA foreign_key_list({name})")}
    hints = get_type_hints(noun) if noun else {}
    own = [each.name for each in fields(noun)] if noun else []
    for lost in set(own) - set(columns):
        if lost not in NESTED.get(name, ()):
            raise TypeError(f"table {name} in schema.sql has no column {lost}")
    found = tuple(
        _field(column, hints[column], pools.get(column)) for column in columns if column in own
    )
    keys = tuple(column for column in columns if column not in own)
    listed = ", ".join(f'"{column}"' for column in (*keys, *(field.name for field in found)))
    marks = ", ".join("?" * len(columns))
    select = f"SELECT {listed} FROM {name} WHERE {keys[0]} >= ? AND {keys[0]} < ?"
    order = ", ".join(keys[:2] if "place" in keys else keys[:1])
    return Table(
        name,
        noun,
        keys,
        found,
        f"INSERT INTO {name}({listed}) VALUES({marks})",
        f"{select} ORDER BY {order} LIMIT {MOST_ROWS}",
    )


def _kind(annotation: Any) -> Any:
    """What an annotation says apart from None; `Value` for a sequence of those."""
    if get_origin(annotation) in (Union, types.UnionType):
        choices = [each for each in get_args(annotation) if each is not NoneType]
        return choices[0] if len(choices) == 1 else annotation
    if get_args(annotation)[:1] == (Value,):
        return Value
    return annotation


# -- JSON ----------------------------------------------------------------------------------------

_MOST_TEXTS = 4096
_known: dict[bytes, str] = {}
"""JSON texts by the value's bytes, which are quicker to make."""


def _to_json(value: Any) -> str:
    try:
        key = marshal.dumps(value, 2)
    except ValueError:  # a mapping that is no dictionary
        return _dumped(value)
    text = _known.get(key)
    if text is None:
        if len(_known) >= _MOST_TEXTS:
            _known.clear()
        text = _known[key] = _dumped(value)
    return text


def _dumped(value: Any) -> str:
    return json.dumps(schema.to_plain(value), ensure_ascii=False, allow_nan=False)


def _read_json(annotation: Any, text: str) -> Any:
    return schema.read(annotation, json.loads(text), "a value")


_read_constant = lru_cache(maxsize=1024)(_read_json)
"""Only for what nobody can change, since nouns then share it."""
