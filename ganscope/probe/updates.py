"""What an optimizer did: each parameter's gradient as it saw it, and how far the weight moved."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer as TorchOptimizer

from ganscope.probe import names, variables, weights
from ganscope.probe.figures import Figures
from ganscope.probe.networks import Networks
from ganscope.probe.tensors import TensorObserver
from ganscope.probe.weights import Number
from ganscope.traces import Optimizer, ParameterUpdate


@dataclass(slots=True)
class ParameterDraft:
    """What is known of one parameter's update before the step ends."""

    name: str
    shape: tuple[int, ...]
    optimizer: str
    gradient: Figures | None
    weight_norm: Number = None
    update_norm: Number = None

    def finish(self) -> ParameterUpdate:
        """The update, immutable; the figures have been settled and the numbers fetched."""
        weight, update = _plain(self.weight_norm), _plain(self.update_norm)
        ratio = update / weight if update is not None and weight else None
        stats = None if self.gradient is None else self.gradient.stats
        return ParameterUpdate(self.name, self.shape, self.optimizer, stats, weight, update, ratio)


@dataclass(slots=True)
class Stepped:
    """One call of an optimizer's ``step``, or one that a GradScaler left out."""

    optimizer: Optimizer
    key: int
    """Tells this optimizer from the others."""
    networks: tuple[str, ...]
    parameters: list[ParameterDraft]
    scale: Number = 1.0
    skipped: bool = False
    suspends: bool = False
    """Whether operations are unseen until it ends."""


class UpdateLog:
    """Measures what optimizers do.

    Args:
        networks: Who owns which parameter.
    """

    def __init__(self, networks: Networks) -> None:
        self.tensors: TensorObserver | None = None
        self.moved_unseen: set[str] = set()
        """Networks whose weights changed between two steps of their optimizer."""
        self._networks = networks
        self._names: dict[int, tuple[weakref.ref[TorchOptimizer], str, int]] = {}
        self._keys = 0
        # Memory for the weights before an update, allocated once.
        self._before: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._sketches: dict[int, tuple[weakref.ref[Tensor], bytes | None]] = {}

    def key_of(self, optimizer: TorchOptimizer, frame: FrameType | None) -> int:
        """A number that stays with this optimizer; its name is read at its first step."""
        return self._named(optimizer, frame)[1]

    def begin(self, optimizer: TorchOptimizer, frame: FrameType | None) -> Stepped:
        """The optimizer is about to step: look at gradients, and keep the weights."""
        name, key = self._named(optimizer, frame)
        parameters = _parameters(optimizer)
        drafts: list[ParameterDraft] = []
        moved: dict[str, None] = {}
        for index, parameter in enumerate(parameters):
            draft, network = self._draft(parameter, index, name)
            draft.weight_norm = weights.keep(parameter, self._memory(parameter))
            drafts.append(draft)
            if network is not None and draft.gradient is not None:
                moved[network] = None
            self._notice_unseen(parameter, network or draft.name)
        noun = Optimizer(name, type(optimizer).__name__, _learning_rates(optimizer))
        return Stepped(noun, key, tuple(moved), drafts)

    def unmeasured(self, optimizer: TorchOptimizer) -> Stepped:
        """What is left to say where looking failed: that it stepped."""
        name, key = self._named(optimizer, None)
        return Stepped(Optimizer(name, type(optimizer).__name__, ()), key, (), [])

    def look_again(self, optimizer: TorchOptimizer, stepped: Stepped) -> None:
        """Gradients that came only inside the step, from a closure."""
        moved = dict.fromkeys(stepped.networks)
        for parameter, draft in zip(_parameters(optimizer), stepped.parameters, strict=True):
            draft.gradient = self._gradient(parameter)
            owner = self._networks.owner_of(parameter)
            if owner is not None and draft.gradient is not None:
                moved[owner[0]] = None
        stepped.networks = tuple(moved)

    def end(self, optimizer: TorchOptimizer, stepped: Stepped) -> None:
        """The optimizer has stepped: how far did the weights move?"""
        parameters = _parameters(optimizer) if stepped.parameters else []
        for parameter, draft in zip(parameters, stepped.parameters, strict=True):
            draft.update_norm = weights.distance(parameter, self._memory(parameter))
            self._sketches[id(parameter)] = (weakref.ref(parameter), weights.sketch(parameter))

    def forget(self) -> None:
        """Steps will go unrecorded: what is known of the weights gets old."""
        self._sketches.clear()

    def release(self) -> None:
        """Nothing more is measured: give the memory back."""
        self.forget()
        self._before.clear()

    def _named(self, optimizer: TorchOptimizer, frame: FrameType | None) -> tuple[str, int]:
        known = self._names.get(id(optimizer))
        if known is not None and known[0]() is optimizer:
            return known[1], known[2]
        name = variables.optimizer_name(frame, optimizer, self._networks.taken)
        name = self._networks.name_of(name or names.snake_case(type(optimizer).__name__))
        self._names[id(optimizer)] = (weakref.ref(optimizer), name, self._keys)
        self._keys += 1
        return name, self._keys - 1

    def _draft(
        self, parameter: Tensor, index: int, optimizer: str
    ) -> tuple[ParameterDraft, str | None]:
        owner = self._networks.owner_of(parameter)
        if owner is None:
            self._networks.refresh()
            owner = self._networks.owner_of(parameter)
        network, name = owner or (None, f"{optimizer}.{index}")
        gradient = self._gradient(parameter)
        return ParameterDraft(name, tuple(parameter.shape), optimizer, gradient), network

    def _gradient(self, parameter: Tensor) -> Figures | None:
        assert self.tensors is not None
        gradient = parameter.grad
        return None if gradient is None else self.tensors.figures_of(gradient)

    def _notice_unseen(self, parameter: Tensor, name: str) -> None:
        known = self._sketches.get(id(parameter))
        if known is None or known[0]() is not parameter or known[1] is None:
            return
        if known[1] != weights.sketch(parameter):
            self.moved_unseen.add(name)

    def _memory(self, parameter: Tensor) -> Tensor:
        known = self._before.get(id(parameter))
        if known is not None and known[0]() is parameter and weights.alike(known[1], parameter):
            return known[1]
        memory = torch.empty_like(parameter.detach())
        self._before[id(parameter)] = (weakref.ref(parameter), memory)
        return memory


def _parameters(optimizer: TorchOptimizer) -> list[Tensor]:
    return [
        parameter
        for group in optimizer.param_groups
        for parameter in group["params"]
        if weights.is_readable(parameter)
    ]


def _learning_rates(optimizer: TorchOptimizer) -> tuple[float, ...]:
    rates = [group.get("lr") for group in optimizer.param_groups]
    # A rate on a device would have to be waited for.
    return tuple(
        float(rate)
        for rate in rates
        if isinstance(rate, int | float) or (isinstance(rate, Tensor) and rate.is_cpu)
    )


def _plain(number: Number) -> float | None:
    """A finite number; None for what is none."""
    if isinstance(number, Tensor):
        number = float(number)
    return number if number is not None and math.isfinite(number) else None


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
