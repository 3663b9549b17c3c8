"""Which tensors have equal values though no identity joins them: always an inference.

Concluded from statistics and first values. Nothing is said of fewer than 16 values, nor of values
that are so few kinds, such as classes or saturated images, that any two tensors may have them.
"""

from __future__ import annotations

from ganscope.analysis.graph import origin_id
from ganscope.traces import TensorRecord

_FEWEST_VALUES = 16
_KINDS = 2
"""So few different values say nothing of where they come from."""

Fingerprint = tuple[object, ...]


def fingerprint(record: TensorRecord) -> Fingerprint | None:
    """Equal for tensors of equal values; None where equal values would say nothing."""
    stats = record.stats
    if stats is None or stats.count < _FEWEST_VALUES or stats.nonfinite or stats.histogram is None:
        return None
    if sum(count > 0 for count in stats.histogram.counts) <= _KINDS:
        return None
    return record.shape, stats, record.preview


class Batches:
    """Numbers of batches: the same for one tensor, its views and, by inference, its copies."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def number(self, record: TensorRecord) -> int:
        """The number of a tensor's batch."""
        origin, values = origin_id(record), fingerprint(record)
        keys: list[object] = [("id", id(record) if origin is None else -1, origin)]
        keys += [] if record.id is None else [("id", -1, record.id)]
        keys += [] if values is None else [values]
        known = next((self._numbers[key] for key in keys if key in self._numbers), None)
        number = len(self._numbers) if known is None else known
        for key in keys:
            self._numbers.setdefault(key, number)
        return number
