"""What a tensor is recognised by, since a trace holds none: its record."""

from __future__ import annotations

from ganscope.traces.tensor import TensorRecord

Likeness = tuple[object, ...]


def likeness(record: TensorRecord) -> Likeness:
    """Equal for records of one tensor: its shape, its figures and its first values."""
    return record.shape, record.stats, repr(record.preview)  # as text, NaN equals NaN
