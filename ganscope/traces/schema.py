"""Nouns to plain data and back, driven by their annotations alone.

The plain form is strict JSON: NaN and the infinities, which a preview or a loss may hold,
stand in it as the strings ``"nan"``, ``"inf"`` and ``"-inf"``; bytes as base64.
"""

from __future__ import annotations

import base64
import binascii
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ganscope.errors import TraceFormatError

T = TypeVar("T")

_LONGEST = 60
_NONFINITE = ("nan", "inf", "-inf")


def to_plain(value: Any) -> Any:
    """`value` as dicts, lists, strings, numbers, booleans and None."""
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else repr(value)
    if value is None or kind in (int, str, bool):
        return value
    if kind is bytes:
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if kind is tuple or isinstance(value, Sequence):
        return [to_plain(item) for item in value]
    noun: Any = kind
    return {name: to_plain(getattr(value, name)) for name in _readers(noun)}


def from_plain(noun: type[T], data: Any) -> T:
    """An instance of `noun` from its plain form; keys it does not know are passed over.

    Raises:
        TraceFormatError: A key is missing or a value has the wrong type.
    """
    return _read(noun, data, noun.__name__.lower())  # type: ignore[no-any-return]


def read(annotation: Any, data: Any, where: str) -> Any:
    """What `annotation` says, from its plain form.

    Args:
        annotation: A noun, a scalar, a union of them, or a tuple, sequence or mapping of those.
        data: The plain form.
        where: What the data is called in the message.

    Raises:
        TraceFormatError: A key is missing or a value has the wrong type.
    """
    return _read(annotation, data, where)


def require(data: Any, schema: str) -> None:
    """Refuse `data` that does not call itself `schema`.

    Raises:
        TraceFormatError: It is no mapping, or names another schema.
    """
    if not isinstance(data, Mapping):
        raise TraceFormatError(f"a trace is an object, this is a {type(data).__name__}")
    given = data.get("schema")
    if given != schema:
        shown = repr(given) if len(repr(given)) <= _LONGEST else repr(given)[:_LONGEST] + "…"
        raise TraceFormatError(
            f"schema {shown} is not {schema!r}; it may come from a newer ganscope: upgrade, "
            "or take the trace again"
        )


@cache
def _readers(noun: type) -> dict[str, tuple[Any, bool]]:
    """Field name → (annotation, whether it may be missing)."""
    hints = get_type_hints(noun)
    return {
        field.name: (
            hints[field.name],
            field.default is not MISSING or field.default_factory is not MISSING,
        )
        for field in fields(noun)
    }


def _read(annotation: Any, data: Any, where: str) -> Any:
    if is_dataclass(annotation):
        return _read_noun(annotation, data, where)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(annotation), data, where)
    if origin in (tuple, Sequence):
        if not isinstance(data, list | tuple):
            raise _mismatch("a list", data, where)
        return _read_items(get_args(annotation), data, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise _mismatch("an object", data, where)
        item = get_args(annotation)[1]
        return {key: _read(item, value, f"{where}.{key}") for key, value in data.items()}
    return _read_data(data, where) if annotation is Any else _SCALARS[annotation](data, where)


def _read_items(items: tuple[Any, ...], data: Sequence[Any], where: str) -> tuple[Any, ...]:
    if len(items) == 1 or items[-1] is Ellipsis:
        items = items[:1] * len(data)
    elif len(items) != len(data):
        raise TraceFormatError(
            f"{_one_line(where)} should have {len(items)} entries, and has {len(data)}"
        )
    return tuple(
        _read(item, value, f"{where}[{i}]")
        for i, (item, value) in enumerate(zip(items, data, strict=True))
    )


def _read_noun(noun: Any, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise _mismatch("an object", data, where)
    values = {}
    for name, (annotation, optional) in _readers(noun).items():
        if name in data:
            values[name] = _read(annotation, data[name], f"{where}.{name}")
        elif not optional:
            raise TraceFormatError(f"{_one_line(where)}.{name} is missing")
    return noun(**values)


def _read_data(data: Any, where: str) -> Any:
    """Settings: any data that strict JSON can hold."""
    if isinstance(data, Mapping):
        return {str(key): _read_data(value, f"{where}.{key}") for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_read_data(value, where) for value in data]
    if data is None or isinstance(data, bool | int | str):
        return data
    return _read_float(data, where)


def _read_union(choices: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in choices:
        return None
    choices = tuple(choice for choice in choices if choice is not type(None))
    if len(choices) == 1:
        return _read(choices[0], data, where)
    if type(data) in choices:
        return data
    return _read(float, data, where)


def _read_float(data: Any, where: str) -> float:
    if isinstance(data, bool) or not (isinstance(data, int | float) or data in _NONFINITE):
        raise _mismatch("a number", data, where)
    try:
        return float(data)
    except OverflowError:
        raise _mismatch("a number that a double holds", data, where) from None


def _read_bytes(data: Any, where: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _mismatch("base64 text", data, where) from None


def _read_exactly(kind: type, words: str) -> Callable[[Any, str], Any]:
    def read(data: Any, where: str) -> Any:
        if type(data) is not kind:
            raise _mismatch(words, data, where)
        return data

    return read


_SCALARS: dict[Any, Callable[[Any, str], Any]] = {
    float: _read_float,
    bytes: _read_bytes,
    int: _read_exactly(int, "a whole number"),
    str: _read_exactly(str, "text"),
    bool: _read_exactly(bool, "true or false"),
}


def _mismatch(expected: str, data: Any, where: str) -> TraceFormatError:
    given = "null" if data is None else type(data).__name__
    return TraceFormatError(f"{_one_line(where)} should be {expected}, and is {given}")


def _one_line(where: str) -> str:
    """A place in the data; a stranger's key may hold anything."""
    return "".join(sign if sign.isprintable() else "?" for sign in where)
