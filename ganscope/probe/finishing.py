"""From the drafts of a step's calls to calls that never change again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ganscope.probe import modules, sites
from ganscope.probe.drafts import Draft, Record
from ganscope.traces import Call, CallSite, TensorRecord


@dataclass(frozen=True, slots=True)
class _Known:
    """What calls of one step share: facts about modules, source lines, places in the step."""

    facts: dict[int, tuple[int, str, Mapping[str, Any]]]
    sites: dict[sites.Place, CallSite]
    has: Callable[[int], bool]
    originals: dict[str, list[int]] = field(default_factory=dict)
    """Ids of the calls that ran for the first time, by their path."""


def finished(drafts: Sequence[Draft], has: Callable[[int], bool] | None = None) -> tuple[Call, ...]:
    """The calls of an interval, immutable; the statistics have been settled.

    What is known only of a whole step (the update that a call fed, how many calls of its module
    there were before, its gradients) is left to `interval.step_of`.

    Args:
        drafts: In the order in which they began.
        has: Whether the call of a number is recorded; `drafts` alone are by default.
    """
    own = {draft.ident for draft in drafts}
    known = _Known(facts={}, sites={}, has=own.__contains__ if has is None else has)
    frozen = _frozen(drafts)
    return tuple([_finished(draft, known, frozen.get(draft.ident, 0)) for draft in drafts])


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


def _finished(draft: Draft, known: _Known, frozen: int) -> Call:
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
        originals.append(draft.ident)
    return Call(
        id=draft.ident,
        parent=draft.parent if draft.parent is not None and known.has(draft.parent) else None,
        update=None,
        purpose="training",
        kind=draft.kind,
        network=draft.network,
        path=draft.path,
        type=draft.type,
        nth=1,
        inputs=tuple([_final(name, record) for name, record in draft.inputs]),
        outputs=tuple([_final(name, record) for name, record in draft.outputs]),
        parameters=parameters,
        seconds=draft.seconds,
        site=sites.read(draft.place, known.sites),
        settings=settings,
        note=draft.note,
        mode=draft.mode,
        recomputed=draft.recomputed,
        original=original,
        frozen_parameters=frozen,
        arguments=arguments,
        sequence=draft.sequence,
        ended=draft.ended,
    )


def _final(name: str | None, record: Record) -> TensorRecord:
    final = record if isinstance(record, TensorRecord) else record.finish()
    return final if name is None else named(final, name)


def named(record: TensorRecord, name: str) -> TensorRecord:
    """The same record under a name."""
    return replace(record, name=name)
