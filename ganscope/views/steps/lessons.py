"""Sentences for learners on each update, made of this step's own figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ganscope.traces import Backward, LedgerEntry, ParameterUpdate, Update
from ganscope.views import style
from ganscope.views.steps import bars, depth, ledger, on_verdicts
from ganscope.views.steps.cast import DISCRIMINATOR, GENERATOR, joined, possessive
from ganscope.views.steps.flow import FAKE, Forward, is_unfollowed, noun_of
from ganscope.views.steps.labels import label_of, pulls
from ganscope.views.steps.losses import short_name
from ganscope.views.steps.penalties import penalties
from ganscope.views.steps.rows import update_rows
from ganscope.views.steps.story import Story
from ganscope.views.steps.verdicts import Verdict, together

_ABOUT = 0.1
"""Relative: how far from the learning rate Adam's first move of a value may be."""


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
            *penalties(story, update),
            *_repeated(story, update),
        ]
        found += depth.profile(story, update)
        found += _ratios(story, update, known=bool(earlier))
    return [f"{story.cast.sentence(text)}." for text in found]


def _moves(story: Story, update: Update, role: str) -> bool:
    return any(story.cast.role(name) == role for name in update.networks)


def _both_reached(story: Story, update: Update) -> Iterator[str]:
    """Why a generator's backward fills the discriminator's gradients too."""
    if not _moves(story, update, GENERATOR) or _moves(story, update, DISCRIMINATOR):
        return
    for run in update.backwards:
        judges = [name for name in run.reached if story.cast.role(name) == DISCRIMINATOR]
        behind = _behind(story, update, run, judges)
        learners = [name for name in run.reached if name in update.networks and name in behind]
        if not judges or not learners:
            continue
        learner, judge = _named(story, learners), _named(story, judges)
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
            f"{movers} moves only {_named(story, update.networks)}"
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
        makers = (each.makers for each in one.sources if not each.detached)
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
    told = {one.forward.call.network for one in on_verdicts.said_in(story, update)}
    noun = "verdict" if told.issuperset(judges) else "output"
    named = _named(story, judges)
    return f"{possessive(named)} {noun}" if len(judges) == 1 else f"the {noun}s of {named}"


def _all(learners: Sequence[str], judges: Sequence[str]) -> str:
    return "both" if len(learners) + len(judges) == 2 else "all of them"


def _wanted(story: Story, update: Update, learners: Sequence[str]) -> str:
    """``, D(G(z)) = 0.51, which it wants to be 1``."""
    fakes = [one for one in on_verdicts.said_in(story, update) if one.forward.shown == FAKE]
    kinds = dict.fromkeys(one.symbol for one in fakes)
    means = [together([one for one in fakes if one.symbol == symbol]) for symbol in kinds]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    figures = joined([on_verdicts.figure(one) for one in known])
    wish = _wish(story, update, fakes)
    wants = "it wants" if len(learners) == 1 else "they want"
    return f", {figures}" + (f", which {wants} {wish}" if wish else "")


def _wish(story: Story, update: Update, fakes: Sequence[Verdict]) -> str:
    """What verdicts are to be; empty where neither labels nor gradients tell."""
    ran = [one.forward for one in fakes]
    label = label_of(story, update, ran) if all(one.is_probability for one in fakes) else None
    if label is not None:
        return f"to be {label:g}"
    return {1: "higher", -1: "lower"}.get(pulls(update, ran), "")


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
    noun = noun_of(fakes[0])
    if into:
        yield (
            f"the fake {noun} were not detached, so the backward went on into {maker} "
            f"({style.count_of(max(reached[name] for name in into), 'parameter tensor')}): work "
            "that this update has no use for, and gradients that must be cleared"
        )
    elif _made_without_history(story, fakes):
        only = joined([story.cast.named(name) for name in reached]) or "nobody"
        yield (
            f"{maker} made these fake {noun} under torch.no_grad(), so they have no history: the "
            f"backward ended there and reached only {only}"
        )
    elif any(source.detached for one in fakes for source in one.sources):
        only = joined([story.cast.named(name) for name in reached]) or "nobody"
        yield (
            f"detaching gave the discriminator the same fake {noun} without their history: the "
            f"backward ended there, reached only {only}, and {maker} took no gradient"
        )


def _made_without_history(story: Story, fakes: Sequence[Forward]) -> bool:
    calls = {one.call.id: one for one in story.forwards}
    makers = {maker for fake in fakes for source in fake.sources for maker in source.makers}
    made = [calls[maker] for maker in makers if maker in calls]
    return bool(made) and all(is_unfollowed(one, story.forwards) for one in made)


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
        theirs = story.cast.sentence(ledger.whose(story.step, name, foreign, story.cast))
        yield (
            f"a backward adds to the gradients that are there. {theirs} were cleared first, so "
            "this update follows its own loss alone"
        )


def _mistakes(story: Story, update: Update) -> Iterator[str]:
    """What it means that another backward's gradients went into this update."""
    for name in update.networks:
        used = [e for e in ledger.foreign(story.step, update, name) if e.fate == "used"]
        if not used:
            continue
        who = story.cast.named(name)
        theirs = story.cast.sentence(ledger.whose(story.step, name, used, story.cast))
        yield (
            f"a backward adds to the gradients that are there. {theirs} were NOT cleared: the "
            f"optimizer followed the sum of both, so {who} was moved along "
            + ("another loss too" if _anothers(story, used, name) else "earlier gradients too")
        )


def _anothers(story: Story, used: Sequence[LedgerEntry], network: str) -> bool:
    """Whether backwards that were not to move `network` are among those used; as far as known."""
    homes = {run.id: update for update in story.step.updates for run in update.backwards}
    known = [homes[entry.backward] for entry in used if entry.backward in homes]
    return any(network not in update.networks for update in known)


def _repeated(story: Story, update: Update) -> Iterator[str]:
    same = [each for each in story.step.updates if each.networks == update.networks]
    if len(same) < 2 or same[0].index != update.index:
        return
    others = [each for each in story.step.updates if each.networks != update.networks]
    moved = _named(story, list(dict.fromkeys(name for one in others for name in one.networks)))
    ratio = f", to {style.count_of(len(others), 'update')} of {moved}" if others else ""
    source = ""
    if others and _moves(story, update, DISCRIMINATOR):
        said = on_verdicts.said_in(story, update)
        if not any(one.is_probability or one.unit == "logits" for one in said):
            source = "; Wasserstein GANs call that number n_critic"
        elif not _moved_otherwise(story, update.networks):
            source = f": Algorithm 1 of Goodfellow et al. (2014) with k = {len(same)}"
    yield f"{_named(story, update.networks)} is updated {len(same)} times in this step" + (
        ratio + source
    )


def _moved_otherwise(story: Story, networks: Sequence[str]) -> bool:
    """Whether a note tells that weights of these changed beside the updates: an unrolled GAN, for
    one, takes its updates back."""
    notes = story.trace.meta.notes
    return any(note.startswith(f"weights of {name} changed") for name in networks for note in notes)


def _ratios(story: Story, update: Update, *, known: bool) -> Iterator[str]:
    """What update over weight says, with its smallest and its largest value in the table."""
    weights = [
        (row.weights.ratio, row.path)
        for row in update_rows(story, update)
        if row.weights is not None and row.weights.ratio and math.isfinite(row.weights.ratio)
    ]
    if not weights:
        return
    ends = min(weights), max(weights)
    low, high = (style.format_number(ratio) for ratio, _ in ends)
    if low == high:
        span = f"{low} in {'all' if len(weights) > 1 else style.printable(ends[0][1])}"
    else:
        texts = [f"{style.format_number(ratio)} in {path}" for ratio, path in ends]
        span = style.printable(f"from {' to '.join(texts)}")
    if known:
        yield f"here update/weight goes {span}" if low != high else f"here update/weight is {span}"
        return
    yield (
        f"the column update/weight tells by which share of its size a weight was moved: {span}. "
        f"A rule of thumb is {bars.USUAL_RATIO:g}; much more is unsteady, much less hardly learns"
    )
    rate = _first_of_adam(story, update)
    if rate is not None:
        yield (
            "in Adam's first step every value with a gradient moves by about the learning rate, "
            f"{rate:g}, however large its gradient is: where the weights are small, the share is "
            "large"
        )


def _first_of_adam(story: Story, update: Update) -> float | None:
    """The learning rate by which every value was moved, as Adam does in its first step."""
    rates = {rate for each in update.optimizers for rate in each.learning_rates}
    adam = all(one.type in ("Adam", "AdamW") for one in update.optimizers)
    if story.step.index != 0 or len(rates) != 1 or not adam:
        return None
    (rate,) = rates
    moved = [one for one in update.parameters if one.gradient and one.gradient.norm]
    alike = all(_moved_by(one, rate) for one in moved)
    return rate if moved and alike else None


def _moved_by(one: ParameterUpdate, rate: float) -> bool:
    gradient = one.gradient
    if gradient is None or gradient.fraction_zero is None or one.update_norm is None:
        return False
    expected = rate * math.sqrt(gradient.count * (1 - gradient.fraction_zero))
    return abs(one.update_norm - expected) <= _ABOUT * expected
