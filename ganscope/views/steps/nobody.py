"""Why no discriminator was told among the networks of a step, and so no D(x)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganscope.analysis.forwards import Forward
from ganscope.analysis.roles import DISCRIMINATOR
from ganscope.views import style
from ganscope.views.steps.cast import Cast, joined
from ganscope.views.steps.ledger import Remark
from ganscope.views.steps.story import Story

_MOST_NAMED = 4


def no_discriminator(story: Story) -> Iterator[Remark]:
    """``no discriminator was told, so there is no D(x): none of …``.

    Said where several networks are trained, and what they do shows no one's role.
    """
    trained = list(dict.fromkeys(name for each in story.step.updates for name in each.networks))
    roles = {story.cast.role(network.name) for network in story.trace.networks}
    if len(trained) > 1 and DISCRIMINATOR not in roles:
        yield Remark(f"no discriminator was told, so there is no D(x): {_reason(story, trained)}")


def _reason(story: Story, trained: Sequence[str]) -> str:
    judges = [name for name in trained if _is_shown_both(story, name, trained)]
    if not judges:
        named = _named(story.cast, trained)
        return f"none of {named} takes what another one made in one call, and data alone in another"
    handing = {name: _takers(story, name) for name in judges}
    if all(handing.values()):
        (name, takers), *_ = handing.items()
        return (
            f"{style.printable(name)} is shown both what another network made and data, but what "
            f"it makes of them goes on into {_named(story.cast, takers)}"
        )
    return "what the networks did does not show who judges whom"


def _is_shown_both(story: Story, network: str, trained: Sequence[str]) -> bool:
    """Whether a network took, in updates, what another trained one made, and also what none did."""
    calls = {one.call.id: one.call.network for one in story.forwards}
    own = [one for one in story.forwards if one.call.network == network and one.inputs]
    shown = [_makers(one, calls) for one in own if one.call.update is not None]
    others = set(trained) - {network}
    return any(makers & others for makers in shown) and any(not makers for makers in shown)


def _makers(forward: Forward, calls: dict[int, str]) -> set[str]:
    return {calls[maker] for each in forward.inputs for maker in each.makers if maker in calls}


def _takers(story: Story, network: str) -> list[str]:
    """The other networks that took what a network made, single numbers included."""
    found = [
        call.network
        for call in story.step.calls
        if call.parent is None and call.network and call.network != network
        if any(answer.network == network for answer in story.flow.networks_behind(call))
    ]
    return list(dict.fromkeys(found))


def _named(cast: Cast, names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMED:
        return f"the {len(names)} trained networks"
    return joined([cast.named(name) for name in names])
