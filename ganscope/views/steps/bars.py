"""Figures on a scale of powers of ten, drawn with signs: read by length and place, not colour."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ganscope.views import style

_FEWEST = 2
"""Decades of a scale: on a shorter one, noise would look like a trend."""
_MOST = 12
USUAL_RATIO = 1e-3
"""Update over weight as it should roughly be: a thousandth of the weights per step."""
_GAUGE = "······│······"
"""From 1e-6 to 1 in half decades, the middle at 1e-3."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Powers of ten from `low` to `high`."""

    low: int
    high: int

    @property
    def decades(self) -> int:
        """How many there are."""
        return self.high - self.low

    def header(self, width: int) -> str:
        """``1e-6──────1e-1``: what the ends of a bar of `width` cells mean."""
        left, right = f"1e{self.low}", f"1e{self.high}"
        return left + "─" * max(1, width - len(left) - len(right)) + right

    def share(self, value: float | None) -> float:
        """How far along the scale a value stands, 0 to 1; 0 for what is not above its start."""
        if value is None or not math.isfinite(value) or value <= 0:
            return 0.0
        return min(1.0, max(0.0, (math.log10(value) - self.low) / self.decades))

    def bar(self, value: float | None, width: int) -> str:
        """A bar of up to `width` cells; nothing for 0 and for what is not known."""
        if value is None or not math.isfinite(value) or value <= 0:
            return ""
        whole, rest = divmod(max(1, round(8 * width * self.share(value))), 8)
        return style.PARTS[-1] * whole + (style.PARTS[rest - 1] if rest else "")


def scale_of(values: Iterable[float | None]) -> Scale:
    """The decades that hold all positive values, the largest ones where they are too many."""
    known = [value for value in values if value is not None and 0 < value < math.inf]
    if not known:
        return Scale(-6, 0)
    high = math.ceil(math.log10(max(known)) + 1e-9)
    low = math.floor(math.log10(min(known)))
    return Scale(max(min(low, high - _FEWEST), high - _MOST), high)


def gauge(ratio: float | None) -> str:
    """Where a ratio stands between 1e-6 and 1, and signs where it is far from 1e-3.

    ``····●·│······``; ``≪`` behind it for less than a tenth of 1e-3, ``≫`` for more than ten
    times as much.
    """
    if ratio is None or not math.isfinite(ratio):
        return ""
    middle = len(_GAUGE) // 2
    if ratio <= 0:
        return f"{_GAUGE} ≪"
    place = middle + round(2 * math.log10(ratio / USUAL_RATIO))
    mark = "●"
    if not 0 <= place < len(_GAUGE):
        mark, place = ("‹", 0) if place < 0 else ("›", len(_GAUGE) - 1)
    far = " ≪" if ratio < USUAL_RATIO / 10 else " ≫" if ratio > USUAL_RATIO * 10 else ""
    return _GAUGE[:place] + mark + _GAUGE[place + 1 :] + far
