"""Sentences for learners on what the discriminator says, and on losses made of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ganscope.analysis.discriminator_outputs import DiscriminatorOutput, together
from ganscope.analysis.forwards import FAKE, REAL, Forward
from ganscope.analysis.labels import is_cross_entropy, label_of, pulls
from ganscope.traces import Update
from ganscope.views import style
from ganscope.views.steps.cast import joined, noun_of, possessive
from ganscope.views.steps.losses import short_name
from ganscope.views.steps.story import Story

_LN_2 = math.log(2)
_NEAR_A_HALF = 0.1
_SQUARE = 10.0
"""Degrees off a right angle within which two gradients neither help nor hinder each other."""
_CLOSELY = 30.0
"""Degrees off a right angle from which on they are plainly opposed, or alike."""
_NEAR = 0.01
"""Relative: a mean of logarithms is not quite the logarithm of a mean."""


def verdicts(story: Story, update: Update) -> Iterator[str]:
    """What D(x) and D(G(z)) mean, said of each discriminator where both stand."""
    said = story.outputs_in(update)
    for network in dict.fromkeys(one.forward.call.network for one in said):
        own = [one for one in said if one.forward.call.network == network]
        real, fake = _mean(own, REAL), _mean(own, FAKE)
        if real is not None and fake is not None:
            yield _verdict(story, update, real, fake)


def _verdict(
    story: Story, update: Update, real: DiscriminatorOutput, fake: DiscriminatorOutput
) -> str:
    whose = possessive(story.cast.named(real.forward.call.network))
    noun = noun_of(real.forward)
    figures = f"{figure(real)} on real {noun}, {figure(fake)} on the generator's"
    if not (real.is_probability and fake.is_probability):
        same = [each for each in story.step.updates if each.networks == update.networks]
        is_first = update.index == same[0].index
        apart = ", and training draws the two apart" if _drawn_apart(story, update, real) else ""
        meaning = f"; it is no probability{apart}" if is_first else ""
        return f"{whose} mean output is {figures}{meaning}"
    aims = _labels(story, update, real.forward.call.network)
    near = abs(real.mean - 0.5) < _NEAR_A_HALF and abs(fake.mean - 0.5) < _NEAR_A_HALF
    state = (
        "near 0.5 for both, it hardly tells them apart"
        if near
        else f"it rates real {noun} higher"
        if real.mean > fake.mean
        else f"it rates the generator's {noun} higher than real ones"
    )
    if aims is None:
        return f"{whose} mean verdict is {figures}: {state}"
    asked = ""
    if aims[0] < aims[1] and not near:
        asked = ", as it is asked to" if real.mean < fake.mean else ", against what it is asked"
    return (
        f"{whose} mean verdict is {figures}. It is trained toward {aims[0]:g} for real and "
        f"{aims[1]:g} for fake: {state}{asked}"
    )


def _labels(story: Story, update: Update, network: str) -> tuple[float, float] | None:
    """The labels of real and of generated images, where the update that moves the discriminator
    shows them."""
    if network not in update.networks:
        return None
    real = label_of(story, update, _shown(story, update, network, REAL))
    fake = label_of(story, update, _shown(story, update, network, FAKE))
    return None if real is None or fake is None else (real, fake)


def _drawn_apart(story: Story, update: Update, real: DiscriminatorOutput) -> bool:
    """Whether the losses move the higher answers up and the lower ones down."""
    network = real.forward.call.network
    if network not in update.networks:
        return False
    shown = (_shown(story, update, network, kind) for kind in (REAL, FAKE))
    up, down = (pulls(update, own) for own in shown)
    return up * down < 0


def _shown(story: Story, update: Update, network: str, kind: str) -> list[Forward]:
    ran = story.ran(update)
    return [one for one in ran if (one.call.network, one.shown) == (network, kind)]


def cross_entropy(story: Story, update: Update) -> Iterator[str]:
    """Where a cross entropy begins, and what its value says of the verdict."""
    said = [one for one in story.outputs_in(update) if one.is_probability]
    for loss in update.losses:
        if not _is_cross_entropy(story, loss.call) or not math.isfinite(loss.value):
            continue
        name, value = short_name(loss.name), style.format_number(loss.value)
        close = [
            one
            for one in said
            if one.mean > 0
            and _alike(-math.log(one.mean), loss.value)
            and label_of(story, update, [one.forward]) == 1
        ]
        start = (
            f"at a verdict of 1/2 it is ln 2 = {style.format_number(_LN_2)}, where an untrained "
            "discriminator makes it begin"
        )
        if close:
            symbol = close[0].symbol
            yield (
                f"the loss {name} {value} is the cross entropy of {symbol} with 1, the mean of "
                f"−ln {symbol} over the batch; {start}"
            )
            return
    parts = [part for loss in update.losses for part in loss.parts]
    made = _cross_entropies(story, update)
    near = [
        part
        for part in parts
        if abs(part.value - _LN_2) < _NEAR_A_HALF and any(_alike(part.value, each) for each in made)
    ]
    if said and len(parts) > 1 and len(near) == len(parts):
        values = joined(
            [f"{short_name(part.name)} {style.format_number(part.value)}" for part in parts]
        )
        yield (
            f"the parts {values} are near ln 2 = {style.format_number(_LN_2)}, the cross entropy "
            "of a verdict of 1/2: the discriminator is about as good as a coin"
        )


def pull(story: Story, update: Update) -> Iterator[str]:
    """How the parts of a discriminator's gradient from real and from fake images meet."""
    split = story.step.split
    if split is None or split.angle is None or split.network not in update.networks:
        return
    real, fake = style.format_number(split.real_norm), style.format_number(split.fake_norm)
    only = "only " if split.total_norm < min(split.real_norm, split.fake_norm) else ""
    yield (
        f"its gradient is the sum of a part from real images ({real}) and one from generated ones "
        f"({fake}), {split.angle:.0f}° apart: {_how(split.angle - 90)}. The sum's norm is "
        f"{only}{style.format_number(split.total_norm)}"
    )


def _how(turned: float) -> str:
    """How two gradients meet that stand `turned` degrees off a right angle."""
    if abs(turned) <= _SQUARE:
        return "close to a right angle, so neither helps nor hinders the other"
    if turned > 0:
        return (
            "they pull against each other, and much of both cancels"
            if turned >= _CLOSELY
            else "they pull partly against each other"
        )
    return "they pull the same way" if turned <= -_CLOSELY else "they pull partly the same way"


def _mean(said: Sequence[DiscriminatorOutput], shown: str) -> DiscriminatorOutput | None:
    """What a discriminator said of all the images of a kind."""
    own = [one for one in said if one.forward.shown == shown]
    return together([one for one in own if one.symbol == own[0].symbol])


def figure(said: DiscriminatorOutput) -> str:
    """``D(x) = 0.596``."""
    return f"{said.symbol} = {style.format_number(said.mean)}"


def _is_cross_entropy(story: Story, call: int | None) -> bool:
    made = next((one for one in story.step.calls if one.id == call), None)
    return made is not None and is_cross_entropy(made)


def _cross_entropies(story: Story, update: Update) -> list[float]:
    """The values of an update's cross entropies."""
    made = [
        record.stats.mean
        for call in story.flow.outside
        if call.update == update.index and is_cross_entropy(call)
        for record in call.outputs
        if record.stats is not None
    ]
    return [value for value in made if value is not None]


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR * max(abs(one), abs(other))
