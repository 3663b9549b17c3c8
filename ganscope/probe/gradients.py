"""The backward pass: gradients at the outputs of calls, the engine's runs, and whom they reached.

A gradient is caught by a hook on the node of the graph that made the tensor, not on the tensor:
nothing is left on what belongs to the user, in-place layers do no harm, and a tensor that is
saved or copied takes nothing with it. The hook holds the draft of a record, never a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from ganscope.probe import names, sites, structure, weights
from ganscope.probe.clock import Clock
from ganscope.probe.figures import Figures
from ganscope.probe.living import Living
from ganscope.probe.networks import Networks
from ganscope.probe.tensors import TensorDraft, TensorObserver
from ganscope.probe.weights import Number

_Quiet = torch._C.DisableTorchFunction


@dataclass(slots=True)
class Run:
    """One run of the backward engine, while its step goes on.

    Attributes:
        ident: Counted over the whole observation.
        kind: ``backward``, or ``grad`` for ``torch.autograd.grad``.
        name: What it ran on, in the user's code.
        roots: Records of what it ran on.
        round: Which update it belongs to.
        site: Where the user's code started it.
        create_graph: Whether autograd follows the run itself.
        retain_graph: Whether the graph is kept for another run.
        is_scaled: Whether it ran on what a GradScaler has scaled.
        stepped: Ids of those on which an optimizer stepped while it ran.
        reached: Parameters that received a gradient, by network.
    """

    ident: int
    kind: str
    name: str | None
    roots: tuple[TensorDraft, ...]
    round: int
    site: sites.Place | None
    create_graph: bool | None = None
    retain_graph: bool | None = None
    is_scaled: bool = False
    stepped: set[int] = field(default_factory=set)
    reached: dict[str, list[Tensor]] = field(default_factory=dict)
    sequence: int = -1
    ended: int | None = None


ArrivalDraft = tuple[TensorDraft, int, Figures, int]
"""A tensor at which a gradient arrived, the engine's run that brought it, its statistics, and
when it came."""


@dataclass(frozen=True, slots=True)
class Again:
    """A gradient that came to a tensor to which an earlier run had brought one already.

    Attributes:
        draft: The tensor.
        earlier: What the earlier run ran on, in the user's code.
        kind: ``backward`` or ``grad``, of the earlier run.
        site: Where the user's code started it.
    """

    draft: TensorDraft
    earlier: str | None
    kind: str
    site: sites.Place | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A parameter's gradient when the last backward that reached it had ended.

    Attributes:
        run: That run of the engine.
        norm: The gradient's L2 norm, with the factor of a GradScaler in it.
    """

    run: int
    norm: Number


_Told = tuple[str | None, str, sites.Place | None]
_REMEMBERED = 64

_Mark = tuple[int, int] | None
"""Identity and version of a parameter's gradient, by which a change of it is noticed."""


class GradientLog:
    """Catches gradients, and keeps account of the engine's runs.

    Args:
        networks: Who owns which parameter.
        note: Told of a fault of ours.
        clock: Numbers runs and gradients.
    """

    def __init__(
        self, networks: Networks, note: Callable[[Exception], None], clock: Clock | None = None
    ) -> None:
        self._clock = clock or Clock()
        self.tensors: TensorObserver | None = None
        self.runs: list[Run] = []
        self.again: Again | None = None
        """The last of its kind in the run that ran last: where that stopped, if it failed."""
        self._scaled: Living[bool] = Living()
        self._at_tensors: list[ArrivalDraft] = []
        self._arrivals: Living[Arrived] = Living()
        self._told: dict[int, _Told] = {}
        """What the last runs ran on, also those of steps that have ended."""
        self._networks = networks
        self._note = note
        self._running: list[tuple[Run, list[tuple[Tensor, str, _Mark]]]] = []
        self._begun = 0
        self._lock = Lock()  # the engine calls hooks on a thread of its own for each device

    def scaled(self, losses: object) -> None:
        """A GradScaler has scaled these."""
        for _, loss in structure.leaves(losses):
            if isinstance(loss, Tensor):
                self._scaled.put(loss, True)

    @property
    def has_run(self) -> bool:
        """Whether the engine has ever run."""
        return self._begun > 0

    @property
    def is_running(self) -> bool:
        """Whether the engine is at work."""
        return bool(self._running)

    def watch(self, tensor: Tensor, draft: TensorDraft) -> None:
        """Catch every gradient that will arrive at `tensor`."""
        node = tensor.grad_fn
        if node is not None:
            node.register_prehook(partial(self._arrived, draft, tensor.output_nr))

    def _arrived(self, draft: TensorDraft, output: int, gradients: Sequence[Tensor | None]) -> None:
        try:
            gradient = gradients[output]
            if gradient is None or not self._running or draft.gradients is None:
                return
            with self._lock, _Quiet():
                if self.tensors is not None:
                    run = self._running[-1][0]
                    told = self._told.get(draft.gradients[-1][0]) if draft.gradients else None
                    if told is not None and draft.gradients[-1][0] != run.ident:
                        self.again = Again(draft, *told)
                    figures = self.tensors.figures_of(gradient)
                    draft.gradients.append((run.ident, figures))
                    self._at_tensors.append((draft, run.ident, figures, self._clock.tick()))
        except Exception as fault:
            self._note(fault)

    def begin(
        self, roots: Sequence[Any], kind: str, inputs: Sequence[Any], round: int, frame: FrameType
    ) -> Run:
        """The engine is about to run from `roots`."""
        assert self.tensors is not None
        record = self.tensors.record
        drafts = tuple([record(root) for root in roots if isinstance(root, Tensor)])
        name, site = names.loss_name(frame, roots), sites.find(frame)
        run = Run(self._begun, kind, name, drafts, round, site)
        run.sequence = self._clock.tick()
        run.is_scaled = any(self._scaled.get(root) for root in roots)
        self.again = None
        self._networks.fix()
        self._told[self._begun] = (name, kind, site)
        self._told.pop(self._begun - _REMEMBERED, None)
        self._begun += 1
        if kind == "grad":
            for tensor in inputs:
                owner = self._networks.owner_of(tensor) if isinstance(tensor, Tensor) else None
                if owner is not None:
                    run.reached.setdefault(owner[0], []).append(tensor)
            marks = []
        else:
            marks = [
                (parameter, owner[0], _mark(parameter))
                for parameter, owner in self._networks.parameters()
            ]
        self._running.append((run, marks))
        return run

    def step_inside(self, parameters: Iterable[Tensor]) -> Run | None:
        """An optimizer is about to step on these while the engine runs: what it has brought them
        may be gone when it ends.

        Returns:
            The run, as if it had reached these alone.
        """
        if not self._running:
            return None
        run = self._running[-1][0]
        own = replace(run, reached={})
        for parameter in parameters:
            owner = self._networks.owner_of(parameter)
            if (
                owner is not None
                and parameter.grad is not None
                and id(parameter) not in run.stepped
            ):
                run.stepped.add(id(parameter))
                for each in (run, own):
                    each.reached.setdefault(owner[0], []).append(parameter)
        return own

    def end(self, run: Run) -> None:
        """The engine has run, or failed."""
        while self._running:
            ended, marks = self._running.pop()
            for parameter, network, mark in marks:
                if id(parameter) not in ended.stepped and _mark(parameter) != mark:
                    ended.reached.setdefault(network, []).append(parameter)
                    if parameter.grad is not None:
                        norm = weights.norm_of(parameter.grad)
                        self._arrivals.put(parameter, Arrived(ended.ident, norm))
            ended.ended = self._clock.tick()
            self.runs.append(ended)
            if ended is run:
                return

    def arrived_at(self, parameter: Tensor) -> Arrived | None:
        """What the last backward has left at a parameter, unless an optimizer has used it."""
        return self._arrivals.get(parameter)

    def used(self, parameter: Tensor) -> None:
        """An optimizer has stepped on it."""
        self._arrivals.discard(parameter)

    def take(self) -> list[Run]:
        """Give away the runs since the last time."""
        taken, self.runs = self.runs, []
        return taken

    def take_arrived(self) -> list[ArrivalDraft]:
        """Give away the gradients that have arrived at tensors since the last time."""
        taken, self._at_tensors = self._at_tensors, []
        return taken


def _mark(parameter: Tensor) -> _Mark:
    gradient = parameter.grad
    return None if gradient is None else (id(gradient), gradient._version)
