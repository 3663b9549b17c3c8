"""One palette and one number format for every medium."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganscope.traces import Histogram, expressions
from ganscope.traces.tensor import sides_of

NOTHING = "–"
printable = expressions.printable
ROUNDING = 1e-6
"""Share of the standard deviation below which a mean is rounding."""
BLOCKS = "▁▂▃▄▅▆▇█"
PARTS = "▏▎▍▌▋▊▉█"
"""Eighths of a cell, from the left."""
CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"

PALETTE = {
    "heading": "bold",
    "header": "bold",
    "rule": "dim",
    "network": "bold",
    "module": "",
    "container": "dim",
    "op": "dim italic",
    "shape": "cyan",
    "quiet": "dim",
    "histogram": "blue",
    "warning": "bold red",
    "explanation": "green",
}
"""Names of what is shown → rich styles that read on dark and on light terminals."""

_ASCII = str.maketrans(
    {
        "×": "x", "→": "->", "…": "...", "≤": "<=", "–": "-", "·": "*", "✗": "X", "⚠": "!",
        "─": "-", "µ": "u", "²": "^2", "√": "sqrt", "ᵀ": "^T", "≈": "~", "−": "-",
        "›": ">", "ˣ": "^x", "∞": "inf", "\xa0": " ", "‹": "<", "●": "o", "│": "|",
        "≪": "<<", "≫": ">>", "÷": "/", "°": " degrees", "±": "+-",
        **dict(zip(PARTS, "--==++##", strict=True)),
        **dict(zip(BLOCKS, "_.:-=+*#", strict=True)),
        **{sign: f"({place})" for place, sign in enumerate(CIRCLED, 1)},
    }
)  # fmt: skip


_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


def can_encode_glyphs(encoding: str) -> bool:
    """Whether an output of this encoding can show the signs that views are made of."""
    try:
        f"×→…≤≈›∞✗⚠─│●≪{BLOCKS}{PARTS}{CIRCLED}".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def to_ascii(text: str) -> str:
    """`text` in ASCII: known signs become look-alikes, anything else an escape."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def format_shape(shape: Sequence[int] | None) -> str:
    """``(64, 1, 28, 28)`` as ``64×1×28×28``; no dimensions is a ``scalar``."""
    return NOTHING if shape is None else sides_of(shape)


def format_number(value: float | None) -> str:
    """Three to four significant digits; two in powers of ten below 0.001 and from 100,000.

    An exact zero is ``0``; nothing else ever looks like one.
    """
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return str(float(value))
    size = abs(value)
    if size == 0:
        return "0"
    if not 0.001 <= size < 99_999.5:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    decimals = 4 if size < 0.1 else 3 if size < 10 else 2 if size < 100 else 1
    return f"{value:,.{decimals if size < 1000 else 0}f}"


def format_mean(mean: float | None, deviation: float | None) -> str:
    """A mean as a number; ``≈0`` where it is no more than rounding beside the deviation.

    After a norm layer a mean is 0 up to rounding: 1.3e-10 would look like a finding.
    """
    if mean and deviation and abs(mean) < ROUNDING * deviation:
        return "≈0"
    return format_number(mean)


def align_on_point(texts: Sequence[str]) -> list[str]:
    """Numbers padded so that their decimal points stand below one another."""
    behind = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    widest = max(behind, default=0)
    return [text + " " * (widest - count) for text, count in zip(texts, behind, strict=True)]


def format_count(value: int | None) -> str:
    """A whole number with thousands separators: ``1,510,032``."""
    return NOTHING if value is None else f"{value:,}"


def format_seconds(seconds: float | None) -> str:
    """A duration in the unit that suits it: ``84.2 µs``, ``1.36 ms``, ``2.50 s``."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    large = (unit for unit in _UNITS if seconds >= 0.9995 * unit[1])
    unit, size = next(large, _UNITS[-1])
    amount = seconds / size
    decimals = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
    return f"{amount:.{decimals}f} {unit}"


def format_share(fraction: float | None) -> str:
    """A share in percent; ``0%`` and ``100%`` only where it is exactly that."""
    if fraction is None or not math.isfinite(fraction):
        return NOTHING
    percent = round(100 * fraction)
    if percent == 0 and fraction > 0:
        return "<1%"
    if percent == 100 and fraction < 1:
        return ">99%"
    return f"{percent}%"


def count_of(count: int, noun: str) -> str:
    """``1 call``, ``17 calls``."""
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"


def sparkline(histogram: Histogram | None, width: int) -> str:
    """A histogram as one block per bin, from the smallest value to the largest.

    An empty bin is ``▁``; any other stands above it, however few values it holds. A single
    value has no distribution: nothing is drawn.

    Args:
        histogram: The distribution.
        width: Number of blocks; neighbouring bins are merged to it.
    """
    if histogram is None or not any(histogram.counts):
        return NOTHING
    if sum(histogram.counts) == 1:
        return ""
    merged = merge_bins(histogram.counts, width)
    tallest = max(merged)
    return "".join(
        BLOCKS[1 + round((len(BLOCKS) - 2) * count / tallest)] if count else BLOCKS[0]
        for count in merged
    )


def merge_bins(counts: Sequence[int], width: int) -> list[int]:
    """Counts of neighbouring bins added up into at most `width` bins."""
    width = max(1, min(width, len(counts)))
    merged = [0] * width
    for index, count in enumerate(counts):
        merged[index * width // len(counts)] += count
    return merged
