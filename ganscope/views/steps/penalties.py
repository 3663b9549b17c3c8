"""Sentences for learners on gradients that were asked for by ``autograd.grad`` inside an update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganscope.traces import Backward, Call, TensorRecord, Update
from ganscope.traces.recognition import likeness
from ganscope.views.steps.cast import DISCRIMINATOR, GENERATOR, joined, possessive
from ganscope.views.steps.flow import BETWEEN, FAKE, REAL, noun_of
from ganscope.views.steps.losses import short_name
from ganscope.views.steps.story import Story

_ASKING = "grad"
_PLAIN = {"sum", "mean", "squeeze", "view", "reshape", "flatten", "getitem", "__getitem__"}
"""Operations that leave of an answer an answer, or the sum of answers."""
_WHERE = {
    BETWEEN: "at blends of real and fake",
    REAL: "at real",
    FAKE: "at fake",
}


def penalties(story: Story, update: Update) -> Iterator[str]:
    """Why autograd was asked for a gradient inside a loss, where it was followed."""
    pairs = _pairs(story, update)
    yield from dict.fromkeys(
        _asked(story, update, run, call) for run, call in pairs if run.create_graph
    )
    plain = [run for run in _runs(update) if run.create_graph is False and run.loss]
    if plain:
        names = joined(list(dict.fromkeys(short_name(run.loss or "") for run in plain)))
        yield (
            f"autograd.grad took the gradient of {names} without create_graph: no backward runs "
            "through what it gave"
        )


def _runs(update: Update) -> list[Backward]:
    return [run for run in update.backwards if run.kind == "grad"]


def _pairs(story: Story, update: Update) -> list[tuple[Backward, Call]]:
    """The engine's runs of an update with the calls that asked for them; none where it is not
    plain which belongs to which."""
    runs = [run for each in story.step.updates for run in _runs(each)]
    calls = [
        call for call in story.origins.outside if call.type == _ASKING and len(call.inputs) > 1
    ]
    if len(runs) != len(calls):
        return []
    own = {run.id for run in _runs(update)}
    return [(run, call) for run, call in zip(runs, calls, strict=True) if run.id in own]


def _asked(story: Story, update: Update, run: Backward, call: Call) -> str:
    behind = story.origins.behind(call, call.inputs[0])
    answers = [each for each in behind if each.network]
    names = list(dict.fromkeys(each.network for each in answers))
    whose = possessive(joined([_named(story, name) for name in names])) if names else ""
    if names and all(each.network or each.type in _PLAIN for each in behind):
        what = f"{whose} output"
    else:
        root = short_name(run.loss) if run.loss else "a figure"
        what = f"{root}, made of {whose} output," if names else root
    text = f"a call of autograd.grad asked how {what} changes {_where(story, call, answers)}"
    losses = [loss for loss in update.losses if story.origins.feeds(call, loss.call)]
    if not losses:
        return text
    return (
        f"{text}; what was made of that gradient became a part of {short_name(losses[0].name)}, "
        "so the backward differentiated it again"
    )


def _named(story: Story, name: str) -> str:
    """A discriminator by its role, where it is the only one."""
    alone = story.cast.symbol(name) == "D" and story.cast.role(name) == DISCRIMINATOR
    return "the discriminator" if alone else story.cast.named(name)


def _where(story: Story, call: Call, answers: Sequence[Call]) -> str:
    asked = likeness(_asked_for(call))
    for forward in story.forwards:
        if forward.call in answers and asked in map(likeness, forward.call.inputs):
            if forward.role == GENERATOR:
                return "with respect to its input"
            where = _WHERE.get(forward.shown)
            return f"{where} {noun_of(forward)}" if where else "with respect to an input"
    return "with respect to another tensor"


def _asked_for(call: Call) -> TensorRecord:
    """The first tensor that a gradient was asked for; those before it are differentiated."""
    first = call.inputs[0].name
    rest = [record for record in call.inputs[1:] if record.name == first]
    return rest[0] if rest else call.inputs[1]
