"""Compressed bytes and compressed JSON of unknown origin."""

from __future__ import annotations

import json
import zlib
from typing import Any

_LARGEST_JSON = 64 << 20
_MOST_VALUES = 1_000_000
"""Values in one JSON text: as Python objects they take over a hundred bytes each."""


def inflate(data: bytes, largest: int) -> bytes:
    """What zlib compressed into `data`; that it is whole, zlib's own checksum tells.

    Raises:
        ValueError: It is damaged, cut off, or holds more than `largest` bytes.
        TypeError: It is not even bytes.
    """
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(data, largest)
    except zlib.error:
        raise ValueError("bytes that have changed since they were written") from None
    if not reader.eof or reader.unused_data:
        raise ValueError("compressed data that is cut off or too long")
    return plain


def pack_json(plain: Any) -> bytes:
    """Plain data as compressed JSON; equal data give equal bytes.

    Raises:
        ValueError: It is more than `read_json` would take.
    """
    text = json.dumps(plain, allow_nan=False, separators=(",", ":")).encode("ascii")
    _require_moderate(text)
    return zlib.compress(text, 9)


def read_json(data: bytes) -> Any:
    """The inverse of `pack_json`.

    Raises:
        ValueError: It is damaged, cut off, too much, or no JSON.
        TypeError: It is not even bytes.
        RecursionError: It is nested without end.
    """
    text = inflate(data, _LARGEST_JSON)
    _require_moderate(text)
    return json.loads(text)


def _require_moderate(text: bytes) -> None:
    # Opening brackets and commas bound the number of values without reading any.
    values = sum(map(text.count, (b"[", b"{", b",")))
    if len(text) > _LARGEST_JSON or values > _MOST_VALUES:
        raise ValueError(f"it is of {values:,} parts, more than a recording holds")
