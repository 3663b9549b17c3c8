"""What stands above an update's table: who was moved by what, and how the data flowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ganscope.traces import Earlier, Optimizer, Step, Update
from ganscope.views import style
from ganscope.views.steps.cast import GENERATOR, Cast, joined, numeral
from ganscope.views.steps.flow import (
    BETWEEN,
    PROBED,
    UNTOLD,
    Forward,
    Source,
    earlier_of,
    is_unfollowed,
    made,
    made_by,
)
from ganscope.views.steps.verdicts import Verdict, together

_MOST_BETWEEN = 3
"""Operations between two networks that are named."""


@dataclass(frozen=True, slots=True)
class FlowLine:
    """A chain of networks, and what a discriminator said at its end.

    Attributes:
        parts: ``z 64×100``, ``generator``, ``64×1×28×28``; an arrow stands between them.
        verdict: ``D(G(z)) 0.501``; empty where no discriminator is at the end.
        times: How many chains are alike.
    """

    parts: tuple[str, ...]
    verdict: str = ""
    times: int = 1

    @property
    def text(self) -> str:
        """The chain in one line, without what was said at its end."""
        return (f"{self.times} × " if self.times > 1 else "") + " → ".join(self.parts)

    @property
    def whole(self) -> str:
        """The chain and what was said at its end."""
        return f"{self.text} — {self.verdict}" if self.verdict else self.text


def update_title(step: Step, update: Update, cast: Cast) -> tuple[str, ...]:
    """``① update of the generator``, ``Adam lr 0.0002``, in parts that a separator joins."""
    named = cast.introduced if len(update.networks) == 1 else cast.named
    moved = joined([named(name) for name in update.networks])
    if not update.networks:
        moved = "no network: none received gradients"
    same = [each for each in step.updates if each.networks == update.networks]
    place = f" ({same.index(update) + 1} of {len(same)})" if len(same) > 1 else ""
    scale = update.gradient_scale
    factor = style.format_number(scale)
    scaled = [f"gradients scaled by {factor}, shown unscaled"] if scale != 1 else []
    first = f"{numeral(update.index)} update of {moved}{place}"
    optimizers = [optimizer_text(each) for each in update.optimizers]
    if len(optimizers) > 1:
        optimizers = [_one_of_several(update, each, cast) for each in update.optimizers]
    return (first, *optimizers, *scaled)


def _one_of_several(update: Update, optimizer: Optimizer, cast: Cast) -> str:
    """``opt_G: Adam lr 0.0002 for G``."""
    moved = [cast.named(name) for name in update.moved_by(optimizer.name)]
    text = f"{style.printable(optimizer.name)}: {optimizer_text(optimizer)}"
    return f"{text} for {joined(moved)}" if moved else text


def optimizer_text(optimizer: Optimizer) -> str:
    """``Adam lr 0.0002``; one rate per group where they differ."""
    rates = dict.fromkeys(optimizer.learning_rates)
    shown = ", ".join(f"{rate:g}" for rate in list(rates)[:4]) + (", …" if len(rates) > 4 else "")
    name = style.printable(optimizer.type)
    return f"{name} lr {shown}" if rates else name


def flow_lines(
    ran: Sequence[Forward],
    every: Sequence[Forward],
    judged: Mapping[int, Verdict],
    cast: Cast,
) -> Iterator[FlowLine]:
    """The chains of networks' calls in an update, alike ones told once.

    Args:
        ran: What was run in the update.
        every: What was run in the whole step.
        judged: What discriminators said.
        cast: The networks.
    """
    alike: dict[tuple[object, ...], list[tuple[tuple[str, ...], Verdict | None]]] = {}
    for chain in chains(ran):
        parts = tuple(_parts(chain, every, cast))
        said = judged.get(chain[-1].call.id)
        apart = chain[0].call.id if chain[0].shown == UNTOLD else None
        key = parts, (said.symbol, said.is_probability) if said else None, apart
        alike.setdefault(key, []).append((parts, said))
    for same in alike.values():
        verdict = together([said for _, said in same if said is not None])
        yield FlowLine(same[0][0], "" if verdict is None else verdict.text, len(same))


def chains(ran: Sequence[Forward]) -> list[list[Forward]]:
    """Calls that took their images straight from one another, as one chain each."""
    found: list[list[Forward]] = []
    for forward in ran:
        makers = {maker for source in forward.sources for maker in source.makers}
        open_chain = next((chain for chain in found if chain[-1].call.id in makers), None)
        if open_chain is not None:
            open_chain.append(forward)
        else:
            found.append([forward])
    return found


def _parts(chain: Sequence[Forward], every: Sequence[Forward], cast: Cast) -> Iterator[str]:
    taken = _beginning(chain[0], every, cast)
    for place, forward in enumerate(chain):
        if place > 0:
            main = _main_source(forward, chain[place - 1].call.id)
            taken += _between(main, forward.shown, every)
            taken[-1] = " + ".join([taken[-1], *_beside(forward, every, cast)])
        yield from taken
        name = style.printable(forward.called(forward.call.network))
        yield f"{name} ({forward.mode})" if forward.mode else name
        taken = [_shape(forward)]
    yield from taken


def _beside(forward: Forward, every: Sequence[Forward], cast: Cast) -> list[str]:
    """What a network takes beside what another one made: noise, labels."""
    return [
        _input(forward, place, every, cast)
        for place, source in enumerate(forward.sources)
        if not source.makers
    ]


def _beginning(forward: Forward, every: Sequence[Forward], cast: Cast) -> list[str]:
    taken = next((source for source in forward.sources if source.makers), None)
    names = [_input(forward, place, every, cast) for place in range(len(forward.sources))]
    start = [" + ".join(names) or style.NOTHING]
    return start + (_between(taken, forward.shown, every) if taken else [])


def _input(forward: Forward, place: int, every: Sequence[Forward], cast: Cast) -> str:
    """``z 64×100``."""
    shape = style.format_shape(forward.sources[place].record.shape)
    return f"{input_name(forward, place, every, cast)} {shape}".strip()


def input_name(forward: Forward, place: int, every: Sequence[Forward], cast: Cast) -> str:
    """``z``, ``x``, ``G(z) of ①``: what an input of a network is.

    Args:
        forward: The network's call.
        place: Which of its inputs.
        every: What was run in the whole step.
        cast: The networks.
    """
    source = forward.sources[place]
    earlier = earlier_of(source, cast) if forward.shown else None
    if earlier is not None:
        return _of_earlier(source, earlier, every, cast)
    if source is next((source for source in forward.sources if source.makers), None):
        return _origin(forward, source, every, cast)
    return _name(forward, place)


def _of_earlier(source: Source, earlier: Earlier, every: Sequence[Forward], cast: Cast) -> str:
    """``G(z) of an earlier step`` for images that a pool has kept."""
    name = made_by(earlier.network, every, cast)
    if not earlier.whole:
        return f"x and {name} of an earlier step"
    return (
        f"{name} of this step and earlier ones" if source.makers else f"{name} of an earlier step"
    )


def _name(forward: Forward, place: int) -> str:
    """``z`` for a generator's noise, ``x`` for real images; else as the code calls it."""
    record = forward.sources[place].record
    if record.name and record.name.isidentifier() and place:
        return record.name
    if place == 0 and forward.shown:
        return {PROBED: "points of the penalty", UNTOLD: "input"}.get(forward.shown, "x")
    if place == 0 and forward.role == GENERATOR:
        return "z" if forward.takes_noise else "" if forward.part else "input"
    return style.printable(record.name or "")


def _origin(forward: Forward, source: Source, every: Sequence[Forward], cast: Cast) -> str:
    """``G(z) of ①`` for images that another update made."""
    maker = next((one for one in every if one.call.id == source.makers[0]), None)
    if maker is None:
        return ""
    name, update = made(maker, cast), maker.call.update
    elsewhere = update is not None and update != forward.call.update
    return f"{name} of {numeral(update)}" if elsewhere and update is not None else name


def _between(source: Source, shown: str, every: Sequence[Forward]) -> list[str]:
    """What was done to images on their way from one network to the next."""
    makers = [one for one in every if one.call.id in source.makers]
    if makers and all(is_unfollowed(one, every) for one in makers):
        cut = ["no grad"]
    else:
        cut = ["detach"] if source.detached else []
    names = [style.printable(name) for name in source.through]
    if source.blended and (shown == BETWEEN or source.is_leaf):
        names = ["blended with x"]
    elif source.doubled and not (source.record.earlier and source.record.earlier.whole):
        names = ["in one batch with x"]
    elif len(names) > _MOST_BETWEEN:
        names = [*names[:1], "…", *names[-1:]]
    return [*cut, *names]


def _main_source(forward: Forward, maker: int) -> Source:
    return next(source for source in forward.sources if maker in source.makers)


def _shape(forward: Forward) -> str:
    output = forward.output
    return "✗" if output is None else style.format_shape(output.shape)
