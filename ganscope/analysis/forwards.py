"""Which network was called on what: every outermost call of a network, with its inputs.

Concluded from `inputs`, from roles, and from the gradients that ``autograd.grad`` was asked for.
What a discriminator was shown is left open (`UNTOLD`) where it was shown several batches of which
none is known to come from a generator.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ganscope.analysis import modes
from ganscope.analysis.inputs import JOINS, NetworkInput, NetworkInputs, is_network_call
from ganscope.analysis.outermost import OutermostFlow
from ganscope.analysis.output_indices import output_indices
from ganscope.analysis.roles import DISCRIMINATOR, GENERATOR, Roles
from ganscope.analysis.values import Batches
from ganscope.traces import Call, Earlier, Step, TensorRecord
from ganscope.traces.call import main_output

REAL, FAKE, BETWEEN, BOTH, PROBED = "real", "fake", "between", "both", "probed"
"""What a discriminator was shown; `BETWEEN` are blends of the two, as a gradient penalty takes
them, `BOTH` is a batch that contains some of each, `PROBED` are images of unknown origin whose
gradient is asked for."""

UNTOLD = "untold"
"""Shown where there were several batches, and of none is known that a generator made it: real
ones and generated ones of a pool, perhaps."""

ASKING = "grad"
"""What ``torch.autograd.grad`` is called in a trace."""


@dataclass(frozen=True, slots=True)
class Forward:
    """An outermost call of a network.

    Attributes:
        call: The call.
        role: Of its network.
        inputs: Each of its inputs that is a tensor with dimensions.
        shown: What a discriminator was shown: `REAL`, `FAKE`, `BETWEEN`, `BOTH`, `PROBED` or
            `UNTOLD`; empty for other networks.
        output_index: Which output of a discriminator is D(x); None where none is known to be.
        mode: ``eval`` or ``partly eval``; empty where it ran as networks do in training.
        takes_data: Whether its first input is known to be data, or may be.
        without_autograd: Whether autograd was off, as its layers show.
    """

    call: Call
    role: str
    inputs: tuple[NetworkInput, ...]
    shown: str = ""
    output_index: int | None = None
    mode: str = ""
    takes_data: bool = False
    without_autograd: bool = False

    @property
    def output(self) -> TensorRecord | None:
        """The output that it is shown by: D(x), where there is one."""
        if self.output_index is not None:
            return self.call.outputs[self.output_index]
        return main_output(self.call)

    @property
    def part(self) -> str:
        """The path of the part of a network that was called by itself, as ``D.features`` is for
        a loss on its features; empty where the network was called."""
        return self.call.path.removeprefix(self.call.network).lstrip("./")

    @property
    def takes_noise(self) -> bool:
        """Whether its first input is noise, as far as the shape shows: data can be vectors, too."""
        shape = self.inputs[0].record.shape if self.inputs else None
        return is_noise(shape) and not self.takes_data

    @property
    def main_input(self) -> NetworkInput | None:
        """The first of its inputs that a network made."""
        return next((each for each in self.inputs if each.makers), None)

    def called(self, network: str) -> str:
        """What was called, where its network is called `network`: ``D``, ``D.features``."""
        return f"{network}.{self.part}" if self.part else network


def forwards_of(step: Step, roles: Roles, flow: OutermostFlow | None = None) -> tuple[Forward, ...]:
    """The outermost calls of networks in a step, in their order.

    Args:
        step: The step.
        roles: Of its networks.
        flow: Its outermost calls, where they were followed before.
    """
    flow = flow or OutermostFlow(step)
    found = _with_inputs(flow, roles)
    batches = Batches()
    found = _with_penalties(step, found, batches)
    judged = [one.call for one in found if one.shown and not one.part]
    indices = output_indices(flow, judged)
    data = _data(flow, found, batches)
    return tuple(
        replace(
            _untold(one, found, batches),
            output_index=indices.get(one.call.id),
            takes_data=(bool(one.inputs) and batches.number(one.inputs[0].record) in data)
            or _is_encoder(one, found),
        )
        for one in found
    )


def _with_inputs(flow: OutermostFlow, roles: Roles) -> list[Forward]:
    inputs = NetworkInputs(flow)
    found: list[Forward] = []
    generated: set[int] = set()
    """Calls of generators, and of networks that made something of what these had made."""
    for call in flow.top:
        taken = inputs.take(call)
        if not is_network_call(call):
            continue
        role = roles.role(call.network)
        shown = _shown(taken, generated, roles) if role == DISCRIMINATOR else ""
        passed_on = any(maker in generated for each in taken for maker in each.makers)
        if role == GENERATOR or (role != DISCRIMINATOR and passed_on):
            generated.add(call.id)
        inside = flow.inside[call.id]
        found.append(
            Forward(
                call=call,
                role=role,
                inputs=taken,
                shown=shown,
                mode=modes.mode_of(call, inside),
                without_autograd=_is_without_autograd(inside),
            )
        )
    return found


def _is_without_autograd(inside: Sequence[Call]) -> bool:
    """Whether no layer with parameters to train output anything that autograd follows."""
    around = {call.parent for call in inside if call.kind == "module"}
    layers = [
        main_output(call)
        for call in inside
        if call.kind == "module" and call.id not in around
        if call.parameters > call.frozen_parameters
    ]
    made = [each for each in layers if each is not None and "float" in (each.dtype or "")]
    return bool(made) and not any(each.requires_grad for each in made)


def _with_penalties(step: Step, found: list[Forward], batches: Batches) -> list[Forward]:
    """The same with the points named at which a penalty asks for gradients."""
    probing = {
        update.index
        for update in step.updates
        if any(run.kind == "grad" for run in update.backwards)
    }
    asked = {record.id for call in step.calls if call.type == ASKING for record in call.inputs}
    return [
        _blend(_probed(one, found, batches), asked) if one.call.update in probing else one
        for one in found
    ]


def _data(flow: OutermostFlow, found: Iterable[Forward], batches: Batches) -> set[int]:
    """Numbers of the batches that are data, or may be: a discriminator was shown them, by
    themselves or joined with what a network made."""
    joined = [
        record
        for call in flow.top
        if call.type in JOINS and any(flow.source(call, i) for i in range(len(call.inputs)))
        for index, record in enumerate(call.inputs)
        if flow.source(call, index) is None
    ]
    shown = [one.inputs[0].record for one in found if one.shown == REAL and one.inputs]
    return {batches.number(record) for record in (*joined, *shown)}


def _is_encoder(forward: Forward, every: Iterable[Forward]) -> bool:
    """Whether a network stands where another call of the same generator takes noise as it is."""
    if forward.role in (GENERATOR, DISCRIMINATOR):
        return False
    fed = [one for one in every if one.role == GENERATOR and one.inputs]
    taking = {one.call.network for one in fed if forward.call.id in one.inputs[0].makers}
    return any(one.call.network in taking and not one.inputs[0].makers for one in fed)


def _untold(forward: Forward, every: Sequence[Forward], batches: Batches) -> Forward:
    """Where an update shows its discriminator several batches, and no generator made any of
    them, they need not be real."""
    if forward.shown != REAL or forward.call.update is None:
        return forward
    same = [one for one in every if _where(one) == _where(forward)]
    first = [one.inputs[0] for one in same if one.shown == REAL and one.inputs]
    numbers = {batches.number(each.record) for each in first}
    several = len(numbers) > 1 and all(one.shown in (REAL, PROBED) for one in same)
    # Data have no history, where others that are shown have none.
    data = {batches.number(each.record) for each in first if not each.is_leaf}
    strange = data and any(each.is_leaf for each in forward.inputs)
    has_history = strange and batches.number(forward.inputs[0].record) not in data
    return replace(forward, shown=UNTOLD) if several or has_history else forward


def _where(forward: Forward) -> tuple[str, int | None]:
    return forward.call.network, forward.call.update


def _blend(forward: Forward, asked: Container[int | None]) -> Forward:
    """Where the gradient is asked for at images with something of fake ones: the points of a
    penalty, though autograd does not begin at them."""
    mixed = any(each.mixed and each.record.id in asked for each in forward.inputs)
    return replace(forward, shown=BETWEEN) if forward.shown == FAKE and mixed else forward


def _probed(forward: Forward, ran: Sequence[Forward], batches: Batches) -> Forward:
    """Where autograd begins at what looks like real images, and others are shown as they are:
    the points of a penalty, which need not be real (the operations that made them may not be
    among the calls)."""
    if forward.shown != REAL or not any(each.is_leaf for each in forward.inputs):
        return forward

    def numbers(one: Forward) -> list[int]:
        return [batches.number(each.record) for each in one.inputs]

    plain = [
        numbers(one)
        for one in ran
        if one.shown == REAL
        and _where(one) == _where(forward)
        and not any(each.is_leaf for each in one.inputs)
    ]
    return replace(forward, shown=PROBED) if plain and numbers(forward) not in plain else forward


def _shown(inputs: Sequence[NetworkInput], generated: Container[int], roles: Roles) -> str:
    fakes = [each for each in inputs if any(maker in generated for maker in each.makers)]
    earlier = [each for each in (earlier_of(given, roles) for given in inputs) if each]
    if earlier:
        return FAKE if all(each.whole for each in earlier) else BOTH
    if not fakes:
        return REAL
    if any(each.doubled for each in fakes):
        return BOTH
    if any(each.blended and each.is_leaf for each in fakes):
        return BETWEEN
    return FAKE


def earlier_of(given: NetworkInput, roles: Roles) -> Earlier | None:
    """The generator that made an input, or some of it, in an earlier step: a pool handed it out."""
    earlier = given.record.earlier
    if earlier is None or (given.makers and not given.blended):
        return None
    return earlier if roles.role(earlier.network) == GENERATOR else None


def is_unfollowed(forward: Forward, every: Sequence[Forward]) -> bool:
    """Whether autograd did not follow a call: its layers show it, or other calls of its network
    in the step, which autograd follows.

    That is how ``torch.no_grad()`` around it shows.
    """
    output = forward.output
    if output is None or output.requires_grad:
        return False
    return forward.without_autograd or any(
        one.output is not None and one.output.requires_grad
        for one in every
        if one.call.network == forward.call.network
    )


def is_noise(shape: Sequence[int] | None) -> bool:
    """Whether a tensor has the shape of noise: a vector, or one per 1 × 1 map, for each image."""
    return shape is not None and (len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1)))


def chains(ran: Sequence[Forward]) -> list[list[Forward]]:
    """Calls that took their inputs straight from one another, as one chain each."""
    found: list[list[Forward]] = []
    for forward in ran:
        makers = {maker for each in forward.inputs for maker in each.makers}
        open_chain = next((chain for chain in found if chain[-1].call.id in makers), None)
        if open_chain is not None:
            open_chain.append(forward)
        else:
            found.append([forward])
    return found


def by_call(forwards: Iterable[Forward]) -> Mapping[int, Forward]:
    """Id of a call → what is known of it."""
    return {one.call.id: one for one in forwards}
