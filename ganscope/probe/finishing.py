"""From the drafts of a step's calls to calls that never change again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ganscope.probe import modules, sites
from ganscope.probe.drafts import Draft, Record
from ganscope.probe.statistics import unscaled
from ganscope.probe.tensors import TensorDraft
from ganscope.traces import Call, CallSite, Gradient, TensorRecord


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of a call only when its step has ended.

    Attributes:
        update: Index of the update in which it ran; None where it fed no loss.
        purpose: ``training`` or ``evaluation``.
    """

    update: int | None = 0
    purpose: str = "training"


_PLAIN = Label()


@dataclass(frozen=True, slots=True)
class _Known:
    """What calls of one step share: facts about modules, source lines, places in the step."""

    facts: dict[int, tuple[int, str, Mapping[str, Any]]]
    sites: dict[sites.Place, CallSite]
    places: dict[int, int]
    originals: dict[str, list[int]] = field(default_factory=dict)
    """Ids of the calls that ran for the first time, by their path."""


def finished(
    drafts: Sequence[Draft],
    labels: Mapping[int, Label] | None = None,
    backwards: Mapping[int, int] | None = None,
    scales: Mapping[int, float] | None = None,
) -> tuple[Call, ...]:
    """The calls of one step, immutable; the figures have been settled.

    Args:
        drafts: In the order in which they began.
        labels: By a draft's own number; what is missing ran in the one update there is.
        backwards: The engine's runs, by their own number, as they are numbered in the step.
        scales: The factor in the gradients of a run, where there is one.
    """
    known = _Known({}, {}, {draft.ident: place for place, draft in enumerate(drafts)})
    repeats: dict[str, int] = {}
    frozen = _frozen(drafts)
    labels, backwards = labels or {}, backwards or {}
    calls = []
    for draft in drafts:
        draft.nth = repeats[draft.path] = repeats.get(draft.path, 0) + 1
        label = labels.get(draft.ident, _PLAIN)
        gradients = gradients_of(draft, backwards, scales)
        calls.append(_finished(draft, label, gradients, known, frozen.get(draft.ident, 0)))
    return tuple(calls)


def _frozen(drafts: Sequence[Draft]) -> dict[int, int]:
    """By a call's own number, the frozen parameters of its module and of those called inside it.

    A module that is called several times inside another counts once there.
    """
    around = {draft.ident: draft.parent for draft in drafts}
    counted: set[tuple[int, int]] = set()
    frozen: dict[int, int] = {}
    for draft in drafts:
        ident: int | None = draft.ident if draft.frozen else None
        while ident is not None:
            if (ident, id(draft.module)) not in counted:
                counted.add((ident, id(draft.module)))
                frozen[ident] = frozen.get(ident, 0) + draft.frozen
            ident = around.get(ident)
    return frozen


def place_of(drafts: Sequence[Draft], ident: int) -> int | None:
    """Where the call with this number stands among those of a step."""
    place = bisect_left(drafts, ident, key=lambda draft: draft.ident)
    return place if place < len(drafts) and drafts[place].ident == ident else None


def _finished(
    draft: Draft,
    label: Label,
    gradients: tuple[Gradient, ...],
    known: _Known,
    frozen: int,
) -> Call:
    parameters, settings, arguments = 0, draft.settings, draft.arguments
    module = draft.module
    if module is not None:
        # By id within this loop alone; the drafts keep the modules alive.
        facts = known.facts.get(id(module))
        if facts is None:
            facts = (
                modules.parameter_count(module),
                modules.settings(module),
                modules.constants(module),
            )
            known.facts[id(module)] = facts
        parameters, settings, arguments = facts
    originals = known.originals.setdefault(draft.path, [])
    original = originals[0] if draft.recomputed and len(originals) == 1 else None
    if not draft.recomputed:
        originals.append(known.places[draft.ident])
    return Call(
        id=known.places[draft.ident],
        parent=None if draft.parent is None else known.places.get(draft.parent),
        update=label.update,
        purpose=label.purpose,
        kind=draft.kind,
        network=draft.network,
        path=draft.path,
        type=draft.type,
        nth=draft.nth,
        inputs=tuple([_final(name, record) for name, record in draft.inputs]),
        outputs=tuple([_final(name, record) for name, record in draft.outputs]),
        parameters=parameters,
        seconds=draft.seconds,
        site=sites.read(draft.place, known.sites),
        gradients=gradients,
        settings=settings,
        note=draft.note,
        mode=draft.mode,
        recomputed=draft.recomputed,
        original=original,
        frozen_parameters=frozen,
        arguments=arguments,
    )


def gradients_of(
    draft: Draft, backwards: Mapping[int, int], scales: Mapping[int, float] | None
) -> tuple[Gradient, ...]:
    """What arrived at the call's outputs, in the order of its arrival, unscaled."""
    arrived: list[Gradient] = []
    for output, (_, record) in enumerate(draft.outputs):
        if isinstance(record, TensorDraft) and record.gradients:
            for run, figures in record.gradients:
                if run in backwards:
                    stats = figures.stats
                    if scales and stats is not None and run in scales:
                        stats = unscaled(stats, scales[run])
                    arrived.append(Gradient(backwards[run], output, stats))
    return tuple(arrived)


def _final(name: str | None, record: Record) -> TensorRecord:
    final = record if isinstance(record, TensorRecord) else record.finish()
    return final if name is None else named(final, name)


def named(record: TensorRecord, name: str) -> TensorRecord:
    """The same record under a name."""
    return replace(record, name=name)
