"""What the inputs of networks were made of, by operations outside networks.

Concluded from `outermost`, by identity. An input that nothing recorded has made is compared by
its values with what networks made, as `values` allows, and is then said to be inferred. Of
others, such as data and noise, nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ganscope.analysis.graph import CHANGED, Source
from ganscope.analysis.outermost import OutermostFlow
from ganscope.analysis.values import Fingerprint, fingerprint
from ganscope.traces import Call, TensorRecord

DETACH = "detach"
CUTS = (DETACH, "detach_", "data")
"""Operations that cut autograd off."""
VALUES = "values"
"""How a maker was inferred: by equal values."""
UNSEEN = "changed in place"
"""Stands among the operations for changes that were not recorded."""
JOINS = ("cat", "concat", "concatenate", "stack", "hstack", "vstack")
"""Operations that lay tensors next to each other."""

_MIXES = {"add", "sub", "rsub", "lerp", "addcmul", "addcdiv", "where"}
"""Operations whose result has something of the values of each input."""


def is_network_call(call: Call) -> bool:
    """Whether an outermost call is one of a network or of a part of it."""
    return call.kind == "module" and bool(call.network)


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """Where one input of a network came from.

    Attributes:
        record: The input.
        paths: Id of each network's call that it was made from → the names of the operations in
            between, `CUTS` among them, in their order; empty for data and noise.
        detached: Whether autograd was cut off from the makers on the way.
        blended: Whether anything else was joined to it, or mixed into its values.
        mixed: Whether anything else was mixed into its values.
        doubled: Whether it was put into one batch with anything else.
        is_leaf: Whether autograd begins at it: something asks for its gradient.
        inferred: How the makers were inferred, `VALUES`; empty where they follow from identity.
    """

    record: TensorRecord
    paths: Mapping[int, tuple[str, ...]]
    detached: bool = False
    blended: bool = False
    mixed: bool = False
    doubled: bool = False
    is_leaf: bool = False
    inferred: str = ""

    @property
    def makers(self) -> tuple[int, ...]:
        """Ids of the networks' calls that it was made from."""
        return tuple(self.paths)


class NetworkInputs:
    """Follows what networks make through the operations outside them, call by call.

    Args:
        flow: The outermost calls of a step.
    """

    def __init__(self, flow: OutermostFlow) -> None:
        self._flow = flow
        self._made: dict[int, NetworkInput] = {}
        """By call: how its outputs were made; its record is that of its first output."""
        self._values: dict[Fingerprint, NetworkInput | None] = {}
        """By values: how they were made; None where several have made them."""

    def take(self, call: Call) -> tuple[NetworkInput, ...]:
        """Where the inputs of the next outermost call came from: its tensors with dimensions."""
        inputs = [self._input(call, index) for index, each in enumerate(call.inputs) if each.shape]
        if not is_network_call(call):
            self._keep(call, self._passed_on(call, inputs))
            return tuple(inputs)
        inputs = [each if each.makers else self._inferred(each) for each in inputs]
        if call.outputs:
            self._keep(call, NetworkInput(call.outputs[0], {call.id: ()}))
        return tuple(inputs)

    def _keep(self, call: Call, made: NetworkInput | None) -> None:
        """Remember how the outputs of a call were made."""
        if made is None:
            return
        self._made[call.id] = made
        given = {record.id for record in call.inputs}
        for record in call.outputs:
            values = fingerprint(record)
            if values is not None and record.id not in given:
                known = self._values.get(values, made)
                same = known is not None and known.makers == made.makers
                self._values[values] = made if same else None

    def _input(self, call: Call, index: int) -> NetworkInput:
        record, source = call.inputs[index], self._flow.source(call, index)
        made = None if source is None else self._made_by(source)
        if source is None or made is None:
            return NetworkInput(record, {}, is_leaf=record.requires_grad)
        output = self._flow.inner.record(source)
        cut = output.requires_grad and not record.requires_grad
        found = replace(
            made,
            record=record,
            is_leaf=record.requires_grad
            and (not output.requires_grad if record.is_leaf is None else record.is_leaf),
        )
        if source.how == CHANGED:
            found = _through(found, UNSEEN)
        return replace(_through(found, DETACH), detached=True) if cut else found

    def _made_by(self, source: Source) -> NetworkInput | None:
        return self._made.get(self._flow.outermost(self._flow.calls[source.call]).id)

    def _inferred(self, given: NetworkInput) -> NetworkInput:
        """An input without a maker, as made by the only one that made the same values."""
        values = fingerprint(given.record)
        made = None if values is None else self._values.get(values)
        if made is None:
            return given
        return replace(
            made,
            record=given.record,
            detached=True,
            is_leaf=given.is_leaf,
            inferred=VALUES,
        )

    def _passed_on(self, call: Call, inputs: Sequence[NetworkInput]) -> NetworkInput | None:
        """What an operation, or a module without parameters, makes of its inputs.

        A single number counts where there is nothing else: as a factor it is no part of a tensor.
        """
        if not inputs:
            tensors = [i for i, each in enumerate(call.inputs) if each.shape is not None]
            inputs = [self._input(call, index) for index in tensors]
        made = [each for each in inputs if each.makers]
        if not made:
            return None
        foreign = len(made) < len(inputs)
        batch = call.outputs[0].shape[:1] if call.outputs and call.outputs[0].shape else ()
        doubled = call.type in JOINS and any(
            each.record.shape is not None and each.record.shape[:1] != batch for each in made
        )
        paths: dict[int, tuple[str, ...]] = {}
        for each in made:
            for maker, path in each.paths.items():
                paths[maker] = tuple(dict.fromkeys((*paths.get(maker, ()), *path)))
        return NetworkInput(
            record=call.outputs[0] if call.outputs else made[0].record,
            paths={maker: _longer(path, call.type) for maker, path in paths.items()},
            detached=call.type in CUTS or any(each.detached for each in made),
            blended=foreign or any(each.blended for each in made),
            mixed=(foreign and call.type in _MIXES) or any(each.mixed for each in made),
            doubled=(doubled and foreign) or any(each.doubled for each in made),
        )


def _longer(path: tuple[str, ...], operation: str) -> tuple[str, ...]:
    """A path with one more operation: to cut off again what is cut off already does nothing."""
    again = operation in CUTS and path[-1:] == (operation,)
    return path if again else (*path, operation)


def _through(given: NetworkInput, operation: str) -> NetworkInput:
    """The same after one more operation."""
    return replace(given, paths={one: (*path, operation) for one, path in given.paths.items()})
