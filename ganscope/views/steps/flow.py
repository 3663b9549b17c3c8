"""Who was run on what: every outermost call of a network, and where its inputs came from.

A trace holds no tensors, so one is recognised by its record: the same shape, figures and first
values. What a generator made and a discriminator was shown is told from that alone.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from ganscope.traces import Call, Earlier, Step, TensorRecord
from ganscope.traces.call import outermost_of
from ganscope.traces.recognition import Likeness, likeness
from ganscope.views.rows import main_output
from ganscope.views.steps import modes
from ganscope.views.steps.answers import verdict_places
from ganscope.views.steps.cast import DISCRIMINATOR, GENERATOR, Cast

REAL, FAKE, BETWEEN, BOTH, PROBED = "real", "fake", "between", "both", "probed"
"""What a discriminator was shown; `BETWEEN` are blends of the two, as a gradient penalty takes
them, `BOTH` is a batch that holds some of each, `PROBED` are images of unknown origin whose
gradient is asked for."""

UNTOLD = "untold"
"""Shown where there were several batches, and of none is known that a generator made it: real
ones and generated ones of a pool, perhaps."""

_DETACHED = "detach"
_ASKING = "grad"
"""What ``torch.autograd.grad`` is called in a trace."""
_MIXING = {"add", "sub", "rsub", "lerp", "addcmul", "addcdiv", "where"}
"""Operations whose result has something of the values of each input."""
_CLASSES = 2
"""So few different values say nothing of where they come from."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one input of a network came from.

    Attributes:
        record: The input.
        makers: Ids of the networks' calls that it was made from; none for data and noise.
        through: Names of the operations in between.
        detached: Whether autograd was cut off from the makers on the way.
        blended: Whether anything else was joined to it, or mixed into its values.
        mixed: Whether anything else was mixed into its values.
        doubled: Whether it was put into one batch with anything else.
        is_leaf: Whether autograd begins at it: somebody asks for its gradient.
    """

    record: TensorRecord
    makers: tuple[int, ...] = ()
    through: tuple[str, ...] = ()
    detached: bool = False
    blended: bool = False
    mixed: bool = False
    doubled: bool = False
    is_leaf: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """An outermost call of a network.

    Attributes:
        call: The call.
        role: Of its network.
        sources: Of each of its inputs that is a tensor.
        shown: What a discriminator was shown: `REAL`, `FAKE`, `BETWEEN`, `BOTH`, `PROBED` or
            `UNTOLD`; empty for other networks.
        verdict_place: Which output of a discriminator is its verdict; None where none is known
            to be one.
        mode: ``eval`` or ``partly eval``; empty where it ran as networks do in training.
        takes_data: Whether some discriminator of the step gets its first input as real data.
    """

    call: Call
    role: str
    sources: tuple[Source, ...]
    shown: str = ""
    verdict_place: int | None = None
    mode: str = ""
    takes_data: bool = False

    @property
    def output(self) -> TensorRecord | None:
        """What it is shown by: a verdict, where there is one."""
        if self.verdict_place is not None:
            return self.call.outputs[self.verdict_place]
        return main_output(self.call)

    @property
    def part(self) -> str:
        """The place of the part of a network that was called by itself, as ``D.features`` is for
        a loss on its features; empty where the network was called."""
        return self.call.path.removeprefix(self.call.network).lstrip("./")

    @property
    def takes_noise(self) -> bool:
        """Whether its first input is noise, as far as the shape tells: data can be vectors, too."""
        shape = self.sources[0].record.shape if self.sources else None
        return is_noise(shape) and not self.takes_data

    def called(self, network: str) -> str:
        """What was called, where its network is called `network`: ``D``, ``D.features``."""
        return f"{network}.{self.part}" if self.part else network


def _is_telling(record: TensorRecord) -> bool:
    """Whether figures tell a tensor from others of its kind: any two batches of classes, each a
    one among zeros, have the same."""
    histogram = None if record.stats is None else record.stats.histogram
    return histogram is not None and sum(count > 0 for count in histogram.counts) > _CLASSES


@dataclass(frozen=True, slots=True)
class _Known:
    """How a tensor that was seen before had been made."""

    makers: tuple[int, ...]
    through: tuple[str, ...] = ()
    detached: bool = False
    blended: bool = False
    mixed: bool = False
    doubled: bool = False


class _Memory:
    """Tensors that networks made, by their records; with and without autograd behind them."""

    def __init__(self) -> None:
        self._known: dict[tuple[Likeness, bool], _Known] = {}

    def keep(self, record: TensorRecord, made: _Known) -> None:
        """Remember who made a tensor."""
        if record.stats is not None and record.shape:
            self._known[likeness(record), record.requires_grad] = made

    def source(self, record: TensorRecord) -> Source:
        """Where a tensor came from."""
        key = likeness(record)
        follows = record.requires_grad
        same, other = self._known.get((key, follows)), self._known.get((key, not follows))
        if same is None and not follows and not _is_telling(record):
            other = None
        origin = same or other
        if record.stats is None or origin is None:
            return Source(record, is_leaf=follows)
        cut = same is None and not follows  # autograd was behind it, and is not now
        return Source(
            record,
            origin.makers,
            origin.through,
            origin.detached or cut,
            origin.blended,
            origin.mixed,
            origin.doubled,
            is_leaf=same is None and follows,
        )


def forwards(step: Step, cast: Cast) -> tuple[Forward, ...]:
    """The outermost calls of networks in a step, in their order."""
    memory = _Memory()
    found: list[Forward] = []
    inside: dict[int, list[Call]] = {}
    for each, outer in zip(step.calls, outermost_of(step.calls).values(), strict=True):
        inside.setdefault(outer, []).append(each)
    generated: set[int] = set()
    """Calls of generators, and of networks that made something of what these had made."""
    for call in step.calls:
        if call.parent is not None or call.recomputed:
            continue
        sources = tuple(memory.source(record) for record in call.inputs if record.shape)
        if call.kind == "module" and call.network:
            role = cast.role(call.network)
            shown = _shown(sources, generated, cast) if role == DISCRIMINATOR else ""
            passed_on = any(maker in generated for source in sources for maker in source.makers)
            if role == GENERATOR or (role != DISCRIMINATOR and passed_on):
                generated.add(call.id)
            mode = modes.word(call, inside[call.id])
            found.append(Forward(call, role, sources, shown, mode=mode))
            made = _Known((call.id,))
        else:
            made = _passed_on(call, sources)
        # What a network hands on as it came was made where it came from.
        handed = {likeness(record) for record in call.inputs if made.makers == (call.id,)}
        for record in call.outputs if made.makers else ():
            if likeness(record) not in handed:
                memory.keep(record, made)
    probing = {
        update.index
        for update in step.updates
        if any(run.kind == "grad" for run in update.backwards)
    }
    asked = {
        likeness(record) for call in step.calls if call.type == _ASKING for record in call.inputs
    }
    told = [
        _blend(_probed(one, found), asked) if one.call.update in probing else one for one in found
    ]
    judged = [one.call for one in told if one.shown and not one.part]
    places = verdict_places(step, judged)
    real = {likeness(one.sources[0].record) for one in told if one.shown == REAL and one.sources}
    return tuple(
        replace(
            _untold(one, told),
            verdict_place=places.get(one.call.id),
            takes_data=bool(one.sources) and likeness(one.sources[0].record) in real,
        )
        for one in told
    )


def _untold(forward: Forward, every: Sequence[Forward]) -> Forward:
    """Where an update shows its discriminator several batches, and no generator made any of
    them, they need not be real."""
    if forward.shown != REAL or forward.call.update is None:
        return forward
    where = forward.call.network, forward.call.update
    same = [one for one in every if (one.call.network, one.call.update) == where]
    first = [one.sources[0] for one in same if one.shown == REAL and one.sources]
    batches = {likeness(source.record) for source in first}
    several = len(batches) > 1 and all(one.shown in (REAL, PROBED) for one in same)
    # Data have no history, where others that are shown have none.
    data = {likeness(source.record) for source in first if not source.is_leaf}
    strange = data and any(source.is_leaf for source in forward.sources)
    has_history = strange and likeness(forward.sources[0].record) not in data
    return replace(forward, shown=UNTOLD) if several or has_history else forward


def _blend(forward: Forward, asked: Container[Likeness]) -> Forward:
    """Where the gradient is asked for at images with something of fake ones: the points of a
    penalty, though autograd does not begin at them."""
    mixed = any(source.mixed and likeness(source.record) in asked for source in forward.sources)
    return replace(forward, shown=BETWEEN) if forward.shown == FAKE and mixed else forward


def _probed(forward: Forward, ran: Sequence[Forward]) -> Forward:
    """Where autograd begins at what looks like real images, and others are shown as they are:
    the points of a penalty, which need not be real (the operations that made them may not be
    among the calls)."""
    if forward.shown != REAL or not any(source.is_leaf for source in forward.sources):
        return forward
    records = [likeness(source.record) for source in forward.sources]
    plain = [
        [likeness(source.record) for source in one.sources]
        for one in ran
        if one.shown == REAL
        and (one.call.network, one.call.update) == (forward.call.network, forward.call.update)
        and not any(source.is_leaf for source in one.sources)
    ]
    return replace(forward, shown=PROBED) if plain and records not in plain else forward


def _passed_on(call: Call, sources: Sequence[Source]) -> _Known:
    """What an operation, or a module without parameters, makes of its inputs."""
    made = [source for source in sources if source.makers]
    foreign = len(made) < len(sources)
    batch = call.outputs[0].shape[:1] if call.outputs and call.outputs[0].shape else ()
    doubled = call.type in ("cat", "concat", "stack") and any(
        source.record.shape is not None and source.record.shape[:1] != batch for source in made
    )
    through = dict.fromkeys(name for source in made for name in source.through)
    return _Known(
        makers=tuple(dict.fromkeys(maker for source in made for maker in source.makers)),
        through=(*through, call.type) if call.type != _DETACHED else tuple(through),
        detached=call.type == _DETACHED or any(source.detached for source in made),
        blended=foreign or any(source.blended for source in made),
        mixed=(foreign and call.type in _MIXING) or any(source.mixed for source in made),
        doubled=(doubled and foreign) or any(source.doubled for source in made),
    )


def _shown(sources: Sequence[Source], generated: Container[int], cast: Cast) -> str:
    fakes = [source for source in sources if any(maker in generated for maker in source.makers)]
    earlier = [each for each in (earlier_of(source, cast) for source in sources) if each]
    if earlier:
        return FAKE if all(each.whole for each in earlier) else BOTH
    if not fakes:
        return REAL
    if any(source.doubled for source in fakes):
        return BOTH
    if any(source.blended and source.is_leaf for source in fakes):
        return BETWEEN
    return FAKE


def earlier_of(source: Source, cast: Cast) -> Earlier | None:
    """The generator that made an input, or some of it, in an earlier step: a pool handed it out."""
    earlier = source.record.earlier
    if earlier is None or (source.makers and not source.blended):
        return None
    return earlier if cast.role(earlier.network) == GENERATOR else None


def is_unfollowed(forward: Forward, every: Sequence[Forward]) -> bool:
    """Whether autograd did not follow a call, as it follows others of its network in the step.

    That is how ``torch.no_grad()`` around it shows.
    """
    output = forward.output
    if output is None or output.requires_grad:
        return False
    return any(
        one.output is not None and one.output.requires_grad
        for one in every
        if one.call.network == forward.call.network
    )


def is_noise(shape: Sequence[int] | None) -> bool:
    """Whether a tensor has the shape of noise: a vector, or one per 1 × 1 map, for each image."""
    return shape is not None and (len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1)))


def noun_of(forward: Forward) -> str:
    """``images``, or ``samples`` for vectors: codes, points, noise, flattened images."""
    shape = forward.sources[0].record.shape if forward.sources else None
    return "samples" if is_noise(shape) else "images"


def made(forward: Forward, cast: Cast) -> str:
    """``G(z)`` for what a generator made of noise, ``G(input)`` of images; else the call."""
    if forward.role != GENERATOR:
        return forward.call.label
    name = forward.called(cast.symbol(forward.call.network))
    return f"{name}({'z' if forward.takes_noise else 'input'})"


def made_by(network: str, every: Sequence[Forward], cast: Cast) -> str:
    """The same of a generator's outputs from other steps than that of `every`."""
    own = next((one for one in every if one.call.network == network), None)
    return f"{cast.symbol(network)}(z)" if own is None else made(own, cast)
