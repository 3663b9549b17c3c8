"""A step from its layout and its numbers: the inverse of `packing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from ganscope.traces import further
from ganscope.traces.call import Call, Gradient
from ganscope.traces.columns import ColumnReader
from ganscope.traces.compressed import inflate, read_json
from ganscope.traces.layout import NOTHING, Layout, LossRow, UpdateRow
from ganscope.traces.packing import HEAD, LARGEST, OWN, SAME, checksum, quotients, shares
from ganscope.traces.schema import from_plain
from ganscope.traces.step import (
    Backward,
    GradientSplit,
    Judgement,
    LedgerEntry,
    Loss,
    LossPart,
    Optimizer,
    ParameterUpdate,
    Step,
    Update,
)
from ganscope.traces.tensor import Histogram, Samples, TensorRecord, TensorStats, Value


def unpack(layout: Layout, digest: bytes, numbers: bytes, samples: Sequence[bytes]) -> Step:
    """The step whose `layout` and numbers these are.

    Args:
        layout: What repeats from step to step.
        digest: Of the layout's bytes.
        numbers: As packed.
        samples: Data of each record with samples.

    Raises:
        ValueError, TypeError, LookupError, ArithmeticError, struct.error: They are damaged.
    """
    reader = ColumnReader(inflate(numbers, LARGEST))
    index, own_checksum, own_digest = HEAD.unpack(reader.raw(HEAD.size))
    if own_digest != digest:
        raise ValueError("numbers of another layout")
    if len(samples) != len(layout.samples) or checksum(samples) != own_checksum:
        raise ValueError("samples that do not match their checksum")
    kept = {
        place: Samples(indices, shape, data)
        for (place, indices, shape), data in zip(layout.samples, samples, strict=True)
    }
    stats = [*_read_stats(reader, layout), None]  # the place -1 is that of no figures
    measured = [stats[place] for place in layout.measured]
    records = _read_records(reader, layout, measured, kept)
    gradients = [
        Gradient(backward, output, own)
        for (backward, output), own in zip(layout.gradients, measured[len(records) :], strict=False)
    ]
    seconds = reader.floats(len(layout.calls))
    updates = tuple(_updates(reader, layout, measured[len(records) + len(gradients) :]))
    judgements, split = _read_measured(reader)
    updates, records = further.joined(layout.further, further.read(reader), updates, records)
    calls = tuple(_calls(seconds, layout, records, gradients))
    reader.finish()
    ledger = tuple(LedgerEntry(*row) for row in layout.ledger)
    return Step(index, calls, updates, ledger, judgements, split)


def _read_measured(reader: ColumnReader) -> tuple[tuple[Judgement, ...], GradientSplit | None]:
    (size,) = reader.integers(1)
    if not size:
        return (), None
    judgements, split = read_json(reader.raw(size))
    return (
        tuple(from_plain(Judgement, each) for each in judgements),
        None if split is None else from_plain(GradientSplit, split),
    )


def _read_stats(reader: ColumnReader, layout: Layout) -> Iterator[TensorStats]:
    number = len(layout.stats)
    nonfinite = reader.integers(number)
    mean, std, low, high, norm = (reader.floats(number) for _ in range(5))
    whole = [row[0] - missing for row, missing in zip(layout.stats, nonfinite, strict=True)]
    if _follows(reader):
        fractions: Sequence[float | None] = shares(whole * 2, reader.integers(2 * number))
    else:
        fractions = reader.floats(2 * number)
    histograms = _read_histograms(reader, layout, low, high)
    for place, (count, _, _) in enumerate(layout.stats):
        yield TensorStats(
            count,
            mean[place],
            std[place],
            low[place],
            high[place],
            norm[place],
            fractions[place],
            fractions[number + place],
            nonfinite[place],
            histograms.get(place),
        )


def _read_histograms(
    reader: ColumnReader,
    layout: Layout,
    least: Sequence[float | None],
    most: Sequence[float | None],
) -> dict[int, Histogram]:
    """Histograms by the place of their figures."""
    places = [place for place, row in enumerate(layout.stats) if row[1] != NOTHING]
    if _follows(reader):
        lows, highs = [least[place] for place in places], [most[place] for place in places]
    else:
        lows, highs = [*reader.floats(len(places))], [*reader.floats(len(places))]
    counts = tuple(reader.integers(sum(layout.stats[place][1] for place in places)))
    histograms, start = {}, 0
    for place, low, high in zip(places, lows, highs, strict=True):
        _, bins, sampled = layout.stats[place]
        if low is None or high is None:
            raise ValueError("a histogram without edges")
        histograms[place] = Histogram(low, high, counts[start : start + bins], sampled)
        start += bins
    return histograms


def _read_records(
    reader: ColumnReader,
    layout: Layout,
    measured: Sequence[TensorStats | None],
    samples: dict[int, Samples],
) -> list[TensorRecord]:
    previews = list(_read_previews(reader, layout))
    number = len(layout.records)
    ids, aliases, changes = ([*reader.integers(number)] for _ in range(3))
    return [
        TensorRecord(
            shape=row[0],
            dtype=row[1],
            device=row[2],
            requires_grad=row[3],
            stats=measured[place],
            note=row[4],
            preview=previews[place],
            samples=samples.get(place),
            name=row[5],
            id=ids[place] - 1 if ids[place] else None,
            alias_of=aliases[place] - 1 if aliases[place] else None,
            changed_from=changes[place] - 1 if changes[place] else None,
            is_leaf=row[6],
            kind=row[7],
            earlier=row[8],
        )
        for place, row in enumerate(layout.records)
    ]


def _read_previews(reader: ColumnReader, layout: Layout) -> Iterator[tuple[Value, ...]]:
    kinds = layout.previews
    numbers = [kind if isinstance(kind, int) else kind.count("f") for kind in kinds]
    others = sum(len(kind) - kind.count("f") for kind in kinds if isinstance(kind, str))
    floats = iter(_all(reader.floats(sum(numbers))))
    integers = iter(reader.integers(others))
    take: dict[str, Callable[[], Value]] = {
        "f": lambda: next(floats),
        "i": lambda: next(integers),
        "b": lambda: bool(next(integers)),
    }
    for kind in kinds:
        if isinstance(kind, int):
            yield tuple(islice(floats, kind))
        else:
            yield tuple([take[letter]() for letter in kind])


def _calls(
    seconds: Sequence[float | None],
    layout: Layout,
    records: Sequence[TensorRecord],
    gradients: Sequence[Gradient],
) -> Iterator[Call]:
    used = [records[place] for place in layout.used]
    at = gradients_at = 0
    modes = layout.modes or (None,) * len(layout.calls)
    for row, (inputs, outputs, arrived), duration, mode in zip(
        layout.calls, layout.sizes, seconds, modes, strict=True
    ):
        between, end = at + inputs, at + inputs + outputs
        yield Call(
            *row[:9],
            tuple(used[at:between]),
            tuple(used[between:end]),
            row[9],
            duration,
            row[10],
            tuple(gradients[gradients_at : gradients_at + arrived]),
            row[11],
            row[12],
            mode,
            row[13],
            row[14],
            row[15],
            row[16],
        )
        at, gradients_at = end, gradients_at + arrived


def _updates(
    reader: ColumnReader, layout: Layout, gradients: Sequence[TensorStats | None]
) -> Iterator[Update]:
    floats = iter(_all(reader.floats(sum(map(_float_count, layout.updates)))))
    number = len(gradients)
    weights, moves = reader.floats(number), reader.floats(number)
    follow = _follows(reader)
    ratios = quotients(moves, weights) if follow else reader.floats(number)
    parameters = zip(gradients, weights, moves, ratios, strict=True)
    followed = iter(layout.followed)
    for index, optimizers, networks, losses, backwards, names in layout.updates:
        scale = next(floats)
        yield Update(
            index,
            tuple(
                [
                    Optimizer(name, kind, tuple(islice(floats, rates)))
                    for name, kind, rates in optimizers
                ]
            ),
            networks,
            tuple([_loss(row, floats) for row in losses]),
            tuple([Backward(*row[:3], dict(row[3]), next(followed, None)) for row in backwards]),
            scale,
            tuple(
                [
                    ParameterUpdate(name, shape, optimizer, gradient, weight, move, ratio)
                    for (name, shape, optimizer), (gradient, weight, move, ratio) in zip(
                        names, islice(parameters, len(names)), strict=True
                    )
                ]
            ),
        )


def _all(values: Sequence[float | None]) -> Sequence[float]:
    """Floats of which none may be missing.

    Raises:
        ValueError: One is.
    """
    if None in values:
        raise ValueError("a number that is missing")
    return values  # type: ignore[return-value]


def _loss(row: LossRow, floats: Iterator[float]) -> Loss:
    name, call, parts = row
    return Loss(name, next(floats), call, tuple([LossPart(part, next(floats)) for part in parts]))


def _float_count(row: UpdateRow) -> int:
    """How many floats `packing.update_floats` gives for an update."""
    _, optimizers, _, losses, _, _ = row
    rates = sum(count for _, _, count in optimizers)
    return 1 + rates + sum(1 + len(parts) for _, _, parts in losses)


def _follows(reader: ColumnReader) -> bool:
    """Whether the next column follows from those before."""
    tag = reader.raw(1)
    if tag not in (SAME, OWN):
        raise ValueError("a column of an unknown kind")
    return tag == SAME
