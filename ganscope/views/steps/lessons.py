"""Sentences for learners on each update, made of this step's own figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ganscope.traces import Update
from ganscope.views import style
from ganscope.views.steps import bars, depth, ledger
from ganscope.views.steps.cast import DISCRIMINATOR, GENERATOR, capital, joined, possessive
from ganscope.views.steps.flow import BETWEEN, FAKE, REAL, Forward
from ganscope.views.steps.judgements import Judgement
from ganscope.views.steps.losses import short_name
from ganscope.views.steps.story import Story

_LN_2 = math.log(2)
_NEAR_A_HALF = 0.1
_NEAR = 0.01
"""Relative: a mean of logarithms is not quite the logarithm of a mean."""


def lessons(story: Story, update: Update) -> list[str]:
    """What there is to be learnt from an update, one sentence or two each.

    What an earlier update of the step has taught already is not taught again.
    """
    earlier = story.step.updates[: update.index]
    repeats = any(each.networks == update.networks for each in earlier)
    found = [*_verdicts(story, update), *_mistakes(story, update)]
    if not repeats:
        found += [
            *_both_reached(story, update),
            *_cut(story, update),
            *_cleared(story, update),
            *_losses(story, update),
            *_penalty(story, update),
            *_repeated(story, update),
        ]
        found += depth.profile(story, update)
        found += _ratios(update, known=bool(earlier))
    return [f"{capital(text)}." for text in found]


def _said(story: Story, update: Update) -> list[Judgement]:
    ran = story.ran(update)
    return [story.judged[one.call.id] for one in ran if one.call.id in story.judged]


def _moves(story: Story, update: Update, role: str) -> bool:
    return any(story.cast.role(name) == role for name in update.networks)


def _verdicts(story: Story, update: Update) -> Iterator[str]:
    """What D(x) and D(G(z)) mean, said where both stand."""
    said = _said(story, update)
    real = next((one for one in said if one.forward.shown == REAL), None)
    fake = next((one for one in said if one.forward.shown == FAKE), None)
    if real is None or fake is None:
        return
    figures = f"{_figure(real)} on real images, {_figure(fake)} on the generator's"
    if not (real.is_probability and fake.is_probability):
        yield (
            f"the discriminator's mean output is {figures}; it is no probability, and training "
            "draws the two apart"
        )
        return
    apart = abs(real.mean - 0.5) < _NEAR_A_HALF and abs(fake.mean - 0.5) < _NEAR_A_HALF
    state = (
        "near 0.5 for both, it cannot tell them apart yet"
        if apart
        else "it rates real images higher"
        if real.mean > fake.mean
        else "it rates the generator's images higher than real ones"
    )
    yield (
        f"the discriminator's mean verdict is {figures}. It is trained toward 1 for real and 0 "
        f"for fake: {state}"
    )


def _figure(said: Judgement) -> str:
    return f"{said.symbol} = {style.format_number(said.mean)}"


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
    fakes = [one for one in _said(story, update) if one.forward.shown == FAKE]
    if not fakes:
        return ""
    return f", {_figure(fakes[0])}, which it wants " + (
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
            f"detach gave the discriminator the same fake images without their history: the "
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


def _losses(story: Story, update: Update) -> Iterator[str]:
    """Where a cross entropy begins, and what its value says of the verdict."""
    said = [one for one in _said(story, update) if one.is_probability]
    for loss in update.losses:
        if not _is_cross_entropy(story, loss.call) or not math.isfinite(loss.value):
            continue
        name, value = short_name(loss.name), style.format_number(loss.value)
        close = [one for one in said if one.mean > 0 and _alike(-math.log(one.mean), loss.value)]
        start = (
            f"at a verdict of 1/2 it is ln 2 = {style.format_number(_LN_2)}, where an untrained "
            "discriminator makes it begin"
        )
        if close:
            verdict = style.format_number(close[0].mean)
            yield (
                f"the loss {name} {value} is the cross entropy of {close[0].symbol} with 1: "
                f"−ln {verdict} ≈ {style.format_number(-math.log(close[0].mean))}; {start}"
            )
            return
    parts = [part for loss in update.losses for part in loss.parts]
    near = [part for part in parts if abs(part.value - _LN_2) < _NEAR_A_HALF]
    if said and len(parts) > 1 and len(near) == len(parts):
        values = joined(
            [f"{short_name(part.name)} {style.format_number(part.value)}" for part in parts]
        )
        yield (
            f"the parts {values} are near ln 2 = {style.format_number(_LN_2)}, the cross entropy "
            "of a verdict of 1/2: the discriminator is about as good as a coin"
        )


def _is_cross_entropy(story: Story, call: int | None) -> bool:
    made = next((one for one in story.step.calls if one.id == call), None)
    return made is not None and made.type.lower().replace("_", "").startswith(
        ("bce", "binarycrossentropy")
    )


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR * max(abs(one), abs(other))


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
