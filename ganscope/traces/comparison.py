"""Two traces beside each other: the nouns of what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganscope.traces.call import CallSite
from ganscope.traces.distances import Figure


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs, by its figure that is furthest apart.

    Attributes:
        what: ``input``, ``output`` or ``gradient`` of a call, or the ``call`` itself; ``loss``,
            ``optimizer``, ``update`` of a parameter, ``weight`` that something else changed,
            ``buffer``, ``backward``, ``ledger`` or ``failure``.
        where: Label of the call, name of the loss (of a backward: where it began), of the
            optimizer, of the parameter or of the buffer; ``(2)`` behind the second of its name in
            the step. Of the ledger: the network and the backward that brought it gradients.
        figure: Which figure: ``mean``, ``shape``, ``weight_norm``.
        first: What it is in the first trace; None where it is not there.
        second: What it is in the second.
        relative: How far apart, see `distances`; infinite where they cannot be measured.
        step: Index of the step in which it is furthest apart.
        since: Index of the first step in which it differs.
        steps: In how many steps it differs.
    """

    what: str
    where: str
    figure: str
    first: Figure
    second: Figure
    relative: float
    step: int
    since: int
    steps: int = 1


@dataclass(frozen=True, slots=True)
class FirstCall:
    """The first call, in order, of which an input or the output differs.

    Attributes:
        step: Index of the step.
        label: Its path, with ``#2`` behind it for a repeated call.
        type: Its class or operation.
        site: Where the first trace's code made it.
        difference: What of its inputs is furthest apart, else what of its output.
    """

    step: int
    label: str
    type: str
    site: CallSite | None
    difference: Difference


@dataclass(frozen=True, slots=True)
class OnlyIn:
    """A call that one of the traces lacks.

    Attributes:
        label: Its path, with ``#2`` behind it for a repeated call.
        type: Its class or operation.
        since: Index of the first step in which the other lacks it.
        steps: In how many steps.
    """

    label: str
    type: str
    since: int
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two traces beside each other.

    Attributes:
        tolerance: Relative differences up to this count as none.
        steps: How many steps both have.
        calls: How many calls were compared.
        first_call: The first call of which an input or the output differs.
        differences: All that differs, the furthest apart first.
        only_first: Calls that only the first trace has.
        only_second: Calls that only the second has.
        steps_only_first: Indices of steps that only the first has.
        steps_only_second: Indices of steps that only the second has.
        circumstances: Field of `Meta` → its two values, where these differ; they make no
            difference by themselves.
    """

    tolerance: float
    steps: int
    calls: int
    first_call: FirstCall | None
    differences: tuple[Difference, ...]
    only_first: tuple[OnlyIn, ...]
    only_second: tuple[OnlyIn, ...]
    steps_only_first: tuple[int, ...]
    steps_only_second: tuple[int, ...]
    circumstances: Mapping[str, tuple[str, str]]

    @property
    def equal(self) -> bool:
        """Whether nothing differs beyond the tolerance and neither lacks a thing."""
        return not (
            self.differences
            or self.only_first
            or self.only_second
            or self.steps_only_first
            or self.steps_only_second
        )
