"""The other classic failure of a GAN's loop: a backward through a graph that is freed already.

A backward frees what the forward had kept for it. A discriminator's loss on images that were not
detached runs through the generator too, and leaves nothing for the generator's own loss. The
message of torch names neither; the gradients that arrived tell which forward it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ganscope.probe.drafts import Draft
from ganscope.probe.gradients import Again, Run
from ganscope.probe.overwritten import backward_text, called_on
from ganscope.traces import Failure

_MESSAGE = "backward through the graph a second time"


def explain(
    failure: Failure,
    again: Again | None,
    runs: Sequence[Run],
    network: str | None,
    moved: Collection[str],
) -> Failure:
    """`failure` with the forward whose graph was used up, and the backward that did it.

    Args:
        failure: What ended the loop.
        again: Where the failed backward met the earlier one.
        runs: The backward engine's runs in this step, the failed one last.
        network: Whose forward made the tensor where they met, if it is known.
        moved: Networks whose weights an optimizer has moved in this step.
    """
    if _MESSAGE not in failure.message:
        return failure
    if again is None:
        what, mend = "an earlier backward", "compute anew, in each step, what the loss is made of"
        network = None
    else:
        where = f" ({Path(again.site[0]).name}:{again.site[1]})" if again.site else ""
        what, mend = (
            called_on(again.earlier, again.kind) + where,
            _mend(again, runs, network, moved),
        )
    graph = f"the forward of {network}, which" if network else "a graph that"
    return replace(
        failure,
        got=f"{graph} {what} had gone through already, and freed",
        expected=f"one backward for each forward: {mend}",
    )


def _mend(again: Again, runs: Sequence[Run], network: str | None, moved: Collection[str]) -> str:
    earlier, later = called_on(again.earlier, again.kind), backward_text(runs)
    anew = f"run {network or 'the forward'} again before {later}"
    if runs and (again.earlier, again.kind) == (runs[-1].name, runs[-1].kind):
        same_line = again.site == runs[-1].site
        return f"{anew}, each time" if same_line else f"call {later} once, or {anew}"
    if not moved:
        return f"{anew}, or add the losses up and run the backward once"
    if not network:
        return anew
    if network in moved:
        return f"{anew}, or detach what {network} has made where it is not to be trained"
    trained = " and ".join(sorted(moved))
    return (
        f"{earlier} was to train {trained} alone, so detach there what {network} has made; "
        f"or {anew}"
    )


def network_of(again: Again | None, drafts: Sequence[Draft]) -> str | None:
    """The network whose call made the tensor, if it is known.

    Args:
        again: The tensor.
        drafts: Calls of the step that runs, and of those before.
    """
    if again is None:
        return None
    for draft in reversed(drafts):
        if any(record is again.draft for _, record in draft.outputs):
            return draft.network or None
    return None
