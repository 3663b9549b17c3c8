"""The calls of one step as they happen: a stack of open ones, a list of all.

A call is a draft while the step runs and becomes an immutable `Call` at its end. Drafts hold
records, never tensors.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import FrameType
from typing import Any, Protocol

from torch import Tensor, nn

from ganscope.probe import modules, names, renamed, sites, structure
from ganscope.probe.clock import Clock
from ganscope.probe.drafts import Draft, Named
from ganscope.probe.earlier import EarlierOutputs
from ganscope.probe.events import EventLog
from ganscope.probe.finishing import finished
from ganscope.probe.operations import Operation
from ganscope.probe.raised import Raised
from ganscope.probe.tensors import TensorDraft, TensorObserver
from ganscope.traces import Call, TensorRecord
from ganscope.traces.tensor import OBJECT, PLAIN

Place = tuple[str, str]
"""Network and path."""


class Places(Protocol):
    """Who knows what modules and parameters are called."""

    def place_of(self, module: nn.Module) -> Place | None:
        """Network and path of a module, or None for one that no network holds."""

    def adopt(self, module: nn.Module, inputs: tuple[Any, ...], frame: FrameType) -> Place | None:
        """The place of an outermost module that was not seen before; None to pass it over."""

    def take_absorbed(self) -> Mapping[str, Place]:
        """Networks that `adopt` has found to be parts of another one, with their places in it."""

    def look_inside(self, module: nn.Module, around: Place) -> Place | None:
        """The place of a module met in the call `around`, if its network holds it by now."""

    def holds_networks(self, module: nn.Module, frame: FrameType) -> bool:
        """Whether `module`, called at `frame`, is no network itself, but holds some."""

    def parameter_name(self, parameter: Tensor) -> str:
        """The dotted name of a parameter."""


class CallLog:
    """Records calls.

    Args:
        places: Names of networks and modules.
        tensors: Makes the records.
        outside: Whether operations outside modules are recorded too, if they consume what a
            recorded call made.
        clock: Numbers moments.
    """

    def __init__(
        self,
        places: Places,
        tensors: TensorObserver,
        *,
        outside: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.places = places
        self.tensors = tensors
        self.outside = outside
        self.suspended = 0
        """Above 0 while operations are torch's own business (a loader, an optimizer's step)."""
        self.enters: Callable[[FrameType], None] | None = None
        """Told where a module is about to be called that nothing recorded encloses."""
        self.clock = clock or Clock()
        self.events: EventLog | None = None
        """Told of what happens between calls, where a training loop is recorded."""
        self.round = 0
        """Which update runs now; drafts carry it."""
        self.recomputes: Callable[[], bool] | None = None
        """Tells whether the backward engine runs, which then calls modules a second time."""
        self.earlier: EarlierOutputs | None = None
        """What networks made in earlier steps, where there are such."""
        self.own_time = 0.0
        """Seconds that the observer itself has taken so far."""
        self.drafts: list[Draft] = []
        self.remarks: dict[str, None] = {}
        """What to say of the forward as a whole, each once."""
        self.failure: Draft | None = None
        """The innermost call that failed last."""
        self._open: list[Draft] = []
        self._begun = 0

    # -- modules -----------------------------------------------------------------------------

    def begin(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> Draft:
        """A module is about to run; `frame` is where torch calls its hooks."""
        top = self._open[-1] if self._open else None
        if top is None and self.enters is not None:
            self.enters(frame)
        traits = modules.traits(module)
        parent = None if top is None else top.ident if top.ident >= 0 else top.parent
        if traits.transparent or traits.parametrization or (top is not None and top.hides):
            hides = not traits.transparent or (top is not None and top.hides)
            return self._hide(module, parent, opaque=True, hides=hides)
        inner, name = module, traits.name
        if traits.opaque_note is not None:
            inner, _ = modules.unwrap(module)
            name = type(inner).__name__
        place = self.places.place_of(inner)
        if place is None and (top is None or not top.network):
            if self.places.holds_networks(inner, frame):
                return self._hide(module, parent, holds_networks=True)
            place = self.places.adopt(inner, args, frame)
            renamed.move(self.drafts, self.places.take_absorbed())
        place = place or self._place_inside(inner, top, name)
        if place is None:
            return self._hide(module, parent, opaque=True, hides=True)
        draft = Draft("module", place[1], name, parent)
        draft.key, draft.sequence = module, self.clock.tick()
        draft.network, draft.module = place[0], inner
        draft.mode = "train" if inner.training else "eval"
        draft.frozen = modules.frozen_of(inner)
        if traits.opaque_note is not None:
            draft.note, draft.opaque = traits.opaque_note, True
        elif traits.fused and not module.training:
            draft.opaque = True
            draft.note = "runs fused in eval mode; operations inside were not seen"
        elif traits.container:
            draft.opaque = draft.passes_place_on = True
        elif not modules.has_parts(inner):
            draft.opaque = parent is not None or traits.from_torch
            draft.distrusted = draft.opaque and not traits.from_torch
        if traits.changes_buffers and module.training:
            draft.distrusted = True
        self._open.append(draft)
        passes = top is not None and top.passes_place_on
        draft.place = top.place if passes and top is not None else sites.find(frame)
        draft.points = sites.points(frame) if parent is None else ()  # it may be a loss
        error = sys.exception()
        if error is not None:
            draft.outside_error = id(error)  # it is being handled as long as the call runs
        draft.inputs = self._records(args, kwargs)
        self._look_back(draft, args, kwargs)
        self._enlist(draft)
        return draft

    def _look_back(self, draft: Draft, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if draft.parent is not None or not draft.network:
            return
        self._show(structure.arguments(args, kwargs), draft.inputs)
        if self.earlier is not None:
            self.earlier.tell(structure.arguments(args, kwargs), draft.inputs, self.round)

    def _show(self, leaves: Iterable[tuple[str | None, Any]], records: Sequence[Named]) -> None:
        for (_, leaf), (_, record) in zip(leaves, records, strict=False):
            if isinstance(record, TensorDraft):
                self.tensors.show(leaf, record)

    def _hide(
        self,
        module: nn.Module,
        parent: int | None,
        *,
        opaque: bool = False,
        hides: bool = False,
        holds_networks: bool = False,
    ) -> Draft:
        """Open a call that is not recorded itself."""
        draft = Draft("module", "", "", parent)
        draft.hidden, draft.opaque, draft.hides = True, opaque, hides
        draft.holds_networks, draft.key = holds_networks, module
        self._open.append(draft)
        return draft

    def end(
        self, module: nn.Module, output: Any, error: BaseException | None, ended: float
    ) -> Draft | None:
        """The module has run, or failed with `error`; None if it was not seen to begin."""
        draft = self._close(module)
        if draft is None or draft.hidden:
            return draft
        if error is not None and id(error) != draft.outside_error:
            self._fail(draft, error)
            return draft
        if draft.distrusted:
            self.tensors.forget()
        draft.ended = self.clock.tick()
        draft.seconds = max(0.0, ended - draft.started - (self.own_time - draft.own_time_before))
        if isinstance(output, Tensor):
            draft.outputs = [(None, self.tensors.record_output(output))]
        else:
            leaves = structure.leaves(output)
            draft.outputs = self._named(leaves, self.tensors.record_output)
        if draft.parent is None and draft.network:
            self._show(structure.leaves(output), draft.outputs)
            if self.earlier is not None:
                self.earlier.keep(draft.network, output, draft.round)
        return draft

    def split(self, networks: Mapping[str, Mapping[str, str]]) -> None:
        """Calls of what turned out to hold networks are calls of those; see `renamed`."""
        if networks:
            self.drafts = renamed.split(self.drafts, networks)

    def _place_inside(self, module: nn.Module, around: Draft | None, name: str) -> Place | None:
        """The place of a module that is unknown, in the call around it."""
        if around is None or not around.network:
            return None
        known = self.places.look_inside(module, (around.network, around.path))
        return known or (around.network, f"{around.path}/{name}")  # it was made on the fly

    def _close(self, module: nn.Module) -> Draft | None:
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth].key is module:
                draft = self._open[depth]
                del self._open[depth:]
                return draft
        return None

    def note_open(self, note: str) -> None:
        """Say of the innermost open call why its inside is not seen."""
        if self._open:
            self._open[-1].note = note
            self._open[-1].opaque = True

    # -- operations --------------------------------------------------------------------------

    @property
    def wants_operations(self) -> bool:
        """Whether operations now run between modules rather than inside a leaf."""
        if self.suspended:
            return False
        top = self._around
        return self.outside if top is None else not top.opaque

    @property
    def _around(self) -> Draft | None:
        """The innermost call that runs, unless what runs inside stands by itself."""
        return self._open[-1] if self._open and not self._open[-1].holds_networks else None

    def passes_over(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether an operation on these is the user's own business, outside every module."""
        if self._around is not None:
            return False
        made = self.tensors.made
        return not any(map(made, args)) and not (kwargs and any(map(made, kwargs.values())))

    def begin_operation(self, operation: Operation) -> Draft:
        """An operation is about to run."""
        name = operation.name
        top = self._around
        if top is not None:
            parent = top.ident if top.ident >= 0 else top.parent
            draft = Draft("op", f"{top.path}/{name}", name, parent)
            draft.network = top.network
        else:
            draft = Draft("op", "", name, None)
        draft.sequence = self.clock.tick()
        if operation.may_change_inputs:
            draft.inputs = self._tensors_in(operation)
        if operation.lends_memory:
            self.tensors.distrust()
            if operation.args and isinstance(operation.args[0], nn.Parameter):
                name = self.places.parameter_name(operation.args[0])
                self.remarks[f"the forward reaches the memory of {name}; changes there stay"] = None
        return draft

    def end_operation(
        self, draft: Draft, operation: Operation, result: Any, seconds: float, frame: FrameType
    ) -> None:
        """It has run; recorded only if its result holds tensors."""
        made = () if operation.is_silent else _only_tensors(structure.leaves(result))
        if operation.raw == "__setitem__":
            made = _only_tensors(structure.leaves(operation.args[0]))
        if not made:
            self._notice_exit(operation, frame)
            return
        draft.ended = self.clock.tick()
        if not draft.inputs:
            draft.inputs = self._tensors_in(operation)
        if operation.changes_unversioned:
            self.tensors.forget()
        sources = [record for _, record in draft.inputs if isinstance(record, TensorDraft)]
        draft.outputs = [(name, self.tensors.record_result(leaf, sources)) for name, leaf in made]
        draft.seconds = seconds
        self._enlist_operation(draft, operation, frame)

    def _notice_exit(self, operation: Operation, frame: FrameType) -> None:
        if operation.leaves_torch and self.events is not None:
            tensor = self.tensors.identity_of(operation.args[0])
            network = "" if self._around is None else self._around.network
            if tensor is not None:
                self.events.left(operation, tensor, network, frame)

    def pass_over(self, operation: Operation, frame: FrameType) -> None:
        """An operation outside every module, on nothing that a call of this step made, has run."""
        if operation.leaves_torch:
            self._notice_exit(operation, frame)
        elif self.events is not None:
            self.events.changed(operation, frame)

    def fail_operation(
        self, draft: Draft, operation: Operation, error: BaseException, frame: FrameType
    ) -> None:
        """It raised."""
        if not draft.inputs:
            draft.inputs = self._tensors_in(operation)
        self._enlist_operation(draft, operation, frame)
        self._fail(draft, error)

    def _enlist_operation(self, draft: Draft, operation: Operation, frame: FrameType) -> None:
        draft.settings, draft.arguments = operation.settings(), operation.arguments()
        draft.place = sites.find(frame)
        if self._around is None and _is_scalar(draft.outputs):
            draft.text = names.called_text(frame)
            draft.points = sites.points(frame)
        self._enlist(draft)

    # -- both --------------------------------------------------------------------------------

    def _records(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Named]:
        if len(args) == 1 and not kwargs and isinstance(args[0], Tensor):
            return [(None, self.tensors.record(args[0]))]
        return self._named(structure.arguments(args, kwargs))

    def _named(
        self,
        leaves: Iterator[tuple[str | None, Any]],
        record: Callable[[Tensor], TensorDraft] | None = None,
    ) -> Sequence[Named]:
        record = record or self.tensors.record
        records: list[Named] = [
            (name, record(leaf) if isinstance(leaf, Tensor) else _no_tensor(leaf))
            for name, leaf in islice(leaves, structure.MOST_LEAVES)
        ]
        if next(iter(leaves), None) is not None:
            records.append((None, _LEFT_OUT))
        return records

    def _tensors_in(self, operation: Operation) -> Sequence[Named]:
        record = self.tensors.record
        leaves = _only_tensors(structure.arguments(operation.args, operation.kwargs))
        return [(name, record(leaf)) for name, leaf in leaves]

    def _enlist(self, draft: Draft) -> None:
        draft.ident = self._begun
        self._begun += 1
        draft.round = self.round
        if self.recomputes is not None and self.recomputes():
            draft.recomputed = True
            draft.note = draft.note or "recomputed for the backward pass"
        self.drafts.append(draft)

    def _fail(self, draft: Draft, error: BaseException) -> None:
        # While an exception travels outwards, the first call to report it, or the one that it
        # was raised from, is the innermost. A call that began later failed by itself.
        inner = self.failure
        known = None if inner is None else inner.error
        if (
            inner is None
            or known is None
            or draft.ident > inner.ident
            or not known.is_behind(error)
        ):
            draft.error = Raised.of(error)
            self.failure = draft

    def take(self) -> list[Draft]:
        """Give away the calls so far."""
        self._open, self.failure = [], None
        taken, self.drafts = self.drafts, []
        return taken

    def records(self) -> Iterator[TensorDraft]:
        """What was seen of the tensors of all calls that were not given away."""
        for draft in self.drafts:
            for _, record in (*draft.inputs, *draft.outputs):
                if isinstance(record, TensorDraft):
                    yield record

    def finish(self) -> tuple[Call, ...]:
        """All calls, immutable; the log holds nothing of them afterwards."""
        self.tensors.settle()
        return finished(self.take())


def _only_tensors(leaves: Iterable[tuple[str | None, Any]]) -> list[tuple[str | None, Tensor]]:
    tensors = ((name, leaf) for name, leaf in leaves if isinstance(leaf, Tensor))
    return list(islice(tensors, structure.MOST_LEAVES))


def _is_scalar(outputs: Sequence[Named]) -> bool:
    shape = outputs[0][1].shape if len(outputs) == 1 else None
    return shape is not None and math.prod(shape) == 1


def _without_tensor(kind: str, note: str) -> TensorRecord:
    return TensorRecord(
        shape=None,
        dtype=None,
        device=None,
        requires_grad=False,
        stats=None,
        note=note,
        kind=kind,
    )


_LEFT_OUT = _without_tensor(OBJECT, f"cut off: only the first {structure.MOST_LEAVES} are recorded")


def _no_tensor(leaf: Any) -> TensorRecord:
    """The record of something that is no tensor."""
    if leaf is None or isinstance(leaf, bool | int | float | str):
        return _without_tensor(PLAIN, f"{_brief(repr(leaf))}: no tensor")
    return _without_tensor(OBJECT, f"a {type(leaf).__name__}: no tensor")


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_LONGEST = 40
