"""The ledger of gradients in words: cleared in time, left over, or gone into a wrong update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ganscope.traces import LedgerEntry, Step, Update
from ganscope.views import style
from ganscope.views.steps.cast import Cast, joined, numeral

EARLIER = -1
"""Stands for a backward of an earlier step."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence on gradients; `is_warning` where they went somewhere by mistake."""

    text: str
    is_warning: bool = False


def remarks(step: Step, update: Update, cast: Cast) -> Iterator[Remark]:
    """What became, in an update, of gradients that it did not make itself."""
    foreign = [
        entry
        for entry in step.ledger
        if entry.update == update.index and entry.backward not in _own(update)
    ]
    for network in dict.fromkeys(entry.network for entry in foreign):
        entries = [entry for entry in foreign if entry.network == network]
        cleared = [entry for entry in entries if entry.fate == "cleared"]
        used = [entry for entry in entries if entry.fate == "used"]
        if cleared:
            yield Remark(_cleared(step, update, network, cleared, cast))
        if used:
            yield Remark(_mixed(step, update, network, used, cast), is_warning=True)


def left_over(step: Step, cast: Cast) -> Iterator[Remark]:
    """Gradients that are still there as the step ends."""
    left = [entry for entry in step.ledger if entry.fate == "left"]
    for network in dict.fromkeys(entry.network for entry in left):
        entries = [entry for entry in left if entry.network == network]
        tensors = _tensors(entries)
        yield Remark(
            f"{_capital(cast.named(network))} keeps {_gradients(tensors)} from "
            f"{_origin(step, entries)}: {'it adds' if tensors == 1 else 'they add'} to the next "
            "backward's unless cleared before"
        )


def has_mistakes(step: Step, update: Update) -> bool:
    """Whether gradients of another update went into this one."""
    return any(
        entry.update == update.index and entry.fate == "used" and entry.backward not in _own(update)
        for entry in step.ledger
    )


def _own(update: Update) -> set[int]:
    return {run.id for run in update.backwards}


def _cleared(
    step: Step, update: Update, network: str, entries: Sequence[LedgerEntry], cast: Cast
) -> str:
    own = network in update.networks
    before = "before this update" if own else "here"
    tensors = _tensors(entries)
    verb = "was" if tensors == 1 else "were"
    return (
        f"{_capital(_possessive(cast.named(network)))} {_gradients(tensors)} from "
        f"{_origin(step, entries)} {verb} cleared {before}"
    )


def _mixed(
    step: Step, update: Update, network: str, entries: Sequence[LedgerEntry], cast: Cast
) -> str:
    tensors = _tensors(entries)
    verb = "was" if tensors == 1 else "were"
    fresh = any(
        entry.network == network and entry.backward in _own(update) for entry in step.ledger
    )
    went = "added to this update's own" if fresh else "used in this update"
    return (
        f"{_capital(_possessive(cast.named(network)))} {_gradients(tensors)} from "
        f"{_origin(step, entries)} {verb} never cleared and {went}; call zero_grad() before the "
        "backward"
    )


def _origin(step: Step, entries: Sequence[LedgerEntry]) -> str:
    """``①'s backward``, ``an earlier step``."""
    homes = {run.id: update.index for update in step.updates for run in update.backwards}
    updates = sorted({homes[entry.backward] for entry in entries if entry.backward in homes})
    names = [f"{numeral(index)}" for index in updates]
    if any(entry.backward == EARLIER for entry in entries):
        return joined([*names, "an earlier step"]) if names else "an earlier step"
    return f"the backward of {joined(names)}" if names else "another backward"


def _tensors(entries: Sequence[LedgerEntry]) -> int:
    """How many parameters: several backwards may have filled the same ones."""
    return max(entry.tensors for entry in entries)


def _gradients(count: int) -> str:
    return style.count_of(count, "gradient")


def _possessive(name: str) -> str:
    return f"{name}'s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text
