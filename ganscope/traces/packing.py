"""The numbers of a step as bytes, in columns over all of its tensors."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from ganscope.traces import further
from ganscope.traces.columns import pack_floats, pack_integers
from ganscope.traces.compressed import pack_json
from ganscope.traces.layout import Parts
from ganscope.traces.schema import to_plain
from ganscope.traces.step import Step, Update
from ganscope.traces.tensor import Histogram, TensorRecord

LARGEST = 12 << 20
"""Bytes of one step's numbers before they are compressed."""
HEAD = struct.Struct("<qI16s")
"""Index of the step, checksum of its samples, digest of its layout."""
SAME, OWN = b"\x01", b"\x00"
"""Whether a column follows from others that stand before it."""

Floats = Sequence[float | None]

_figures = attrgetter(
    "count", "nonfinite", "mean", "std", "min", "max", "norm",
    "fraction_nonpositive", "fraction_zero", "histogram",
)  # fmt: skip
_changes = attrgetter("weight_norm", "update_norm", "update_ratio")


@dataclass(frozen=True, slots=True)
class Packed:
    """A step's numbers: as bytes, and once more those that SQL can be asked for.

    Attributes:
        numbers: All but the samples, compressed; zlib's checksum stands in it.
        samples: Data of each record with samples.
        means: Of each figures in the layout's order.
        stds: Of each figures.
        norms: Of each figures.
        losses: Values of the losses, update by update.
        weights: Weight norm of each parameter.
        moves: Update norm of each parameter.
        ratios: Update ratio of each parameter.
        ratios_follow: Whether every ratio is the quotient of the two norms.
    """

    numbers: bytes
    samples: Sequence[bytes]
    means: Floats
    stds: Floats
    norms: Floats
    losses: Sequence[float]
    weights: Floats
    moves: Floats
    ratios: Floats
    ratios_follow: bool


def pack(parts: Parts, digest: bytes) -> Packed:
    """The numbers of a step; `unpacking.unpack` is the inverse.

    Args:
        parts: The step.
        digest: Of its layout's bytes, 16 of them: numbers are read only together with theirs.

    Raises:
        ValueError: They are more than a recording takes.
    """
    step, layout = parts.step, parts.layout
    columns = list(zip(*map(_figures, parts.stats), strict=True)) or [()] * 10
    counts, nonfinite, means, stds, lows, highs, norms, nonpositive, zero, histograms = columns
    samples = [record.samples.data for record in parts.records if record.samples is not None]
    changes = list(zip(*map(_changes, parts.parameters), strict=True)) or [()] * 3
    weights, moves, ratios = changes
    follow = _follow(weights, moves, ratios)
    data = b"".join(
        [
            HEAD.pack(step.index, checksum(samples), digest),
            pack_integers(nonfinite),
            *map(pack_floats, (means, stds, lows, highs, norms)),
            *_pack_shares(counts, nonfinite, (*nonpositive, *zero)),
            *_pack_histograms(histograms, lows, highs),
            *_pack_previews(parts.records, layout.previews),
            *_pack_identities(parts.records),
            pack_floats([call.seconds for call in step.calls]),
            pack_floats([*update_floats(step.updates)]),
            pack_floats(weights),
            pack_floats(moves),
            SAME if follow else OWN + pack_floats(ratios),
            *_pack_measured(step),
            further.pack(parts.further),
        ]
    )
    if len(data) > LARGEST:
        raise ValueError(f"its figures take {len(data):,} bytes, more than a recording holds")
    losses = [loss.value for update in step.updates for loss in update.losses]
    numbers = zlib.compress(data, 1)
    return Packed(numbers, samples, means, stds, norms, losses, weights, moves, ratios, follow)


def _pack_identities(records: Sequence[TensorRecord]) -> Iterator[bytes]:
    for name in ("id", "alias_of", "changed_from"):
        values = [getattr(record, name) for record in records]
        yield pack_integers([0 if value is None else value + 1 for value in values])


def _pack_measured(step: Step) -> Iterator[bytes]:
    """What was measured beside the step, which is seldom there: as text."""
    there = step.judgements or step.split is not None
    text = pack_json([to_plain(step.judgements), to_plain(step.split)]) if there else b""
    yield pack_integers([len(text)])
    yield text


def checksum(samples: Iterable[bytes]) -> int:
    """Over the data of all samples, as if it were one piece, and their lengths."""
    value = 0
    for data in samples:
        value = zlib.crc32(data, value ^ len(data))
    return value


def shares(whole: Iterable[int], parts: Iterable[int]) -> list[float]:
    """Each part as a share of its whole."""
    return [part / count for part, count in zip(parts, whole, strict=True)]


def update_floats(updates: Iterable[Update]) -> Iterator[float]:
    """The floats of updates, in the order in which they are written."""
    for update in updates:
        yield update.gradient_scale
        for optimizer in update.optimizers:
            yield from optimizer.learning_rates
        for loss in update.losses:
            yield loss.value
            for part in loss.parts:
                yield part.value


def _pack_shares(
    counts: Sequence[int], nonfinite: Sequence[int], fractions: Floats
) -> Iterator[bytes]:
    """Fractions as whole numbers of values, where these give the same floats again."""
    whole = [count - missing for count, missing in zip(counts, nonfinite, strict=True)] * 2
    try:
        parts = [
            round(fraction * count)  # type: ignore[operator]
            for fraction, count in zip(fractions, whole, strict=True)
        ]
        again = _doubles(shares(whole, parts)) == _doubles(fractions)
    except (TypeError, ValueError, ArithmeticError):  # None, NaN, infinite, of no values
        again = False
    if again:
        yield SAME
        yield pack_integers(parts)
    else:
        yield OWN
        yield pack_floats(fractions)


def _pack_histograms(
    histograms: Sequence[Histogram | None], lows: Floats, highs: Floats
) -> Iterator[bytes]:
    """The counts, and the outer edges where these are not the smallest and largest value."""
    if None in histograms:
        rows = zip(histograms, lows, highs, strict=True)
        kept = [row for row in rows if row[0] is not None]
        histograms, lows, highs = zip(*kept, strict=True) if kept else ((), (), ())
    whole = [histogram for histogram in histograms if histogram is not None]
    own_lows, own_highs = [one.low for one in whole], [one.high for one in whole]
    if _alike((*own_lows, *own_highs), (*lows, *highs)):
        yield SAME
    else:
        yield OWN
        yield pack_floats(own_lows)
        yield pack_floats(own_highs)
    yield pack_integers(list(chain.from_iterable([one.counts for one in whole])))


def _pack_previews(records: Sequence[TensorRecord], kinds: Sequence[int | str]) -> Iterator[bytes]:
    values = list(chain.from_iterable([record.preview for record in records]))
    letters = "".join([kind for kind in kinds if isinstance(kind, str)])
    if not letters:
        yield pack_floats(values)
        return
    pairs = list(zip(values, letters, strict=True))
    yield pack_floats([value for value, letter in pairs if letter == "f"])
    yield pack_integers([int(value) for value, letter in pairs if letter != "f"])


def _follow(weights: Floats, moves: Floats, ratios: Floats) -> bool:
    """Whether the ratios are the quotients, to the last bit."""
    try:
        return _alike(quotients(moves, weights), ratios)
    except (TypeError, ArithmeticError):
        return False


def quotients(moves: Floats, weights: Floats) -> list[float]:
    """Update norm / weight norm of each parameter."""
    return [move / weight for move, weight in zip(moves, weights, strict=True)]  # type: ignore[operator]


def _alike(left: Floats, right: Floats) -> bool:
    """Whether both are floats, the same to the last bit."""
    try:
        return _doubles(left) == _doubles(right)
    except struct.error:
        return False


def _doubles(values: Floats) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)
