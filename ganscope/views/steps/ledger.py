"""The ledger of gradients in words: cleared in time, left over, or gone into a wrong update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ganscope.analysis.ledger import foreign, own_runs, tensors_of, wrongly_used
from ganscope.traces import EARLIER, LedgerEntry, Step, Update
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
        they = "it adds" if tensors_of(entries) == 1 else "they add"
        yield Remark(
            cast.sentence(
                f"{cast.named(network)} keeps {_gradients(entries)} from "
                f"{_origin(step, entries)}: {they} to the next backward's unless cleared before"
            )
        )


def _were(step: Step, network: str, entries: Sequence[LedgerEntry], cast: Cast) -> str:
    """``the discriminator's 6 gradients from the backward of ① were``."""
    verb = "was" if tensors_of(entries) == 1 else "were"
    owner = possessive(cast.named(network))
    return f"{owner} {_gradients(entries)} from {_origin(step, entries)} {verb}"


def _mixed(
    step: Step, update: Update, network: str, entries: Sequence[LedgerEntry], cast: Cast
) -> str:
    own = own_runs(update)
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


def _gradients(entries: Sequence[LedgerEntry]) -> str:
    return style.count_of(tensors_of(entries), "gradient")
