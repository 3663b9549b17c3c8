"""A training step taken apart for its picture: updates, the chains in them, gradients back."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from ganscope.analysis.backward_path import loss_runs
from ganscope.analysis.discriminator_outputs import DiscriminatorOutput
from ganscope.analysis.forwards import BETWEEN, PROBED, Forward, chains
from ganscope.analysis.inputs import NetworkInput
from ganscope.analysis.weights import together
from ganscope.errors import UsageError
from ganscope.traces import Loss, Step, TensorRecord, Trace, Update
from ganscope.views.options import ViewOptions
from ganscope.views.steps.heading import input_name
from ganscope.views.steps.story import Story, tell

_PENALTY = (BETWEEN, PROBED)
_INFERRED = " (inferred)"
DETACH, NO_GRAD = "detach", "no_grad"
"""What cuts autograd off."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Data, noise, or what a network made.

    Attributes:
        name: ``z``, ``x``, ``G(z)``.
        record: Its record.
        gradient: L2 norm of the gradient that came back to it in this update, where one did.
        cut: What cut autograd off behind it: ``detach``, ``no_grad``, or nothing.
    """

    name: str
    record: TensorRecord
    gradient: float | None = None
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A network in a chain.

    Attributes:
        network: Its name.
        role: Its role.
        symbol: ``G``, ``D``, or its name.
        part: The place of the part of it that is called; empty for the network.
        moved: Whether the update moves it.
        reached: Whether gradients reached its parameters.
        gradient: L2 norm of the gradient of all its parameters, where it is moved.
        ratio: Norm of the change over norm of the weights, where it is moved.
    """

    network: str
    role: str
    symbol: str
    part: str
    moved: bool
    reached: bool
    gradient: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """A chain: data, then a network and what it made, as often as there are networks.

    Attributes:
        start: What goes in.
        boxes: The networks.
        tensors: What each of them made.
        verdict: What the last one said, where it is a discriminator.
    """

    start: Tensor
    boxes: tuple[Box, ...]
    tensors: tuple[Tensor, ...]
    verdict: DiscriminatorOutput | None


@dataclass(frozen=True, slots=True)
class Panel:
    """An update.

    Attributes:
        update: The update.
        lanes: Its chains, alike ones once.
        losses: What its backward ran on.
        times: How many updates of the step move the same networks; this is the last of them.
        hidden: How many chains are left out.
    """

    update: Update
    lanes: tuple[Lane, ...]
    losses: tuple[Loss, ...]
    times: int
    hidden: int = 0

    def without_last_lane(self) -> Panel:
        """The same with one lane less."""
        return replace(self, lanes=self.lanes[:-1], hidden=self.hidden + 1)


def panels_of(trace: Trace, step: Step) -> tuple[Panel, ...]:
    """The updates of a step, those that move the same networks as one.

    Args:
        trace: Whose step it is.
        step: The step.

    Raises:
        UsageError: Nothing was trained in it.
    """
    story = tell(trace, step, ViewOptions())
    alike: dict[tuple[str, ...], list[Update]] = {}
    for update in step.updates:
        if update.optimizers:
            alike.setdefault(update.networks, []).append(update)
    if not alike:
        raise UsageError(
            "no optimizer steps in this trace, so there is no training step to draw; record one "
            "with ganscope step --record one.gscope, or ganscope run -o run.gscope SCRIPT"
        )
    trained = frozenset(name for update in step.updates for name in update.networks)
    return tuple(_panel(story, same, trained) for same in alike.values())


def _panel(story: Story, same: Sequence[Update], trained: Set[str]) -> Panel:
    update = same[-1]
    # Real and generated images first: the points of a penalty are what can be left out.
    ran = sorted(story.ran(update), key=lambda forward: forward.shown in _PENALTY)
    lanes = [
        _lane(story, update, _with_maker(story, update, chain), trained) for chain in chains(ran)
    ]
    return Panel(update, tuple(_distinct(lanes)), update.losses, len(same))


def _distinct(lanes: Sequence[Lane]) -> list[Lane]:
    """The lanes without those that go the same way as an earlier one, the longest first."""
    seen: dict[object, Lane] = {}
    for lane in lanes:
        way = (
            lane.start.name,
            lane.start.cut,
            tuple((box.network, box.part) for box in lane.boxes),
        )
        seen.setdefault(way, lane)
    return list(seen.values())


def _lane(story: Story, update: Update, chain: Sequence[Forward], trained: Set[str]) -> Lane:
    start = _start(story, chain[0], trained)
    boxes: list[Box] = []
    tensors: list[Tensor] = []
    for place, forward in enumerate(chain):
        boxes.append(_box(story, update, forward))
        output = forward.output
        name = story.outputs[forward.call.id].symbol if forward.call.id in story.outputs else ""
        after = chain[place + 1] if place + 1 < len(chain) else None
        if after is not None and forward.call.update != update.index:
            name = _start(story, after, trained).name  # made earlier: ``G(z) of ①``
        if not name:
            taken = tensors[-1].name if tensors else start.name
            name = f"{forward.called(story.cast.symbol(forward.call.network))}({taken})"
        if after is not None and _is_inferred(forward, after):
            name = name.removesuffix(_INFERRED) + _INFERRED
        record = output or start.record
        cut = _cut_between(forward, after, trained) if after is not None else ""
        tensors.append(Tensor(name, record, _gradient(update, forward), cut))
    verdict = story.outputs.get(chain[-1].call.id)
    return Lane(start, tuple(boxes), tuple(tensors), verdict)


def _with_maker(story: Story, update: Update, chain: Sequence[Forward]) -> Sequence[Forward]:
    """A chain with the network before it that the update moves, though it ran in an earlier one."""
    makers = {maker for source in chain[0].inputs if not source.detached for maker in source.makers}
    for one in story.forwards:
        name = one.call.network
        is_reached = any(run.reached.get(name) for run in update.backwards)
        if one.call.id in makers and name in update.networks and is_reached:
            return (one, *chain)
    return chain


def _is_inferred(before: Forward, after: Forward) -> bool:
    """Whether it is only inferred that one network took what another one made."""
    return any(one.inferred for one in after.inputs if before.call.id in one.makers)


def _cut_between(before: Forward, after: Forward, trained: Set[str]) -> str:
    """What cut autograd off between two networks."""
    if _unfollowed(before, trained):
        return NO_GRAD
    cut = any(one.detached for one in after.inputs if before.call.id in one.makers)
    return DETACH if cut else ""


def _unfollowed(forward: Forward, trained: Set[str]) -> bool:
    """Whether autograd did not follow a call of a network that is trained in this step."""
    output = forward.output
    return output is not None and not output.requires_grad and forward.call.network in trained


def _start(story: Story, forward: Forward, trained: Set[str]) -> Tensor:
    if not forward.inputs:
        raise UsageError(f"{forward.call.network} was given no tensor, so no chain can be drawn")
    made = [at for at, source in enumerate(forward.inputs) if source.makers]
    place = made[0] if made else 0
    source = forward.inputs[place]
    name = (
        "blend"
        if forward.shown == BETWEEN
        else input_name(forward, place, story.forwards, story.cast)
    )
    name += _INFERRED if source.inferred else ""
    makers = [one for one in story.forwards if one.call.id in source.makers]
    cut = DETACH if source.detached else ""
    if any(_unfollowed(maker, trained) for maker in makers):
        cut = NO_GRAD
    return Tensor(name, _kept(story, source), None, cut)


def _kept(story: Story, source: NetworkInput) -> TensorRecord:
    """The record with values: those of its maker where none were kept of a detached copy."""
    if source.record.samples is None and source.makers:
        for forward in story.forwards:
            output = forward.output
            if forward.call.id == source.makers[0] and output is not None:
                return output
    return source.record


def _gradient(update: Update, forward: Forward) -> float | None:
    """Norm of the gradient at what a network brought out."""
    runs, output = loss_runs(update), forward.output
    for each in forward.call.gradients:
        is_main = forward.call.outputs[each.output : each.output + 1] == (output,)
        if each.backward in runs and is_main and each.stats is not None:
            return each.stats.norm
    return None


def _box(story: Story, update: Update, forward: Forward) -> Box:
    name, cast = forward.call.network, story.cast
    moved = name in update.networks
    own = [one for one in update.parameters if one.name.startswith(f"{name}.")] if moved else []
    weights = together(one.weight_norm for one in own)
    change = together(one.update_norm for one in own)
    reached = any(run.reached.get(name) for run in update.backwards)
    return Box(
        name,
        cast.role(name),
        cast.symbol(name),
        forward.part,
        moved,
        reached,
        together(one.gradient.norm for one in own if one.gradient is not None),
        change / weights if change is not None and weights else None,
    )
