"""A sentence for learners on whom a generator learns through: why others are reached too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganscope.analysis.discriminator_outputs import DiscriminatorOutput, together
from ganscope.analysis.forwards import FAKE, Forward
from ganscope.analysis.labels import label_of, pulls
from ganscope.analysis.roles import DISCRIMINATOR, GENERATOR
from ganscope.traces import Backward, Update
from ganscope.views import style
from ganscope.views.steps import on_verdicts
from ganscope.views.steps.cast import joined, possessive
from ganscope.views.steps.losses import short_name
from ganscope.views.steps.story import Story


def moves(story: Story, update: Update, role: str) -> bool:
    """Whether an update moves a network of a role."""
    return any(story.cast.role(name) == role for name in update.networks)


def both_reached(story: Story, update: Update) -> Iterator[str]:
    """Why a generator's backward fills the discriminator's gradients too."""
    if not moves(story, update, GENERATOR) or moves(story, update, DISCRIMINATOR):
        return
    for run in update.backwards:
        judges = [name for name in run.reached if story.cast.role(name) == DISCRIMINATOR]
        behind = _behind(story, update, run, judges)
        learners = [name for name in run.reached if name in update.networks and name in behind]
        if not judges or not learners:
            continue
        learner, judge = named(story, learners), named(story, judges)
        counts = joined(
            [f"{run.reached[name]} in {story.cast.named(name)}" for name in (*learners, *judges)]
        )
        movers = joined([style.printable(each.type) for each in update.optimizers])
        verb = "learns" if len(learners) == 1 else "learn"
        answer = _answer_of(story, update, judges)
        yield (
            f"{learner} {verb} through {answer}{_wanted(story, update, learners)}: "
            f"{_loss_name(update)} is computed from it, so the backward runs through {judge} into "
            f"{learner}. That is why {_all(learners, judges)} received gradients ({counts}); "
            f"{movers} moves only {named(story, update.networks)}"
        )
        return


def _behind(story: Story, update: Update, run: Backward, judges: Sequence[str]) -> set[str]:
    """The networks out of which came, followed by autograd, what these judges were shown."""
    calls = {one.call.id: one for one in story.forwards}
    left = [
        one
        for one in story.forwards
        if one.call.network in judges and _takes_part(one, update, run)
    ]
    seen: set[int] = set()
    while left:
        one = left.pop()
        # Tokens and other whole numbers need no detach to end the way of a gradient.
        makers = (
            each.makers for each in one.inputs if not each.detached and each.record.requires_grad
        )
        new = {maker for some in makers for maker in some if maker in calls} - seen
        seen |= new
        left += [calls[maker] for maker in new]
    return {calls[each].call.network for each in seen}


def _takes_part(forward: Forward, update: Update, run: Backward) -> bool:
    """Whether a call ran in an update, or a backward of it ran through what ran before."""
    arrived = any(each.backward == run.id for each in forward.call.gradients)
    return arrived or forward.call.update == update.index


def _answer_of(story: Story, update: Update, judges: Sequence[str]) -> str:
    """``the discriminator's verdict``, ``the verdicts of D_A and D_B``; ``D's output`` where it is
    no verdict, an autoencoder's for one."""
    told = {one.forward.call.network for one in story.outputs_in(update)}
    noun = "verdict" if told.issuperset(judges) else "output"
    who = named(story, judges)
    return f"{possessive(who)} {noun}" if len(judges) == 1 else f"the {noun}s of {who}"


def _all(learners: Sequence[str], judges: Sequence[str]) -> str:
    return "both" if len(learners) + len(judges) == 2 else "all of them"


def _wanted(story: Story, update: Update, learners: Sequence[str]) -> str:
    """``, D(G(z)) = 0.51, which it wants to be 1``."""
    fakes = [one for one in story.outputs_in(update) if one.forward.shown == FAKE]
    kinds = dict.fromkeys(one.symbol for one in fakes)
    means = [together([one for one in fakes if one.symbol == symbol]) for symbol in kinds]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    figures = joined([on_verdicts.figure(one) for one in known])
    wish = _wish(story, update, fakes)
    wants = "it wants" if len(learners) == 1 else "they want"
    return f", {figures}" + (f", which {wants} {wish}" if wish else "")


def _wish(story: Story, update: Update, fakes: Sequence[DiscriminatorOutput]) -> str:
    """What verdicts are to be; empty where neither labels nor gradients tell."""
    ran = [one.forward for one in fakes]
    label = label_of(story, update, ran) if all(one.is_probability for one in fakes) else None
    if label is not None:
        return f"to be {label:g}"
    return {1: "higher", -1: "lower"}.get(pulls(update, ran), "")


def named(story: Story, names: Sequence[str]) -> str:
    """``the generator``, ``encoder and decoder``."""
    return joined([story.cast.named(name) for name in names])


def _loss_name(update: Update) -> str:
    return short_name(update.losses[0].name) if update.losses else "the loss"
