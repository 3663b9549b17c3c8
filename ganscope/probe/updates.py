"""What an optimizer did: each parameter's gradient as it saw it, and how far the weight moved."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer as TorchOptimizer

from ganscope.probe import sites, weights
from ganscope.probe.buffers import BufferDraft
from ganscope.probe.figures import Figures
from ganscope.probe.gradients import Arrived, GradientLog
from ganscope.probe.living import Living
from ganscope.probe.optimizers import OptimizerLog, parameters_of
from ganscope.probe.statistics import unscaled
from ganscope.probe.tensors import TensorObserver, dtype_name
from ganscope.probe.weights import Memory, Number
from ganscope.traces import Optimizer, ParameterUpdate, TensorStats
from ganscope.traces.step import Change


@dataclass(slots=True)
class ParameterDraft:
    """What is known of one parameter's update before the step ends."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    optimizer: str
    gradient: Figures | None
    arrived: Arrived | None = None
    """How large the gradient was when the last backward had ended."""
    arrived_norm: Number = None
    weight_norm: Number = None
    update_norm: Number = None
    low_before: Number = None
    high_before: Number = None
    low_after: Number = None
    high_after: Number = None
    low_expected: Number = None
    """Smallest value when its last update had ended; None where none was recorded, and where
    `is_moved` tells for certain."""
    high_expected: Number = None
    is_moved: bool = False
    """Whether its values are seen to have changed since."""

    @property
    def is_changed_outside(self) -> bool:
        """Whether its values have changed since its last update, by no optimizer."""
        if self.low_expected is None or self.is_moved:
            return self.is_moved
        found = self.low_before, self.high_before
        return _differ((self.low_expected, self.high_expected), found)

    def finish(self, left_in: float, scale_of: Callable[[int], float]) -> ParameterUpdate:
        """The update, immutable; the figures have been settled and the numbers fetched.

        Args:
            left_in: The factor to take out of the gradient.
            scale_of: The factor in the gradients of a run of the engine, 1.0 where there is none.
        """
        weight, update = weights.finite(self.weight_norm), weights.finite(self.update_norm)
        stats = None if self.gradient is None else self.gradient.stats
        if stats is not None and left_in > 0 and left_in != 1:
            stats = unscaled(stats, left_in)
        return ParameterUpdate(
            name=self.name,
            shape=self.shape,
            optimizer=self.optimizer,
            gradient=stats,
            weight_norm=weight,
            update_norm=update,
            update_ratio=update / weight if update is not None and weight else None,
            dtype=self.dtype,
            weight_min=_change(self.low_before, self.low_after),
            weight_max=_change(self.high_before, self.high_after),
            clipped_from=self._clipped_from(stats, scale_of),
        )

    def _clipped_from(
        self, stats: TensorStats | None, scale_of: Callable[[int], float]
    ) -> float | None:
        if self.arrived is None or self.arrived_norm is None or stats is None:
            return None
        before = float(self.arrived_norm) / scale_of(self.arrived.run)
        after = math.nan if stats.norm is None or stats.nonfinite else stats.norm
        if not math.isfinite(before):
            return before if math.isfinite(after) else None
        return None if abs(before - after) <= _ROUNDING * max(before, after) else before


_ROUNDING = 2e-5
"""How far two norms of the same values may be apart, as a share of them."""


@dataclass(slots=True)
class Stepped:
    """One call of an optimizer's ``step``, or one that a GradScaler left out."""

    optimizer: Optimizer
    key: int
    """Tells this optimizer from the others."""
    networks: tuple[str, ...]
    parameters: list[ParameterDraft]
    scale: Number = 1.0
    left_in: Number = 1.0
    """The factor of a GradScaler that the gradients still had as they were looked at: fused
    optimizers take it out themselves."""
    place: sites.Place | None = None
    """Where the user's code made it step."""
    route: sites.Route = ()
    """The lines that lead there."""
    suspends: bool = False
    """Whether operations are unseen until it ends."""
    buffers: list[BufferDraft] = field(default_factory=list)
    """Buffers that have changed since the end of the update before."""


def together(stepped: Sequence[Stepped]) -> list[Stepped]:
    """Optimizers of one kind and rate as one: as many as there are parameters, perhaps."""
    alike: dict[tuple[str, tuple[float, ...]], Stepped] = {}
    for each in stepped:
        first = alike.setdefault((each.optimizer.type, each.optimizer.learning_rates), each)
        if first is not each:
            first.networks = tuple(dict.fromkeys((*first.networks, *each.networks)))
            for draft in each.parameters:
                draft.optimizer = first.optimizer.name
            first.parameters += each.parameters
            holds = dict.fromkeys((*first.optimizer.holds, *each.optimizer.holds))
            first.optimizer = replace(first.optimizer, holds=tuple(holds))
    return list(alike.values())


class UpdateLog:
    """Measures what optimizers do.

    Args:
        optimizers: Those that are known.
        gradients: How large gradients were as they came.
    """

    def __init__(self, optimizers: OptimizerLog, gradients: GradientLog) -> None:
        self.tensors: TensorObserver | None = None
        self.moved_unseen: set[str] = set()
        """Networks whose weights changed between two steps of their optimizer."""
        self._optimizers = optimizers
        self._gradients = gradients
        # Memory for the weights before an update, allocated once.
        self._before: Living[Memory] = Living()

    def begin(self, optimizer: TorchOptimizer, frame: FrameType | None) -> Stepped:
        """The optimizer is about to step: look at gradients, and keep the weights."""
        key = self._optimizers.key_of(optimizer, frame)
        name = self._optimizers.named(optimizer, frame)
        held = self._optimizers.held(optimizer, name)
        drafts: list[ParameterDraft] = []
        moved: dict[str, None] = {}
        for parameter, (network, full) in held:
            if not weights.is_readable(parameter):
                continue
            draft = self._draft(parameter, full, name)
            drafts.append(draft)
            if network and draft.gradient is not None:
                moved[network] = None
            if draft.is_moved:
                self.moved_unseen.add(network or full)
        noun = self._optimizers.noun(optimizer, name, held)
        stepped = Stepped(noun, key, tuple(moved), drafts)
        stepped.left_in = _left_in(optimizer)
        return stepped

    def unmeasured(self, optimizer: TorchOptimizer) -> Stepped:
        """What is left to say where looking failed: that it stepped."""
        name = self._optimizers.named(optimizer, None)
        noun = Optimizer(name=name, type=type(optimizer).__name__, learning_rates=())
        return Stepped(noun, self._optimizers.key_of(optimizer, None), (), [])

    def look_again(self, optimizer: TorchOptimizer, stepped: Stepped) -> None:
        """What came only inside the step, from a closure: gradients, perhaps the networks too."""
        name = self._optimizers.renamed(optimizer, sys._getframe())
        held = self._optimizers.held(optimizer, name)
        stepped.optimizer = self._optimizers.noun(optimizer, name, held)
        moved = dict.fromkeys(stepped.networks)
        owners = {id(parameter): owner for parameter, owner in held}
        for parameter, draft in zip(_readable(optimizer, stepped), stepped.parameters, strict=True):
            network, draft.name = owners[id(parameter)]
            draft.optimizer = name
            self._look_at_gradient(parameter, draft)
            if network and draft.gradient is not None:
                moved[network] = None
        stepped.networks = tuple(moved)

    def end(self, optimizer: TorchOptimizer, stepped: Stepped) -> None:
        """The optimizer has stepped: how far did the weights move?"""
        for parameter, draft in zip(_readable(optimizer, stepped), stepped.parameters, strict=True):
            draft.update_norm, left = weights.distance(parameter, self._memory(parameter))
            draft.low_after, draft.high_after = left.low, left.high
            self._gradients.used(parameter)
        self._optimizers.take()

    def forget(self) -> None:
        """Steps will go unrecorded: what is known of the weights gets old."""
        for _, memory in self._before.items():
            memory.left = None

    def release(self) -> None:
        """Nothing more is measured: give the memory back."""
        self.forget()
        self._before.clear()

    def _draft(self, parameter: Tensor, name: str, optimizer: str) -> ParameterDraft:
        draft = ParameterDraft(
            name=name,
            shape=tuple(parameter.shape),
            dtype=dtype_name(parameter.dtype),
            optimizer=optimizer,
            gradient=None,
        )
        self._look_at_gradient(parameter, draft)
        memory = self._memory(parameter)
        if memory.left is not None and memory.flat is None:
            draft.low_expected, draft.high_expected = memory.left.low, memory.left.high
        kept, draft.is_moved = weights.keep(parameter, memory)
        draft.weight_norm, draft.low_before, draft.high_before = kept
        return draft

    def _look_at_gradient(self, parameter: Tensor, draft: ParameterDraft) -> None:
        assert self.tensors is not None
        gradient = parameter.grad
        draft.gradient = None if gradient is None else self.tensors.figures_of(gradient)
        draft.arrived = self._gradients.arrived_at(parameter)
        draft.arrived_norm = None if draft.arrived is None else draft.arrived.norm

    def _memory(self, parameter: Tensor) -> Memory:
        memory = self._before.get(parameter)
        if memory is None or not memory.fits(parameter):
            memory = Memory(parameter)
            self._before.put(parameter, memory)
        return memory


def _readable(optimizer: TorchOptimizer, stepped: Stepped) -> list[Tensor]:
    """The parameters that `stepped` tells of; none where looking at them has failed."""
    return [*filter(weights.is_readable, parameters_of(optimizer))] if stepped.parameters else []


def _left_in(optimizer: TorchOptimizer) -> Number:
    factor = getattr(optimizer, "grad_scale", None)
    if not isinstance(factor, Tensor):
        return 1.0
    return float(factor) if factor.is_cpu else factor.detach().clone()


def _change(before: Number, after: Number) -> Change | None:
    pair = weights.finite(before), weights.finite(after)
    return None if pair == (None, None) else pair


def _differ(first: Sequence[Number], second: Sequence[Number]) -> bool:
    """NaN is no other than NaN here."""
    return any(
        weights.finite(one) != weights.finite(other)
        for one, other in zip(first, second, strict=True)
    )


def fetch(drafts: Sequence[Any], fields: Sequence[str]) -> None:
    """Bring numbers that wait on devices over, in one transfer per device."""
    waiting: dict[torch.device, list[tuple[Any, str, Tensor]]] = {}
    for draft in drafts:
        for name in fields:
            value = getattr(draft, name)
            if isinstance(value, Tensor):
                waiting.setdefault(value.device, []).append((draft, name, value))
    for entries in waiting.values():
        stacked = torch.stack(
            [
                value.reshape(()).double() if value.device.type != "mps" else value.reshape(())
                for _, _, value in entries
            ]
        )
        for (draft, name, _), number in zip(entries, stacked.cpu().tolist(), strict=True):
            setattr(draft, name, number)
