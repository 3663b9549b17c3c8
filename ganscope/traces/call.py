"""One call of a module or of a functional operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganscope.traces.tensor import TensorRecord, TensorStats, tensors_of


@dataclass(frozen=True, slots=True)
class CallSite:
    """Where the user's code made a call.

    Attributes:
        file: The file's path as Python knows it.
        line: Line number, from 1.
        code: The source line, stripped; empty where it cannot be read.
    """

    file: str
    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Gradient:
    """A gradient that arrived at one output of a call.

    Attributes:
        backward: Id of the run of the backward engine that brought it.
        output: Which of the call's outputs, from 0.
        stats: Figures of the gradient.
        sequence: When it arrived, by the counter that calls carry.
    """

    backward: int
    output: int
    stats: TensorStats | None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One module call or one functional operation.

    Attributes:
        id: Unique within the step; calls are numbered in the order in which they began.
        parent: Id of the module call around it, or None.
        update: Index of the update in which it ran; None where it fed no loss.
        purpose: ``training`` or ``evaluation``.
        kind: ``module`` or ``op``.
        network: Name of the network it belongs to; empty for an op outside any network.
        path: ``generator.model.0``; an op's is its enclosing module's plus ``/view``.
        type: Class of the module, or name of the operation.
        nth: How many calls this module had in the step, this one included.
        inputs: The tensors that went in, as they were before the call.
        outputs: The tensors that came out, as they were right after it.
        parameters: Number of parameters of the module and all inside it, each counted once.
        seconds: Wall time of the call without the observer's own; None with a note where
            it could not be taken.
        site: Where the user's code made the call.
        gradients: Gradients that later arrived at its outputs.
        settings: For people: the module's own description of its settings (``extra_repr``), or
            an operation's arguments that are no tensors, cut where they are long.
        note: For people: what could not be seen inside it, and why.
        mode: ``train`` or ``eval``, as the module was when the call began; None for an op, and
            in traces that do not tell.
        recomputed: Whether it ran a second time for the backward pass (checkpointing); such a
            call may end as soon as enough is there.
        original: Id of the call that it repeats, where only one can be meant.
        frozen_parameters: How many of `parameters` required no gradient when it was called, as
            far as the modules that hold them were called.
        arguments: Its settings as data that strict JSON can hold. Of an operation every argument
            in the order in which it was written, by position (``"0"``) or keyword, a tensor as
            ``{"input": 0}``, its index in `inputs`; of a module its constants, such as ``eps``,
            ``stride``, ``inplace`` or ``reduction``.
        sequence: When it began, by one counter over everything in the recording: calls, backward
            runs, gradients and events.
        ended: When it ended; None for one that failed.
    """

    id: int
    parent: int | None
    update: int | None
    purpose: str
    kind: str
    network: str
    path: str
    type: str
    nth: int
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    parameters: int
    seconds: float | None
    site: CallSite | None
    gradients: tuple[Gradient, ...] = ()
    settings: str = ""
    note: str | None = None
    mode: str | None = None
    recomputed: bool = False
    original: int | None = None
    frozen_parameters: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sequence: int | None = None
    ended: int | None = None

    @property
    def label(self) -> str:
        """The path, or the type where there is none, with ``#2`` behind it for a repeated call."""
        name = self.path or self.type
        return name if self.nth == 1 else f"{name} #{self.nth}"

    @property
    def title(self) -> str:
        """The label; operations outside modules are not numbered where they are shown."""
        return self.label if self.path else self.type


def outermost_of(calls: Iterable[Call]) -> dict[int, int]:
    """Id of each call → id of the outermost call around it, its own where there is none.

    Args:
        calls: In the order in which they began; one whose parent is not among them is outermost.
    """
    outermost: dict[int, int] = {}
    for call in calls:
        around = None if call.parent is None else outermost.get(call.parent)
        outermost[call.id] = call.id if around is None else around
    return outermost


def main_output(call: Call) -> TensorRecord | None:
    """The output that a call is shown by."""
    measured = [record for record in call.outputs if record.stats]
    return next(iter((*measured, *tensors_of(call.outputs), *call.outputs)), None)
