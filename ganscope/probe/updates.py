"""What an optimizer did: each parameter's gradient as it saw it, and how far the weight moved."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer as TorchOptimizer

from ganscope.probe import sites, weights
from ganscope.probe.figures import Figures
from ganscope.probe.living import Living
from ganscope.probe.naming import Keys
from ganscope.probe.networks import Networks
from ganscope.probe.statistics import unscaled
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

    def finish(self, left_in: float = 1.0) -> ParameterUpdate:
        """The update, immutable; the figures have been settled and the numbers fetched.

        Args:
            left_in: The factor to take out of the gradient.
        """
        weight, update = _plain(self.weight_norm), _plain(self.update_norm)
        ratio = update / weight if update is not None and weight else None
        stats = None if self.gradient is None else self.gradient.stats
        if stats is not None and left_in > 0 and left_in != 1:
            stats = unscaled(stats, left_in)
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
    left_in: Number = 1.0
    """The factor of a GradScaler that the gradients still had as they were looked at: fused
    optimizers take it out themselves."""
    place: sites.Place | None = None
    """Where the user's code made it step."""
    route: sites.Route = ()
    """The lines that lead there."""
    suspends: bool = False
    """Whether operations are unseen until it ends."""


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
    return list(alike.values())


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
        self._keys = Keys()
        self._names: Living[str] = Living()
        # Memory for the weights before an update, allocated once.
        self._before: Living[Tensor] = Living()
        self._sketches: Living[bytes | None] = Living()

    def key_of(self, optimizer: TorchOptimizer, frame: FrameType | None) -> int:
        """A number that stays with this optimizer; its name is read at a step that is recorded."""
        return self._keys.key_of(optimizer, frame)

    def begin(self, optimizer: TorchOptimizer, frame: FrameType | None) -> Stepped:
        """The optimizer is about to step: look at gradients, and keep the weights."""
        name = self._named(optimizer, frame)
        drafts: list[ParameterDraft] = []
        moved: dict[str, None] = {}
        for parameter, owner in zip(*self._owned(optimizer, name), strict=True):
            gradient = self._gradient(parameter)
            draft = ParameterDraft(owner[1], tuple(parameter.shape), name, gradient)
            draft.weight_norm = weights.keep(parameter, self._memory(parameter))
            drafts.append(draft)
            if owner[0] and gradient is not None:
                moved[owner[0]] = None
            self._notice_unseen(parameter, owner[0] or owner[1])
        noun = Optimizer(name, type(optimizer).__name__, _learning_rates(optimizer))
        stepped = Stepped(noun, self.key_of(optimizer, frame), tuple(moved), drafts)
        stepped.left_in = _left_in(optimizer)
        return stepped

    def unmeasured(self, optimizer: TorchOptimizer) -> Stepped:
        """What is left to say where looking failed: that it stepped."""
        noun = Optimizer(self._named(optimizer, None), type(optimizer).__name__, ())
        return Stepped(noun, self.key_of(optimizer, None), (), [])

    def look_again(self, optimizer: TorchOptimizer, stepped: Stepped) -> None:
        """What came only inside the step, from a closure: gradients, perhaps the networks too."""
        name = stepped.optimizer.name
        if self._networks.naming.is_shared(name):
            self._networks.naming.take_back(name)
            self._names.put(optimizer, self._networks.naming.optimizer(optimizer, sys._getframe()))
            name = self._named(optimizer, None)
            stepped.optimizer = replace(stepped.optimizer, name=name)
        moved = dict.fromkeys(stepped.networks)
        parameters, owners = self._owned(optimizer, name) if stepped.parameters else ([], [])
        for parameter, owner, draft in zip(parameters, owners, stepped.parameters, strict=True):
            draft.name, draft.optimizer = owner[1], name
            draft.gradient = self._gradient(parameter)
            if owner[0] and draft.gradient is not None:
                moved[owner[0]] = None
        stepped.networks = tuple(moved)

    def end(self, optimizer: TorchOptimizer, stepped: Stepped) -> None:
        """The optimizer has stepped: how far did the weights move?"""
        parameters = _parameters(optimizer) if stepped.parameters else []
        for parameter, draft in zip(parameters, stepped.parameters, strict=True):
            draft.update_norm = weights.distance(parameter, self._memory(parameter))
            self._sketches.put(parameter, weights.sketch(parameter))

    def forget(self) -> None:
        """Steps will go unrecorded: what is known of the weights gets old."""
        self._sketches.clear()

    def release(self) -> None:
        """Nothing more is measured: give the memory back."""
        self.forget()
        self._before.clear()

    def _named(self, optimizer: TorchOptimizer, frame: FrameType | None) -> str:
        name = self._names.get(optimizer)
        if name is None:
            name = self._networks.naming.optimizer(optimizer, frame)
            self._names.put(optimizer, name)
        return name

    def _owned(
        self, optimizer: TorchOptimizer, name: str
    ) -> tuple[list[Tensor], list[tuple[str, str]]]:
        """The parameters of an optimizer, and of each its network, if there is one, and name."""
        parameters = _parameters(optimizer)
        owners = [self._networks.owner_of(parameter) for parameter in parameters]
        if None in owners:
            self._networks.refresh()
            owners = [self._networks.owner_of(parameter) for parameter in parameters]
        return parameters, [owner or ("", f"{name}.{i}") for i, owner in enumerate(owners)]

    def _gradient(self, parameter: Tensor) -> Figures | None:
        assert self.tensors is not None
        gradient = parameter.grad
        return None if gradient is None else self.tensors.figures_of(gradient)

    def _notice_unseen(self, parameter: Tensor, name: str) -> None:
        known = self._sketches.get(parameter)
        if known is not None and known != weights.sketch(parameter):
            self.moved_unseen.add(name)

    def _memory(self, parameter: Tensor) -> Tensor:
        memory = self._before.get(parameter)
        if memory is None or not weights.alike(memory, parameter):
            memory = torch.empty_like(parameter.detach())
            self._before.put(parameter, memory)
        return memory


def _parameters(optimizer: TorchOptimizer) -> list[Tensor]:
    """Those that can be read, each once: torch only warns of one that is there twice."""
    every = {
        id(parameter): parameter
        for group in optimizer.param_groups
        for parameter in group["params"]
        if weights.is_readable(parameter)
    }
    return list(every.values())


def _learning_rates(optimizer: TorchOptimizer) -> tuple[float, ...]:
    rates = [group.get("lr") for group in optimizer.param_groups]
    # A rate on a device would have to be waited for.
    return tuple(
        float(rate)
        for rate in rates
        if isinstance(rate, int | float) or (isinstance(rate, Tensor) and rate.is_cpu)
    )


def _left_in(optimizer: TorchOptimizer) -> Number:
    factor = getattr(optimizer, "grad_scale", None)
    if not isinstance(factor, Tensor):
        return 1.0
    return float(factor) if factor.is_cpu else factor.detach().clone()


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
