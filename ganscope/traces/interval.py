"""What is recorded: everything up to one step of an optimizer. Steps are labels on intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ganscope.traces.call import Call, Gradient
from ganscope.traces.event import Event
from ganscope.traces.source_text import SourceText
from ganscope.traces.step import EARLIER, LedgerEntry, Step, Update
from ganscope.traces.tensor import TensorStats


@dataclass(frozen=True, slots=True)
class Arrival:
    """A gradient that arrived at a tensor, whichever interval that was made in.

    Attributes:
        backward: Id of the run of the backward engine that brought it.
        tensor: Id of the tensor.
        stats: Statistics of the gradient.
        sequence: When it arrived.
    """

    backward: int
    tensor: int
    stats: TensorStats | None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """Gradients that a backward left in a network.

    Attributes:
        network: Who received them.
        backward: Id of the backward.
        tensors: How many parameter tensors.
    """

    network: str
    backward: int
    tensors: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of gradients that were in a network's parameters.

    Attributes:
        network: Whose they were.
        backwards: Ids of the backwards that they had come of and of which nothing had become.
        stale: Ids of those that an optimizer had used before, and that were still there.
        fate: ``used`` or ``cleared``.
        tensors: How many parameter tensors.
    """

    network: str
    backwards: tuple[int, ...]
    stale: tuple[int, ...]
    fate: str
    tensors: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Everything up to one step of an optimizer, or up to the end of the recording.

    Attributes:
        id: Unique in the recording, ascending.
        calls: Those that began in it. Which update of a step each belongs to, how many calls of
            its module there were before it and which gradients came to it is derived.
        update: What the optimizer did and which losses and backwards led there; None where the
            recording ended before an optimizer stepped. Its index is that of no step.
        continues: Whether nothing ran since the optimizer of the interval before stepped, so that
            both share one update.
        fed: Ids of the calls, of this interval or earlier ones, that were found here to have fed
            a loss.
        gradients: Those that arrived in it.
        received: Gradients that its backwards left in networks.
        fates: What became of gradients in it.
        events: What happened between its calls.
        sources: The functions around its sites that no earlier interval has.
        has_run: Whether the backward engine ran in it.
        failed: Whether a call in it failed.
    """

    id: int
    calls: tuple[Call, ...]
    update: Update | None = None
    continues: bool = False
    fed: tuple[int, ...] = ()
    gradients: tuple[Arrival, ...] = ()
    received: tuple[Received, ...] = ()
    fates: tuple[Fate, ...] = ()
    events: tuple[Event, ...] = ()
    sources: tuple[SourceText, ...] = ()
    has_run: bool = False
    failed: bool = False


def step_of(index: int, intervals: Sequence[Interval]) -> Step:
    """The step that these intervals are.

    Args:
        index: Its index.
        intervals: In their order, at least one.
    """
    places, updates = _updates(intervals)
    return Step(
        index=index,
        calls=_calls(intervals, places),
        updates=updates,
        ledger=_ledger(intervals, places),
        events=tuple(
            sorted(
                (event for interval in intervals for event in interval.events),
                key=lambda event: event.sequence,
            )
        ),
    )


def _updates(intervals: Iterable[Interval]) -> tuple[dict[int, int], tuple[Update, ...]]:
    """Id of each interval that is part of an update → its index; and the updates."""
    places: dict[int, int] = {}
    updates: list[Update] = []
    for interval in intervals:
        if interval.update is None:
            continue
        if interval.continues and updates:
            updates[-1] = _together(updates[-1], interval.update)
        else:
            updates.append(replace(interval.update, index=len(updates)))
        places[interval.id] = len(updates) - 1
    return places, tuple(updates)


def _together(update: Update, more: Update) -> Update:
    """One update in which the optimizers of both stepped."""
    return replace(
        update,
        optimizers=update.optimizers + more.optimizers,
        networks=tuple(dict.fromkeys(update.networks + more.networks)),
        gradient_scale=more.gradient_scale
        if update.gradient_scale == 1.0
        else update.gradient_scale,
        parameters=update.parameters + more.parameters,
        buffers=update.buffers + more.buffers,
        changed_outside=update.changed_outside + more.changed_outside,
    )


def _calls(intervals: Sequence[Interval], places: Mapping[int, int]) -> tuple[Call, ...]:
    """The calls of a step: how often each was made, what it fed, which gradients came to it."""
    fed = {call for interval in intervals for call in interval.fed}
    has_run = any(interval.has_run for interval in intervals)
    arrived = _arrivals(intervals)
    repeats: dict[str, int] = {}
    calls = []
    for interval in intervals:
        update = places.get(interval.id)
        for call in interval.calls:
            trained = call.id in fed or call.recomputed or not has_run
            if not trained and not interval.failed and _stands_alone(call):
                continue  # logging, the making of a grid
            nth = repeats[call.path] = repeats.get(call.path, 0) + 1
            calls.append(
                replace(
                    call,
                    update=update if call.id in fed or call.recomputed else None,
                    purpose="training" if call.id in fed or call.recomputed else "evaluation",
                    nth=nth,
                    gradients=_gradients_of(call, arrived),
                )
            )
    return tuple(calls)


def _stands_alone(call: Call) -> bool:
    """Whether it is an operation outside every module."""
    return call.kind == "op" and call.parent is None and not call.network


_Arrived = dict[int, list[Arrival]]
"""The gradients of each tensor, in the order of their arrival."""


def _arrivals(intervals: Iterable[Interval]) -> _Arrived:
    arrived: _Arrived = {}
    for interval in intervals:
        for each in interval.gradients:
            arrived.setdefault(each.tensor, []).append(each)
    return arrived


def _gradients_of(call: Call, arrived: _Arrived) -> tuple[Gradient, ...]:
    """What arrived at the call's outputs, output by output."""
    if not arrived:
        return ()
    return tuple(
        [
            Gradient(
                backward=each.backward, output=output, stats=each.stats, sequence=each.sequence
            )
            for output, record in enumerate(call.outputs)
            if record.id in arrived
            for each in arrived[record.id]
        ]
    )


def _ledger(intervals: Sequence[Interval], places: Mapping[int, int]) -> tuple[LedgerEntry, ...]:
    """Whose gradients came from which backward, and what became of them within the step."""
    left: Counter[tuple[str, int]] = Counter()
    for interval in intervals:
        for each in interval.received:
            left[each.network, each.backward] += each.tensors
    own = {backward for _, backward in left}
    counted: Counter[tuple[int, str, str, int | None]] = Counter()
    for interval in intervals:
        for fate in interval.fates:
            for backward in fate.backwards:
                if backward in own:
                    left[fate.network, backward] -= fate.tensors
            # Several earlier backwards may have filled one parameter: it counts once.
            every = (*fate.backwards, *fate.stale)
            for backward in {each if each in own else EARLIER for each in every}:
                key = backward, fate.network, fate.fate, places.get(interval.id)
                counted[key] += fate.tensors
    for (network, backward), tensors in left.items():
        if tensors > 0:
            counted[backward, network, "left", None] += tensors
    return tuple(
        LedgerEntry(network=network, backward=backward, tensors=tensors, fate=fate, update=update)
        for (backward, network, fate, update), tensors in sorted(
            counted.items(), key=lambda item: item[0][:3]
        )
    )
