"""What repeats from step to step, apart from the numbers that do not.

A loop makes the same calls in every turn. Their paths, types, settings, shapes and sites, and
which tensor is whose input, are the step's layout: it is written once and steps refer to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple, get_type_hints

from ganscope.traces import further, schema
from ganscope.traces.call import Call, CallSite
from ganscope.traces.compressed import pack_json, read_json
from ganscope.traces.step import ParameterUpdate, Step, Update
from ganscope.traces.tensor import Earlier, TensorRecord, TensorStats

# The rows of a layout: what of a noun is no number. Reading checks every value against these.
CallRow = tuple[
    int, int | None, int | None, str, str, str, str, str, int, int, CallSite | None, str,
    str | None, bool, int | None, int, Mapping[str, Any],
]  # fmt: skip
"""id, parent, update, purpose, kind, network, path, type, nth, parameters, site, settings, note,
recomputed, original, frozen_parameters, arguments"""
RecordRow = tuple[
    tuple[int, ...] | None, str | None, str | None, bool, str | None, str | None,
    bool | None, str, Earlier | None,
]  # fmt: skip
"""shape, dtype, device, requires_grad, note, name, is_leaf, kind, earlier"""
SamplesRow = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Which record, indices, shape."""
StatsRow = tuple[int, int, int | None]
"""count, bins of the histogram (-1 without one), how many values it was sampled from"""
LossRow = tuple[str, int | None, tuple[str, ...]]
"""name, call, names of the parts"""
BackwardRow = tuple[int, str | None, str, tuple[tuple[str, int], ...]]
"""id, loss, kind, what it reached"""
ParameterRow = tuple[str, tuple[int, ...], str]
"""name, shape, optimizer"""
UpdateRow = tuple[
    int,
    tuple[tuple[str, str, int], ...],
    tuple[str, ...],
    tuple[LossRow, ...],
    tuple[BackwardRow, ...],
    tuple[ParameterRow, ...],
]
"""index, optimizers (name, type, number of learning rates), networks, losses, backwards,
parameters"""
LedgerRow = tuple[str, int, int, str, int | None]
"""network, backward, tensors, fate, update"""

NOTHING = -1
"""Stands for no figures and for no histogram."""


class Layout(NamedTuple):
    """A step without its numbers. Steps of one layout compare equal here.

    Attributes:
        calls: One row per call.
        sizes: Of each call, how many inputs, outputs and gradients it has.
        used: Which record each input and output is: of each call its inputs, then its outputs.
        gradients: Backward and output of each gradient, call by call.
        records: One row per distinct record.
        previews: Of each record how many floats its preview holds; where they are not all
            floats, a letter for each value: f, i, b.
        samples: One row per record with samples.
        measured: Which figures belong to each record, then to each gradient, then to each
            parameter.
        stats: One row per distinct figures.
        updates: One row per update.
        ledger: One row per entry.
        further: See `further.split`.
        followed: Of each backward run, update by update, whether autograd followed it; empty
            where that is known of none, as in files of the first version.
        modes: Of each call the mode of its module; empty where that is known of none, as in
            files of the first two versions.
    """

    calls: tuple[CallRow, ...]
    sizes: tuple[tuple[int, int, int], ...]
    used: tuple[int, ...]
    gradients: tuple[tuple[int, int], ...]
    records: tuple[RecordRow, ...]
    previews: tuple[int | str, ...]
    samples: tuple[SamplesRow, ...]
    measured: tuple[int, ...]
    stats: tuple[StatsRow, ...]
    updates: tuple[UpdateRow, ...]
    ledger: tuple[LedgerRow, ...]
    further: Any
    followed: tuple[bool | None, ...] = ()
    modes: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """A step taken apart.

    Attributes:
        step: The step.
        layout: Its layout.
        records: Each record once; an output that is the next call's input is one object.
        stats: Each figures once.
        parameters: Those of all updates.
        further: Numbers that stand in `Layout.further`.
    """

    step: Step
    layout: Layout
    records: Sequence[TensorRecord]
    stats: Sequence[TensorStats]
    parameters: Sequence[ParameterUpdate]
    further: Sequence[float]


def take_apart(step: Step) -> Parts:
    """`step` as its layout and its nouns; this runs in every step, and so mostly in C."""
    calls = step.calls
    inputs, outputs = list(map(_inputs, calls)), list(map(_outputs, calls))
    used = list(chain.from_iterable(chain.from_iterable(zip(inputs, outputs, strict=True))))
    identities = list(map(id, used))
    distinct = dict(zip(identities, used, strict=True))
    places = dict(zip(distinct, range(len(distinct)), strict=True))
    records = list(distinct.values())
    call_gradients = list(map(_gradients, calls))
    gradients = list(chain.from_iterable(call_gradients))
    parameters = list(chain.from_iterable(map(_parameters, step.updates)))
    measured = [*map(_stats, records), *map(_stats, gradients), *map(_gradient, parameters)]
    identified = dict(zip(map(id, measured), measured, strict=True))
    identified.pop(id(None), None)
    stats = list(identified.values())
    stats_places = dict(zip(identified, range(len(stats)), strict=True))
    stats_places[id(None)] = NOTHING
    texts, floats = further.split(step.updates, records)
    layout = Layout(
        tuple(map(_call_row, calls)),
        tuple(zip(map(len, inputs), map(len, outputs), map(len, call_gradients), strict=True)),
        tuple(map(places.__getitem__, identities)),
        tuple(map(_gradient_row, gradients)),
        tuple(map(_record_row, records)),
        _previews(records),
        _samples(records),
        tuple(map(stats_places.__getitem__, map(id, measured))),
        tuple(map(_stats_row, stats)),
        tuple(map(_update_row, step.updates)),
        tuple(map(_ledger_row, step.ledger)),
        texts,
        _followed(step.updates),
        _modes(calls),
    )
    return Parts(step, layout, records, stats, parameters, floats)


def pack_layout(layout: Layout) -> bytes:
    """`layout` as it stands in the file; equal layouts give equal bytes.

    Raises:
        ValueError: It is of more parts than a recording takes.
    """
    return pack_json(schema.to_plain(layout))


def read_layout(data: bytes) -> Layout:
    """The inverse of `pack_layout`.

    Raises:
        ValueError, TypeError, RecursionError, TraceFormatError: It is damaged.
    """
    plain = read_json(data)
    hints = get_type_hints(Layout)
    known = range(len(hints) - len(Layout._field_defaults), len(hints) + 1)
    if not isinstance(plain, list) or len(plain) not in known:
        raise ValueError("a layout that is none")
    layout = Layout(
        *(
            schema.read(hint, value, name)
            for (name, hint), value in zip(hints.items(), plain, strict=False)
        )
    )
    _require_whole(layout)
    return layout


def _require_whole(layout: Layout) -> None:
    """Refuse a layout whose numbers lead nowhere."""
    records, stats = len(layout.records), len(layout.stats)
    parameters = sum(len(row[-1]) for row in layout.updates)
    gradients = sum(row[2] for row in layout.sizes)
    whole = (
        len(layout.sizes) == len(layout.calls)
        and sum(row[0] + row[1] for row in layout.sizes) == len(layout.used)
        and gradients == len(layout.gradients)
        and len(layout.previews) == records
        and len(layout.measured) == records + gradients + parameters
        and all(size >= 0 for row in layout.sizes for size in row)
        and all(0 <= place < records for place in layout.used)
        and all(0 <= row[0] < records for row in layout.samples)
        and all(NOTHING <= place < stats for place in layout.measured)
        and all(bins >= NOTHING for _, bins, _ in layout.stats)
        and all(count >= 0 for row in layout.updates for _, _, count in row[1])
        and all(isinstance(one, str) or one >= 0 for one in layout.previews)
        and len(layout.followed) in (0, sum(len(row[4]) for row in layout.updates))
        and len(layout.modes) in (0, len(layout.calls))
    )
    if not whole:
        raise ValueError("a layout that leads nowhere")


_inputs, _outputs, _gradients = attrgetter("inputs"), attrgetter("outputs"), attrgetter("gradients")
_stats, _gradient, _parameters = (
    attrgetter("stats"),
    attrgetter("gradient"),
    attrgetter("parameters"),
)
_mode = attrgetter("mode")
_gradient_row = attrgetter("backward", "output")
_call_row = attrgetter(
    "id", "parent", "update", "purpose", "kind", "network", "path", "type", "nth", "parameters",
    "site", "settings", "note", "recomputed", "original", "frozen_parameters", "arguments",
)  # fmt: skip
_record_row = attrgetter(
    "shape", "dtype", "device", "requires_grad", "note", "name", "is_leaf", "kind", "earlier"
)
_parameter_row = attrgetter("name", "shape", "optimizer")
_ledger_row = attrgetter("network", "backward", "tensors", "fate", "update")


def _stats_row(stats: TensorStats) -> StatsRow:
    histogram = stats.histogram
    if histogram is None:
        return stats.count, NOTHING, None
    return stats.count, len(histogram.counts), histogram.sampled


def _previews(records: Sequence[TensorRecord]) -> tuple[int | str, ...]:
    previews = [record.preview for record in records]
    if set(map(type, chain.from_iterable(previews))) <= {float}:
        return tuple(map(len, previews))
    return tuple(
        "".join(
            "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"
            for value in preview
        )
        for preview in previews
    )


def _samples(records: Sequence[TensorRecord]) -> tuple[SamplesRow, ...]:
    return tuple(
        [
            (place, record.samples.indices, record.samples.shape)
            for place, record in enumerate(records)
            if record.samples is not None
        ]
    )


def _followed(updates: Sequence[Update]) -> tuple[bool | None, ...]:
    found = tuple([run.create_graph for update in updates for run in update.backwards])
    return found if any(each is not None for each in found) else ()


def _modes(calls: Sequence[Call]) -> tuple[str | None, ...]:
    found = tuple(map(_mode, calls))
    return found if any(each is not None for each in found) else ()


def _update_row(update: Update) -> UpdateRow:
    return (
        update.index,
        tuple([(one.name, one.type, len(one.learning_rates)) for one in update.optimizers]),
        update.networks,
        tuple(
            [(loss.name, loss.call, tuple([p.name for p in loss.parts])) for loss in update.losses]
        ),
        tuple([(one.id, one.loss, one.kind, (*one.reached.items(),)) for one in update.backwards]),
        tuple(map(_parameter_row, update.parameters)),
    )
