"""The ledger of gradients in words: cleared in time, left over, or gone into a wrong update."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ganscope.traces import EARLIER, Backward, CallSite, LedgerEntry, Step, Update
from ganscope.views import style
from ganscope.views.steps.cast import Cast, joined, numeral, possessive


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence on gradients; `is_warning` where they went somewhere by mistake."""

    text: str
    is_warning: bool = False


def remarks(step: Step, update: Update, cast: Cast) -> Iterator[Remark]:
    """What became, in an update, of gradients that it did not make itself."""
    names = dict.fromkeys(entry.network for entry in step.ledger if entry.update == update.index)
    for network in names:
        entries = foreign(step, update, network)
        cleared = [entry for entry in entries if entry.fate == "cleared"]
        used = wrongly_used(step, update, network)
        if cleared:
            where = "before this update" if network in update.networks else "here"
            yield Remark(cast.sentence(f"{_were(step, network, cleared, cast)} cleared {where}"))
        if used:
            yield Remark(cast.sentence(_mixed(step, update, network, used, cast)), is_warning=True)


def bad_gradients(update: Update) -> Iterator[Remark]:
    """That gradients hold NaN or infinite values, and whether the weights were moved by them."""
    gradients = [one for one in update.parameters if one.gradient is not None]
    bad = [one for one in gradients if one.gradient is not None and one.gradient.nonfinite]
    if not bad:
        return
    moved = any(one.update_norm is None or one.update_norm > 0 for one in gradients)
    scaled = update.gradient_scale != 1
    yield Remark(
        f"{len(bad)} of {style.count_of(len(gradients), 'gradient')} hold NaN or infinite values"
        + ("" if moved else ", and no weight was moved")
        + (": the scaler left this update out" if scaled and not moved else ""),
        is_warning=True,
    )


def foreign(step: Step, update: Update, network: str) -> list[LedgerEntry]:
    """What an update cleared or used of a network that no backward of its own had brought."""
    return [
        entry
        for entry in step.ledger
        if entry.network == network
        and entry.update == update.index
        and entry.backward not in _own(update)
    ]


def wrongly_used(step: Step, update: Update, network: str) -> list[LedgerEntry]:
    """The gradients in an update that look like a forgotten ``zero_grad()``.

    Those of the very loss of this update, from a turn before in which another network was moved,
    were gathered on purpose.
    """
    own = {site for run in update.backwards for site in _made_at(step, update, run)}
    homes = {run.id: (home, run) for home in step.updates for run in home.backwards}
    found = []
    for entry in foreign(step, update, network):
        home, run = homes.get(entry.backward, (None, None))
        gathered = (
            home is not None
            and run is not None
            and network not in home.networks
            and not own.isdisjoint(_made_at(step, home, run))
        )
        if entry.fate == "used" and not gathered:
            found.append(entry)
    return found


def _made_at(step: Step, update: Update, run: Backward) -> Iterator[tuple[str, CallSite]]:
    """The name of a backward's loss, and where the code makes it."""
    calls = {call.id: call for call in step.calls}
    for loss in update.losses:
        call = None if loss.call is None else calls.get(loss.call)
        if loss.name == run.loss and call is not None and call.site is not None:
            yield loss.name, call.site


def whose(step: Step, network: str, entries: Sequence[LedgerEntry], cast: Cast) -> str:
    """``the 6 gradients that the backward of ① had left in the discriminator``."""
    return (
        f"the {_gradients(entries)} that {_origin(step, entries)} had left in {cast.named(network)}"
    )


def left_over(step: Step, cast: Cast) -> Iterator[Remark]:
    """Gradients that are still there as the step ends."""
    left = [entry for entry in step.ledger if entry.fate == "left"]
    for network in dict.fromkeys(entry.network for entry in left):
        entries = [entry for entry in left if entry.network == network]
        they = "it adds" if _tensors(entries) == 1 else "they add"
        yield Remark(
            cast.sentence(
                f"{cast.named(network)} keeps {_gradients(entries)} from "
                f"{_origin(step, entries)}: {they} to the next backward's unless cleared before"
            )
        )


def _own(update: Update) -> set[int]:
    return {run.id for run in update.backwards}


def _were(step: Step, network: str, entries: Sequence[LedgerEntry], cast: Cast) -> str:
    """``the discriminator's 6 gradients from the backward of ① were``."""
    verb = "was" if _tensors(entries) == 1 else "were"
    owner = possessive(cast.named(network))
    return f"{owner} {_gradients(entries)} from {_origin(step, entries)} {verb}"


def _mixed(
    step: Step, update: Update, network: str, entries: Sequence[LedgerEntry], cast: Cast
) -> str:
    own = _own(update)
    fresh = any(entry.network == network and entry.backward in own for entry in step.ledger)
    went = "added to this update's own" if fresh else "used in this update"
    return (
        f"{_were(step, network, entries, cast)} never cleared and {went}; call zero_grad() "
        "before the backward"
    )


def _origin(step: Step, entries: Sequence[LedgerEntry]) -> str:
    """``the backward of ①``, ``a backward of an earlier step``."""
    homes = {run.id: update.index for update in step.updates for run in update.backwards}
    updates = sorted({homes[entry.backward] for entry in entries if entry.backward in homes})
    names = [f"the backward of {joined(list(map(numeral, updates)))}"] if updates else []
    if any(entry.backward == EARLIER for entry in entries):
        names.append("a backward of an earlier step")
    return joined(names) if names else "another backward"


def _tensors(entries: Sequence[LedgerEntry]) -> int:
    """How many parameters: several backwards may have filled the same ones."""
    by_backward: Counter[tuple[int, str, int | None]] = Counter()
    for entry in entries:
        by_backward[entry.backward, entry.fate, entry.update] += entry.tensors
    return max(by_backward.values())


def _gradients(entries: Sequence[LedgerEntry]) -> str:
    return style.count_of(_tensors(entries), "gradient")
