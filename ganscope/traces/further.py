"""Facts of updates and records that have no column of their own: words beside the layout, floats
behind the numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, get_type_hints

from ganscope.traces import schema
from ganscope.traces.columns import ColumnReader, pack_integers
from ganscope.traces.step import Backward, BufferChange, Optimizer, ParameterUpdate, Update
from ganscope.traces.tensor import TensorRecord

_Noun = TypeVar("_Noun")

_FIELDS: dict[type, tuple[str, ...]] = {
    Optimizer: ("betas", "momentum", "weight_decay", "holds", "steps"),
    Backward: ("retain_graph", "site"),
    ParameterUpdate: ("dtype", "weight_min", "weight_max", "clipped_from"),
    BufferChange: ("name", "norm_before", "change_norm"),
}
_FLOAT = "f"
_PLAIN = "p"

_get: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    noun: attrgetter(*names) for noun, names in _FIELDS.items()
}
_spread = attrgetter("spread")
_hints = cache(get_type_hints)


def split(updates: Sequence[Update], records: Sequence[TensorRecord]) -> tuple[Any, list[float]]:
    """The facts with a mark in place of each float, and the floats; `joined` is the inverse."""
    floats: list[float] = []
    rows = tuple(
        [
            (
                _rows(Optimizer, update.optimizers, floats),
                _rows(Backward, update.backwards, floats),
                _rows(ParameterUpdate, update.parameters, floats),
                _rows(BufferChange, update.buffers, floats),
                update.changed_outside,
            )
            for update in updates
        ]
    )
    spreads = list(map(_spread, records))
    there = tuple([place for place, spread in enumerate(spreads) if spread is not None])
    floats += [spread for spread in spreads if spread is not None]
    return (rows, there), floats


def pack(floats: Sequence[float]) -> bytes:
    """The floats as bytes."""
    return pack_integers([len(floats)]) + struct.pack(f"<{len(floats)}d", *floats)


def read(reader: ColumnReader) -> Iterator[float]:
    """The inverse of `pack`.

    Raises:
        ValueError, struct.error: It is damaged.
    """
    (count,) = reader.integers(1)
    return iter(struct.unpack(f"<{count}d", reader.raw(8 * count)))


def joined(
    texts: Any, floats: Iterator[float], updates: Sequence[Update], records: Sequence[TensorRecord]
) -> tuple[tuple[Update, ...], list[TensorRecord]]:
    """`updates` and `records` with their facts.

    Raises:
        ValueError, TypeError, LookupError, StopIteration, TraceFormatError: They are damaged.
    """
    rows, there = texts
    whole = []
    for update, (optimizers, backwards, parameters, buffers, outside) in zip(
        updates, rows, strict=True
    ):
        whole.append(
            replace(
                update,
                optimizers=_with(update.optimizers, optimizers, floats),
                backwards=_with(update.backwards, backwards, floats),
                parameters=_with(update.parameters, parameters, floats),
                buffers=tuple(
                    [BufferChange(**_facts(BufferChange, row, floats)) for row in buffers]
                ),
                changed_outside=schema.read(tuple[str, ...], outside, "changed_outside"),
            )
        )
    spread = list(records)
    for place in there:
        spread[place] = replace(records[place], spread=_next(floats))
    return tuple(whole), spread


def _rows(noun: type, items: Sequence[Any], floats: list[float]) -> tuple[Any, ...]:
    get = _get[noun]
    return tuple([_split(get(item), floats) for item in items])


def _split(value: Any, floats: list[float]) -> Any:
    """A float becomes a mark; a text is marked too, so that it is not taken for one."""
    kind = type(value)
    if kind is float:
        floats.append(value)
        return _FLOAT
    if kind is str:
        return _PLAIN + value
    return tuple([_split(each, floats) for each in value]) if kind is tuple else value


def _join(value: Any, floats: Iterator[float]) -> Any:
    if isinstance(value, list | tuple):
        return [_join(each, floats) for each in value]
    if isinstance(value, str):
        return _next(floats) if value == _FLOAT else value[1:]
    return value


def _with(items: Sequence[_Noun], rows: Any, floats: Iterator[float]) -> tuple[_Noun, ...]:
    return tuple(
        [
            replace(item, **_facts(type(item), row, floats))  # type: ignore[type-var]
            for item, row in zip(items, rows, strict=True)
        ]
    )


def _facts(noun: type, row: Any, floats: Iterator[float]) -> dict[str, Any]:
    hints = _hints(noun)
    return {
        name: schema.read(hints[name], _join(value, floats), name)
        for name, value in zip(_FIELDS[noun], row, strict=True)
    }


def _next(floats: Iterator[float]) -> float:
    for value in floats:
        return value
    raise ValueError("fewer numbers than its layout has places for")
