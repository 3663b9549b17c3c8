"""The ledger of gradients: what an update cleared or used that no backward of its own had brought.

Concluded from the ledger's entries and from the code lines at which losses were made. Of
gradients whose backward is not recorded nothing is said but that they are foreign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ganscope.traces import Backward, CallSite, LedgerEntry, Step, Update


def foreign(step: Step, update: Update, network: str) -> list[LedgerEntry]:
    """What an update cleared or used of a network that no backward of its own had brought."""
    return [
        entry
        for entry in step.ledger
        if entry.network == network
        and entry.update == update.index
        and entry.backward not in own_runs(update)
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


def own_runs(update: Update) -> set[int]:
    """Ids of the backward runs of an update."""
    return {run.id for run in update.backwards}


def tensors_of(entries: Sequence[LedgerEntry]) -> int:
    """How many parameters: several backwards may have filled the same ones."""
    by_backward: Counter[tuple[int, str, int | None]] = Counter()
    for entry in entries:
        by_backward[entry.backward, entry.fate, entry.update] += entry.tensors
    return max(by_backward.values())
