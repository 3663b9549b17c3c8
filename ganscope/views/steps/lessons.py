"""Sentences for learners on each update, made of this step's own figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ganscope.traces import Update
from ganscope.views import style
from ganscope.views.steps import bars, depth, ledger, on_verdicts
from ganscope.views.steps.cast import DISCRIMINATOR, GENERATOR, capital, joined, possessive
from ganscope.views.steps.flow import BETWEEN, FAKE, Forward
from ganscope.views.steps.losses import short_name
from ganscope.views.steps.story import Story


def lessons(story: Story, update: Update) -> list[str]:
    """What there is to be learnt from an update, one sentence or two each.

    What an earlier update of the step has taught already is not taught again.
    """
    earlier = [each for each in story.step.updates if each.index < update.index]
    repeats = any(each.networks == update.networks for each in earlier)
    found = [*on_verdicts.verdicts(story, update), *_mistakes(story, update)]
    if not repeats:
        found += [
            *_both_reached(story, update),
            *_cut(story, update),
            *_cleared(story, update),
            *on_verdicts.cross_entropy(story, update),
            *on_verdicts.pull(story, update),
            *_penalty(story, update),
            *_repeated(story, update),
        ]
        found += depth.profile(story, update)
        found += _ratios(update, known=bool(earlier))
    return [f"{capital(text)}." for text in found]


def _moves(story: Story, update: Update, role: str) -> bool:
    return any(story.cast.role(name) == role for name in update.networks)


def _both_reached(story: Story, update: Update) -> Iterator[str]:
    """Why a generator's backward fills the discriminator's gradients too."""
    if not _moves(story, update, GENERATOR) or _moves(story, update, DISCRIMINATOR):
        return
    for run in update.backwards:
        judges = [name for name in run.reached if story.cast.role(name) == DISCRIMINATOR]
        learners = [name for name in run.reached if name in update.networks]
        if not judges or not learners:
            continue
        learner, judge = _named(story, learners), _named(story, judges)
        counts = joined(
            [f"{run.reached[name]} in {story.cast.named(name)}" for name in (*learners, *judges)]
        )
        movers = joined([style.printable(each.type) for each in update.optimizers])
        yield (
            f"{learner} learns through {possessive(judge)} verdict{_wanted(story, update)}: "
            f"{_loss_name(update)} is computed from it, so the backward runs through {judge} into "
            f"{learner}. That is why both received gradients ({counts}); {movers} moves only "
            f"{learner}"
        )
        return


def _wanted(story: Story, update: Update) -> str:
    """``, D(G(z)) = 0.51, which it wants to be 1``."""
    fakes = [one for one in on_verdicts.said_in(story, update) if one.forward.shown == FAKE]
    if not fakes:
        return ""
    return f", {on_verdicts.figure(fakes[0])}, which it wants " + (
        "to be 1" if fakes[0].is_probability else "higher"
    )


def _named(story: Story, names: Sequence[str]) -> str:
    return joined([story.cast.named(name) for name in names])


def _loss_name(update: Update) -> str:
    return short_name(update.losses[0].name) if update.losses else "the loss"


def _cut(story: Story, update: Update) -> Iterator[str]:
    """What detach spared the generator, or what its absence cost."""
    if not _moves(story, update, DISCRIMINATOR) or _moves(story, update, GENERATOR):
        return
    fakes = [one for one in story.ran(update) if one.shown == FAKE]
    if not fakes or not update.backwards:
        return
    makers = dict.fromkeys(_makers(story, fakes))
    maker = joined([story.cast.named(name) for name in makers]) or "the generator"
    reached = {name: run.reached[name] for run in update.backwards for name in run.reached}
    into = [name for name in makers if name in reached]
    if into:
        yield (
            f"the fake images were not detached, so the backward went on into {maker} "
            f"({style.count_of(max(reached[name] for name in into), 'parameter tensor')}): work "
            "that this update has no use for, and gradients that must be cleared"
        )
    elif any(source.detached for one in fakes for source in one.sources):
        only = joined([story.cast.named(name) for name in reached]) or "nobody"
        yield (
            f"detaching gave the discriminator the same fake images without their history: the "
            f"backward ended there, reached only {only}, and {maker} took no gradient"
        )


def _makers(story: Story, fakes: Sequence[Forward]) -> Iterator[str]:
    calls = {one.call.id: one for one in story.forwards}
    for fake in fakes:
        for source in fake.sources:
            for maker in source.makers:
                if maker in calls and calls[maker].role == GENERATOR:
                    yield calls[maker].call.network


def _cleared(story: Story, update: Update) -> Iterator[str]:
    """That what another backward had left was cleared before this update's own."""
    for name in update.networks:
        foreign = ledger.foreign(story.step, update, name)
        if not foreign or any(entry.fate != "cleared" for entry in foreign):
            continue
        yield (
            "a backward adds to the gradients that are there. "
            f"{capital(ledger.whose(story.step, name, foreign, story.cast))} were cleared first, "
            "so this update follows its own loss alone"
        )


def _mistakes(story: Story, update: Update) -> Iterator[str]:
    """What it means that another backward's gradients went into this update."""
    for name in update.networks:
        used = [e for e in ledger.foreign(story.step, update, name) if e.fate == "used"]
        if not used:
            continue
        who = story.cast.named(name)
        yield (
            "a backward adds to the gradients that are there. "
            f"{capital(ledger.whose(story.step, name, used, story.cast))} were NOT cleared: the "
            f"optimizer followed the sum of both, so {who} was moved along another loss too"
        )


def _penalty(story: Story, update: Update) -> Iterator[str]:
    """Why autograd was asked for a gradient inside a loss."""
    if not any(run.kind == "grad" for run in update.backwards):
        return
    blended = any(one.shown == BETWEEN for one in story.ran(update))
    where = "at blends of real and fake images" if blended else "with respect to an input"
    yield (
        f"a call of autograd.grad asked how the discriminator's output changes {where}; the size "
        f"of that gradient became a part of {_loss_name(update)}, so the backward differentiated "
        "it again"
    )


def _repeated(story: Story, update: Update) -> Iterator[str]:
    same = [each for each in story.step.updates if each.networks == update.networks]
    if len(same) < 2 or same[0].index != update.index:
        return
    rest = len(story.step.updates) - len(same)
    yield (
        f"{_named(story, update.networks)} is updated {len(same)} times in this step, for "
        f"{style.count_of(rest, 'update')} of the rest: Algorithm 1 of Goodfellow et al. (2014) "
        "with k > 1"
    )


def _ratios(update: Update, *, known: bool) -> Iterator[str]:
    """What update over weight says, with the smallest and the largest one of the weights."""
    weights = [
        one
        for one in update.parameters
        if one.update_ratio and len(one.shape) > 1 and math.isfinite(one.update_ratio)
    ]
    if not weights:
        return
    weights.sort(key=lambda one: one.update_ratio or 0.0)
    ends = dict.fromkeys((weights[0], weights[-1]))
    texts = [f"{style.format_number(one.update_ratio)} in {one.name}" for one in ends]
    span = style.printable(f"from {' to '.join(texts)}" if len(texts) > 1 else texts[0])
    if known:
        yield f"here update/weight goes {span}"
        return
    yield (
        f"the column update/weight tells by which share of its size a weight was moved: {span}. "
        f"About {bars.USUAL_RATIO:g} is usual; much more is unsteady, much less hardly learns"
    )
