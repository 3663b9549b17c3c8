"""The two nouns that stand in a recording as bytes: a histogram, and the numbers of a preview.

A preview is a letter and the values, little-endian: ``f`` float32 (where that is exact), ``d``
float64, ``q`` int64, ``?`` one byte of truth; or ``j`` and the values as JSON, where they are
mixed or larger. One without values is empty.

A histogram is two letters, and then little-endian: both edges, how many values were sampled (int64,
0 where every value was counted), and the counts to the end. The first letter is the type of the
edges, ``f`` or ``d``; the second that of the counts: ``H`` uint16, ``I`` uint32 or ``Q`` uint64.
What does not fit is a ``j`` and JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ganscope.traces import schema
from ganscope.traces.tensor import HISTOGRAM_BINS, Histogram, Value

_USUAL = struct.Struct(f"<2fq{HISTOGRAM_BINS}H")
_EDGES = struct.Struct("<2f")
_LETTERS = {frozenset((float,)): "d", frozenset((int,)): "q", frozenset((bool,)): "?"}


def pack_preview(values: Sequence[Value]) -> bytes:
    """The values of a preview as bytes."""
    if not values:
        return b""
    letter = _LETTERS.get(frozenset(map(type, values)))
    try:
        if letter == "d":
            return _pack_floats(tuple(values))
        if letter:
            return letter.encode() + _packer(f"<{len(values)}{letter}").pack(*values)
    except struct.error:
        pass  # an integer beyond 64 bits
    return b"j" + json.dumps(schema.to_plain(values), allow_nan=False).encode()


def read_preview(data: bytes) -> tuple[Value, ...]:
    """The inverse of `pack_preview`.

    Raises:
        ValueError, struct.error, TraceFormatError: These bytes are no preview.
    """
    letter, body = data[:1].decode(), data[1:]
    if not letter:
        return ()
    if letter == "j":
        found: tuple[Value, ...] = schema.read(tuple[Value, ...], json.loads(body), "preview")
        return found
    return _packer(f"<{len(body) // struct.calcsize(letter)}{letter}").unpack(body)


def pack_histogram(histogram: Histogram) -> bytes:
    """A histogram as bytes."""
    edges, sampled = (histogram.low, histogram.high), histogram.sampled
    try:  # nearly always
        body = _USUAL.pack(*edges, sampled or 0, *histogram.counts)
        if _EDGES.unpack_from(body) == edges and sampled != 0:
            return b"fH" + body
    except (struct.error, OverflowError):
        pass  # of other bins, or a number that is larger
    for letters in ("dH", "dI", "dQ") if sampled != 0 else ():
        form = f"<2{letters[0]}q{len(histogram.counts)}{letters[1]}"
        try:
            body = _packer(form).pack(*edges, sampled or 0, *histogram.counts)
        except struct.error:
            continue
        return letters.encode() + body
    return b"j" + json.dumps(schema.to_plain(histogram), allow_nan=False).encode()


def read_histogram(data: bytes) -> Histogram:
    """The inverse of `pack_histogram`.

    Raises:
        ValueError, LookupError, struct.error, TraceFormatError: These bytes are no histogram.
    """
    if data[:1] == b"j":
        return schema.from_plain(Histogram, json.loads(data[1:]))
    edge, width = data[:1].decode(), data[1:2].decode()
    head = 2 + struct.calcsize(f"<2{edge}q")
    size = (len(data) - head) // struct.calcsize(width)
    low, high, sampled, *counts = _packer(f"<2{edge}q{size}{width}").unpack(data[2:])
    return Histogram(low=low, high=high, counts=tuple(counts), sampled=sampled or None)


def _pack_floats(values: tuple[Any, ...]) -> bytes:
    """A letter and the values: four bytes each where that is exact."""
    try:
        narrow = _packer(f"<{len(values)}f")
        body = narrow.pack(*values)
        if narrow.unpack(body) == values:
            return b"f" + body
    except OverflowError:
        pass  # larger than float32
    return b"d" + _packer(f"<{len(values)}d").pack(*values)


@lru_cache(maxsize=64)
def _packer(form: str) -> struct.Struct:
    return struct.Struct(form)
