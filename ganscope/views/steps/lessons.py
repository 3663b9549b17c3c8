"""Sentences for learners on each update, made of this step's own figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ganscope.analysis.forwards import FAKE, Forward, is_unfollowed
from ganscope.analysis.ledger import foreign, wrongly_used
from ganscope.analysis.roles import DISCRIMINATOR, GENERATOR
from ganscope.traces import LedgerEntry, ParameterUpdate, Update
from ganscope.views import style
from ganscope.views.steps import bars, depth, ledger, modes, on_verdicts
from ganscope.views.steps.cast import joined, noun_of
from ganscope.views.steps.learners import both_reached, moves, named
from ganscope.views.steps.penalties import penalties
from ganscope.views.steps.rows import update_rows
from ganscope.views.steps.story import Story

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
            *both_reached(story, update),
            *_in_eval(story, update),
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


def _in_eval(story: Story, update: Update) -> Iterator[str]:
    """What eval mode changed in the networks that ran."""
    told: set[str] = set()
    for forward in story.forwards:
        network = forward.call.network
        if not forward.mode or network in told or forward.call.update is None:
            continue
        told.add(network)
        if forward.call.update == update.index:
            owned = (call for call in story.step.calls if story.owners.get(call.id) is forward)
            yield from modes.lesson(story.cast.named(network), list(owned))


def _cut(story: Story, update: Update) -> Iterator[str]:
    """What detach spared the generator, or what its absence cost."""
    if not moves(story, update, DISCRIMINATOR) or moves(story, update, GENERATOR):
        return
    fakes = [one for one in story.ran(update) if one.shown == FAKE]
    if not fakes or not update.backwards:
        return
    makers = dict.fromkeys(_makers(story, fakes))
    used = {(each.backward, each.network) for each in story.step.ledger if each.fate == "used"}
    maker = joined([story.cast.named(name) for name in makers]) or "the generator"
    reached = {
        name: run.reached[name]
        for run in update.backwards
        for name in run.reached
        if name in update.networks or (run.id, name) not in used  # else of another's loss
    }
    into = [name for name in dict.fromkeys(_makers(story, fakes, attached=True)) if name in reached]
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
    elif any(source.detached for one in fakes for source in one.inputs) and not (
        makers.keys() & reached.keys()
    ):
        only = joined([story.cast.named(name) for name in reached]) or "nobody"
        yield (
            f"detaching gave the discriminator the same fake {noun} without their history: the "
            f"backward ended there, reached only {only}, and {maker} took no gradient"
        )


def _made_without_history(story: Story, fakes: Sequence[Forward]) -> bool:
    calls = {one.call.id: one for one in story.forwards}
    makers = {maker for fake in fakes for source in fake.inputs for maker in source.makers}
    made = [calls[maker] for maker in makers if maker in calls]
    return bool(made) and all(is_unfollowed(one, story.forwards) for one in made)


def _makers(story: Story, fakes: Sequence[Forward], *, attached: bool = False) -> Iterator[str]:
    """The generators behind fakes; with `attached`, behind those that were not detached."""
    calls = {one.call.id: one for one in story.forwards}
    for fake in fakes:
        for source in fake.inputs:
            for maker in () if attached and source.detached else source.makers:
                if maker in calls and calls[maker].role == GENERATOR:
                    yield calls[maker].call.network


def _cleared(story: Story, update: Update) -> Iterator[str]:
    """That what another backward had left was cleared before this update's own."""
    for name in update.networks:
        entries = foreign(story.step, update, name)
        if not entries or any(entry.fate != "cleared" for entry in entries):
            continue
        theirs = story.cast.sentence(ledger.whose(story.step, name, entries, story.cast))
        yield (
            f"a backward adds to the gradients that are there. {theirs} were cleared first, so "
            "this update follows its own loss alone"
        )


def _mistakes(story: Story, update: Update) -> Iterator[str]:
    """What it means that another backward's gradients went into this update."""
    for name in update.networks:
        used = wrongly_used(story.step, update, name)
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
    moved = named(story, list(dict.fromkeys(name for one in others for name in one.networks)))
    ratio = f", to {style.count_of(len(others), 'update')} of {moved}" if others else ""
    source = ""
    if others and moves(story, update, DISCRIMINATOR):
        said = story.outputs_in(update)
        if not any(one.is_probability or one.unit == "logits" for one in said):
            source = "; Wasserstein GANs call that number n_critic"
        elif not _moved_otherwise(story, update.networks):
            source = f": Algorithm 1 of Goodfellow et al. (2014) with k = {len(same)}"
    yield f"{named(story, update.networks)} is updated {len(same)} times in this step" + (
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
