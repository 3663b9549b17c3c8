"""What stands above an update's table: who was moved by what, and how the data flowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ganscope.analysis.discriminator_outputs import DiscriminatorOutput, together
from ganscope.analysis.forwards import (
    BETWEEN,
    PROBED,
    UNTOLD,
    Forward,
    by_call,
    chains,
    earlier_of,
    is_unfollowed,
)
from ganscope.analysis.inputs import CUTS, DETACH, NetworkInput
from ganscope.analysis.roles import GENERATOR
from ganscope.analysis.symbols import made, made_by
from ganscope.traces import Earlier, Optimizer, Step, TensorRecord, Update
from ganscope.views import style
from ganscope.views.steps.cast import Cast, joined, numeral

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
    judged: Mapping[int, DiscriminatorOutput],
    cast: Cast,
) -> Iterator[FlowLine]:
    """The chains of networks' calls in an update, alike ones told once.

    Args:
        ran: What was run in the update.
        every: What was run in the whole step.
        judged: What discriminators said.
        cast: The networks.
    """
    alike: dict[tuple[object, ...], list[tuple[tuple[str, ...], DiscriminatorOutput | None]]] = {}
    for chain in chains(ran):
        parts = tuple(_parts(chain, every, cast))
        said = judged.get(chain[-1].call.id)
        apart = chain[0].call.id if chain[0].shown == UNTOLD else None
        key = parts, (said.symbol, said.is_probability) if said else None, apart
        alike.setdefault(key, []).append((parts, said))
    for same in alike.values():
        verdict = together([said for _, said in same if said is not None])
        yield FlowLine(same[0][0], "" if verdict is None else output_text(verdict), len(same))


def output_text(output: DiscriminatorOutput) -> str:
    """``D(x) 0.596``; ``D(x) mean output 1.23 (score)``."""
    number = style.format_number(output.mean)
    if output.is_probability:
        return f"{output.symbol} {number}"
    return f"{output.symbol} mean output {number} ({output.unit})"


def _parts(chain: Sequence[Forward], every: Sequence[Forward], cast: Cast) -> Iterator[str]:
    taken = _beginning(chain[0], every, cast)
    for place, forward in enumerate(chain):
        if place > 0:
            before = chain[place - 1]
            main = _taken_from(forward, before.call.id)
            taken += _between(main, before.call.id, forward.shown, every)
            taken[-1] += _with_others(main, chain, every)
            taken[-1] = " + ".join([taken[-1], *_beside(forward, every, cast)])
        yield from taken
        name = style.printable(forward.called(forward.call.network))
        yield f"{name} ({forward.mode})" if forward.mode else name
        taken = [_shape(forward.output)]
    yield from taken


def _beside(forward: Forward, every: Sequence[Forward], cast: Cast) -> list[str]:
    """What a network takes beside what another one made: noise, labels."""
    return [
        _input(forward, place, every, cast)
        for place, given in enumerate(forward.inputs)
        if not given.makers
    ]


def _with_others(main: NetworkInput, chain: Sequence[Forward], every: Sequence[Forward]) -> str:
    """`` with netE.fcVar``: the other networks of whose outputs an input was made, too."""
    known = by_call(every)
    here = {one.call.path for one in chain}
    others = [known[maker].call for maker in main.makers if maker in known]
    names = dict.fromkeys(call.path for call in others if call.path not in here)
    return f" with {joined([style.printable(name) for name in names])}" if names else ""


def _beginning(forward: Forward, every: Sequence[Forward], cast: Cast) -> list[str]:
    taken = forward.main_input
    names = [_input(forward, place, every, cast) for place in range(len(forward.inputs))]
    start = [" + ".join(names) or style.NOTHING]
    return start + (_between(taken, taken.makers[0], forward.shown, every) if taken else [])


def _input(forward: Forward, place: int, every: Sequence[Forward], cast: Cast) -> str:
    """``z 64×100``; of what a network made the shape is that which it made."""
    given = forward.inputs[place]
    record: TensorRecord | None = given.record
    if given is forward.main_input and not given.inferred and earlier_of(given, cast) is None:
        maker = by_call(every).get(given.makers[0])
        record = given.record if maker is None or maker.output is None else maker.output
    return f"{input_name(forward, place, every, cast)} {_shape(record)}".strip()


def input_name(forward: Forward, place: int, every: Sequence[Forward], cast: Cast) -> str:
    """``z``, ``x``, ``G(z) of ①``: what an input of a network is.

    Args:
        forward: The network's call.
        place: Which of its inputs.
        every: What was run in the whole step.
        cast: The networks.
    """
    given = forward.inputs[place]
    earlier = earlier_of(given, cast) if forward.shown else None
    if earlier is not None:
        return _of_earlier(given, earlier, every, cast)
    if given is forward.main_input:
        return _origin(forward, given, every, cast)
    return _name(forward, place)


def _of_earlier(given: NetworkInput, earlier: Earlier, every: Sequence[Forward], cast: Cast) -> str:
    """``G(z) of an earlier step (inferred)`` for images that a pool has kept."""
    name = made_by(earlier.network, every, cast)
    if not earlier.whole:
        return f"x and {name} of an earlier step (inferred)"
    when = "of this step and earlier ones" if given.makers else "of an earlier step"
    return f"{name} {when} (inferred)"


def _name(forward: Forward, place: int) -> str:
    """``z`` for a generator's noise, ``x`` for real images; else as the code calls it."""
    record = forward.inputs[place].record
    if record.name and record.name.isidentifier() and place:
        return record.name
    if place == 0 and forward.shown:
        return {PROBED: "points of the penalty", UNTOLD: "input"}.get(forward.shown, "x")
    if place == 0 and forward.role == GENERATOR:
        return "z" if forward.takes_noise else "" if forward.part else "input"
    return style.printable(record.name or "")


def _origin(forward: Forward, given: NetworkInput, every: Sequence[Forward], cast: Cast) -> str:
    """``G(z) of ①`` for images that another update made."""
    maker = by_call(every).get(given.makers[0])
    if maker is None:
        return ""
    name, update = made(maker, cast), maker.call.update
    elsewhere = update is not None and update != forward.call.update
    return f"{name} of {numeral(update)}" if elsewhere and update is not None else name


def _between(given: NetworkInput, maker: int, shown: str, every: Sequence[Forward]) -> list[str]:
    """What was done to images on their way from one network to the next."""
    known = by_call(every)
    makers = [known[one] for one in given.makers if one in known]
    path = [style.printable(name) for name in given.paths[maker]]
    if given.inferred:
        path.append("equal values (inferred)")
    names = [name for name in path if name not in CUTS]
    if given.blended and (shown == BETWEEN or given.is_leaf):
        path = _in_place_of(path, "blended with x")
    elif given.doubled and not (given.record.earlier and given.record.earlier.whole):
        path = _in_place_of(path, "in one batch with x")
    elif len(names) > _MOST_BETWEEN:
        path = _shortened(path)
    if makers and all(is_unfollowed(one, every) for one in makers):
        return ["no grad", *(name for name in path if name not in CUTS)]
    if given.detached and not given.inferred and not set(CUTS) & set(path):
        path = [DETACH, *path]
    return path


def _in_place_of(path: Sequence[str], words: str) -> list[str]:
    """Words for all operations on a path but the one that cuts, which stays before or behind."""
    cut = next((name for name in path if name in CUTS), None)
    if cut is None:
        return [words]
    return [cut, words] if path[0] == cut else [words, cut]


def _shortened(path: Sequence[str]) -> list[str]:
    """The first operation and the last one, and those that cut where they are."""
    named = [place for place, name in enumerate(path) if name not in CUTS]
    kept = {named[0], named[-1], *(place for place, name in enumerate(path) if name in CUTS)}
    found: list[str] = []
    for place, name in enumerate(path):
        if place in kept:
            found.append(name)
        elif found[-1] != "…":
            found.append("…")
    return found


def _taken_from(forward: Forward, maker: int) -> NetworkInput:
    return next(given for given in forward.inputs if maker in given.paths)


def _shape(output: TensorRecord | None) -> str:
    return "✗" if output is None else style.format_shape(output.shape)
