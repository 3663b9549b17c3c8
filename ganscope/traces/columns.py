"""Columns of numbers as bytes, each in the smallest form that gives every number back exactly.

A column's length is not written: who reads knows it. Bytes of equal weight stand together
(all lowest bytes, then all second ones), which is what makes them compress.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

_WHOLE = ((b"\x01", "B", 1), (b"\x02", "H", 2), (b"\x04", "I", 4), (b"\x08", "q", 8))
_ANY = b"\x09"
_DOUBLES, _SINGLES, _MIXED = b"\x01", b"\x02", b"\x03"
_NONE, _SINGLE, _DOUBLE = range(3)


def pack_integers(values: Sequence[int]) -> bytes:
    """Whole numbers of any size."""
    if not values:
        return b""
    for tag, code, width in _WHOLE:  # cheaper tried than looked through for the largest
        try:
            data = struct.pack(f"<{len(values)}{code}", *values)
        except struct.error:
            continue
        return tag + _apart(data, width)
    text = json.dumps(list(values)).encode("ascii")
    return _ANY + struct.pack("<I", len(text)) + text


def pack_floats(values: Sequence[float | None]) -> bytes:
    """Floats, NaN and the infinities among them, and None: in 4 bytes where that is exact."""
    if not values:
        return b""
    try:
        doubles = struct.pack(f"<{len(values)}d", *values)
    except struct.error:
        return _pack_mixed(values)
    if not _is_single(values[0]):  # the first speaks for the usual column
        return _DOUBLES + _apart(doubles, 8)
    singles = _as_singles(values, doubles)
    return _pack_mixed(values) if singles is None else _SINGLES + _apart(singles, 4)


def _pack_mixed(values: Sequence[float | None]) -> bytes:
    kinds = [
        _NONE if value is None else _SINGLE if _is_single(value) else _DOUBLE for value in values
    ]
    parts = [_MIXED, bytes(kinds)]
    for kind, code, width in ((_SINGLE, "f", 4), (_DOUBLE, "d", 8)):
        chosen = [value for value, own in zip(values, kinds, strict=True) if own == kind]
        parts.append(_apart(struct.pack(f"<{len(chosen)}{code}", *chosen), width))
    return b"".join(parts)


def _is_single(value: float | None) -> bool:
    return value is not None and _as_singles((value,), struct.pack("<d", value)) is not None


def _as_singles(values: Sequence[float | None], doubles: bytes) -> bytes | None:
    """The values as float32, or None where that would lose anything, a NaN's bits included."""
    try:
        singles = struct.pack(f"<{len(values)}f", *values)
    except OverflowError:
        return None
    back = struct.pack(f"<{len(values)}d", *struct.unpack(f"<{len(values)}f", singles))
    return singles if back == doubles else None


def _apart(data: bytes, width: int) -> bytes:
    return b"".join([data[start::width] for start in range(width)])


class ColumnReader:
    """Reads columns in the order in which they were packed.

    Every method raises ValueError or struct.error where the bytes are not what they should be.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def integers(self, count: int) -> Sequence[int]:
        """`count` whole numbers."""
        if count == 0:
            return ()
        tag = self._take(1)
        for known, code, width in _WHOLE:
            if tag == known:
                return self._numbers(count, code, width)
        if tag != _ANY:
            raise ValueError("a column of an unknown kind")
        (length,) = struct.unpack("<I", self._take(4))
        values = json.loads(self._take(length))
        if len(values) != count or any(type(value) is not int for value in values):
            raise ValueError("a column that holds other than whole numbers")
        return tuple(values)

    def floats(self, count: int) -> Sequence[float | None]:
        """`count` floats or None."""
        if count == 0:
            return ()
        tag = self._take(1)
        if tag == _DOUBLES:
            return self._numbers(count, "d", 8)
        if tag == _SINGLES:
            return self._numbers(count, "f", 4)
        if tag != _MIXED:
            raise ValueError("a column of an unknown kind")
        kinds = self._take(count)
        pieces = {
            _NONE: iter([None] * kinds.count(_NONE)),
            _SINGLE: iter(self._numbers(kinds.count(_SINGLE), "f", 4)),
            _DOUBLE: iter(self._numbers(kinds.count(_DOUBLE), "d", 8)),
        }
        return tuple(next(pieces[kind]) for kind in kinds)

    def raw(self, count: int) -> bytes:
        """`count` bytes as they stand."""
        return self._take(count)

    def finish(self) -> None:
        """Make sure that nothing is left over."""
        if self._at != len(self._data):
            raise ValueError("more numbers than its layout has places for")

    def _numbers(self, count: int, code: str, width: int) -> tuple[Any, ...]:
        apart = self._take(count * width)
        together = bytearray(len(apart))
        for start in range(width):
            together[start::width] = apart[start * count : (start + 1) * count]
        return struct.unpack(f"<{count}{code}", together)

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._data) - self._at:
            raise ValueError("fewer numbers than its layout has places for")
        self._at += count
        return self._data[self._at - count : self._at]
