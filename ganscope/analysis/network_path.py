"""What is followed of a network: the path through it, what joins it, and where it forks.

`path_search` says from which facts it is concluded.
"""

from __future__ import annotations

from dataclasses import dataclass

from ganscope.traces import Call, TensorRecord

INPUT = -1
"""Stands for the network's input where a call's id would stand; its other inputs stand below."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is brought in that does not come from the path: a label and its embedding.

    Attributes:
        calls: The calls that made it, in their order; none where an input is taken as it is.
        source: The input of the network that it was made of, where it was made of one.
        parameters: Of all its calls, but those that were counted before.
    """

    calls: tuple[Call, ...]
    source: TensorRecord | None
    parameters: int = 0

    @property
    def main(self) -> Call | None:
        """The call that it is named after: one with parameters, else the first one."""
        return next((call for call in self.calls if call.parameters), next(iter(self.calls), None))


@dataclass(frozen=True, slots=True)
class Branch:
    """A shorter path beside the one that is drawn: a skip, or layers of its own.

    Attributes:
        start: Id of the call on the path, or `INPUT`, from which it leads.
        calls: The calls on it, in their order; none where it is but a skip.
        parameters: Of all of them, but those that were counted before.
    """

    start: int
    calls: tuple[Call, ...] = ()
    parameters: int = 0

    @property
    def layers(self) -> tuple[Call, ...]:
        """The calls that it is named after: those with parameters, else all of them."""
        return tuple(call for call in self.calls if call.parameters) or self.calls


@dataclass(frozen=True, slots=True)
class Link:
    """A call on the path.

    Attributes:
        call: The call.
        parameters: Its parameters; 0 where a call of the same layer was counted before.
        branches: What comes in that took a shorter path.
        sides: What comes in that does not come from the path at all.
    """

    call: Call
    parameters: int
    branches: tuple[Branch, ...] = ()
    sides: tuple[Side, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The path to a further output of a network.

    Attributes:
        record: The output.
        after: Id of the call, or `INPUT`, from which it branches off.
        links: The calls that it does not share with the path.
    """

    record: TensorRecord
    after: int
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """The path through a network.

    Attributes:
        network: The network's own call.
        start: What goes in, as it is followed.
        links: The calls, in their order.
        beside: How many innermost calls do not lie on it.
        heads: The paths to its further outputs.
        unseen: How many further outputs have no path of their own.
        broken: Whether it could not be followed from the output back to the input.
        failed: The call in which the forward failed, which is where it ends.
        inferred: How many of the calls are only inferred to follow the one before them.
    """

    network: Call
    start: TensorRecord | None
    links: tuple[Link, ...]
    beside: int
    heads: tuple[Head, ...] = ()
    unseen: int = 0
    broken: bool = False
    failed: Call | None = None
    inferred: int = 0
