"""Sentences for learners on gradients that were asked for by ``autograd.grad`` inside an update."""

from __future__ import annotations

from collections.abc import Iterator

from ganscope.analysis.forwards import BETWEEN, FAKE, REAL
from ganscope.analysis.penalties import Penalty, grad_runs, penalties_of
from ganscope.analysis.roles import DISCRIMINATOR, GENERATOR
from ganscope.traces import Update
from ganscope.views.steps.cast import joined, noun_of, possessive
from ganscope.views.steps.losses import short_name
from ganscope.views.steps.story import Story

_WHERE = {
    BETWEEN: "at blends of real and fake",
    REAL: "at real",
    FAKE: "at fake",
}


def penalties(story: Story, update: Update) -> Iterator[str]:
    """Why autograd was asked for a gradient inside a loss, where it was followed."""
    yield from dict.fromkeys(_asked(story, each) for each in penalties_of(story, update))
    plain = [run for run in grad_runs(update) if run.create_graph is False and run.loss]
    if plain:
        names = joined(list(dict.fromkeys(short_name(run.loss or "") for run in plain)))
        yield (
            f"autograd.grad took the gradient of {names} without create_graph: no backward runs "
            "through what it gave"
        )


def _asked(story: Story, penalty: Penalty) -> str:
    names = penalty.networks
    whose = possessive(joined([_named(story, name) for name in names])) if names else ""
    if names and penalty.is_output:
        what = f"{whose} output"
    else:
        root = short_name(penalty.run.loss) if penalty.run.loss else "a figure"
        what = f"{root}, made of {whose} output," if names else root
    text = f"a call of autograd.grad asked how {what} changes {_where(penalty)}"
    if not penalty.losses:
        return text
    return (
        f"{text}; what was made of that gradient became a part of "
        f"{short_name(penalty.losses[0].name)}, so the backward differentiated it again"
    )


def _named(story: Story, name: str) -> str:
    """A discriminator by its role, where it is the only one."""
    alone = story.cast.symbol(name) == "D" and story.cast.role(name) == DISCRIMINATOR
    return "the discriminator" if alone else story.cast.named(name)


def _where(penalty: Penalty) -> str:
    if penalty.at is None:
        return "with respect to another tensor"
    if penalty.at.role == GENERATOR:
        return "with respect to its input"
    where = _WHERE.get(penalty.at.shown)
    return f"{where} {noun_of(penalty.at)}" if where else "with respect to an input"
