"""Recorded training steps, and what they would look like had something gone otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from ganscope.traces import Call, Failure, LedgerEntry, Step, Trace, Update
from ganscope.views import ViewOptions
from ganscope.views.steps.story import Story, tell

from .record_steps import DATA


@cache
def recorded(name: str = "walkthrough") -> Trace:
    """A checked-in recording of one step; see `record_steps`."""
    return Trace.from_dict(json.loads((DATA / f"{name}.json").read_text(encoding="utf-8")))


def with_step(trace: Trace, **changes: Any) -> Trace:
    """The trace with its one step changed."""
    return replace(trace, steps=(replace(trace.steps[0], **changes),))


def with_update(trace: Trace, index: int, **changes: Any) -> Trace:
    """The trace with one update of its step changed."""
    updates = list(trace.steps[0].updates)
    updates[index] = replace(updates[index], **changes)
    return with_step(trace, updates=tuple(updates))


def with_calls(trace: Trace, change: Callable[[Call], Call]) -> Trace:
    """The trace with every call changed."""
    return with_step(trace, calls=tuple(map(change, trace.steps[0].calls)))


def forgotten() -> Trace:
    """The walkthrough's step had ``optimizer_D.zero_grad()`` been forgotten."""
    return with_step(recorded(), ledger=tuple(map(_used, recorded().steps[0].ledger)))


def _used(entry: LedgerEntry) -> LedgerEntry:
    return replace(entry, fate="used") if entry.fate == "cleared" else entry


def failed() -> Trace:
    """The walkthrough's step, failing as the discriminator is shown real images."""
    step = recorded().steps[0]
    start = next(call.id for call in step.calls if call.update == 1)
    begun = [call for call in step.calls if call.id <= start]
    begun[-1] = replace(begun[-1], update=None, outputs=(), seconds=None, gradients=())
    message = "RuntimeError: mat1 and mat2 shapes cannot be multiplied"
    failure = Failure(step.index, 1, start, message, "16 numbers", "8×15", None)
    left = replace(step.ledger[0], fate="left", update=None)
    calls, updates = tuple(begun), step.updates[:1]
    return replace(
        with_step(recorded(), calls=calls, updates=updates, ledger=(left,)), failure=failure
    )


def story(trace: Trace | None = None, **options: Any) -> Story:
    """The story of a trace's one step."""
    trace = trace or recorded()
    return tell(trace, trace.steps[0], ViewOptions(**options))


def both_at_once() -> Trace:
    """The walkthrough's step had no forward lain between the steps of the two optimizers."""
    step = recorded().steps[0]
    first, second = step.updates
    both = replace(
        first,
        optimizers=(*first.optimizers, *second.optimizers),
        networks=(*first.networks, *second.networks),
        parameters=(*first.parameters, *second.parameters),
    )
    return with_step(recorded(), updates=(both,))


def update_of(trace: Trace, index: int) -> Update:
    return trace.steps[0].updates[index]


def step_of(trace: Trace) -> Step:
    return trace.steps[0]
