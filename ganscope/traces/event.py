"""What happened between the calls of a step."""

from __future__ import annotations

from dataclasses import dataclass

from ganscope.traces.call import CallSite

CHANGED, CLEARED, EXIT, STEPPED = "changed", "cleared", "exit", "stepped"
"""Kinds of events: weights or buffers were changed in place outside every module and optimizer;
gradients were cleared; values left torch, as a number or an array; an optimizer stepped."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened between the calls, or several times at one line.

    Attributes:
        sequence: When, by the counter that calls, backwards and gradients carry, too; of several
            the first.
        last: Of several the last.
        kind: `CHANGED`, `CLEARED`, `EXIT` or `STEPPED`.
        name: The operation (``clamp_``, ``item``), or the optimizer.
        network: Whose weights or gradients; empty where that says nothing.
        count: How many times; of clearings how many parameter tensors.
        tensors: Ids of the tensors, the first few where there are many.
        site: Where the user's code did it, if that was seen.
        after: Of clearings, which are noticed afterwards: they came after this moment and before
            `sequence`. None elsewhere.
    """

    sequence: int
    kind: str
    name: str = ""
    network: str = ""
    count: int = 1
    last: int | None = None
    tensors: tuple[int, ...] = ()
    site: CallSite | None = None
    after: int | None = None
