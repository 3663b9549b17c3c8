"""Everything that a forward changes beside its output, kept and put back.

Kept: buffers (BatchNorm's running statistics, spectral norm's vectors), train and eval flags,
attributes that a forward binds anew (old-style weight and spectral norm write `weight` on each
call), and the random state of torch, of every device in use, of Python and of numpy. Weights
are not copied; that a forward changed one is noticed by its version and said.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganscope.probe.modules import Parts, traits

_HAS_MPS = torch.backends.mps.is_available()
_cuda_in_use: Callable[[], bool] = torch.cuda.is_initialized


class RandomState:
    """The state of every random number generator that a forward may draw from.

    Args:
        parts: The modules that will run. Where torch's own and the built-in ones are all there
            is, only torch's generators are kept: they draw from no other.
    """

    def __init__(self, parts: Parts) -> None:
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else None
        self._mps = torch.mps.get_rng_state() if _HAS_MPS else None
        foreign = any(
            part._forward_hooks or part._forward_pre_hooks or not traits(part).draws_from_torch
            for _, part in parts
        )
        self._python = random.getstate() if foreign else None
        self._numpy = np.random.get_state() if foreign else None

    def restore(self) -> None:
        """Put every generator back."""
        torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state_all(self._cuda)
        if self._mps is not None:
            torch.mps.set_rng_state(self._mps)
        if self._python is not None:
            random.setstate(self._python)
        if self._numpy is not None:
            np.random.set_state(self._numpy)


class ModelState:
    """What a forward may change on a model.

    Args:
        parts: Its modules with their paths.
    """

    def __init__(self, parts: Parts) -> None:
        self._flags = [(part, part.training) for _, part in parts]
        self._parts: list[_PartState] = []
        self._contents: list[tuple[Tensor, Tensor]] = []
        self._versions: list[tuple[str, Tensor, int]] = []
        kept: set[int] = set()
        for path, part in parts:
            if not _is_plain(part):
                self._parts.append(_PartState(part))
                self._keep(vars(part).values(), kept)
            if part._buffers:
                self._keep(part._buffers.values(), kept)
            for name, parameter in part._parameters.items():
                version = _version(parameter)
                if parameter is not None and version is not None:
                    full = f"{path}.{name}" if path else name
                    self._versions.append((full, parameter, version))

    def _keep(self, values: Iterable[Any], kept: set[int]) -> None:
        """Copy the tensors among `values`, each once.

        One with a graph behind it was computed from weights, and the forward binds it anew.
        """
        for value in values:
            if type(value) is Tensor and id(value) not in kept and value.grad_fn is None:
                kept.add(id(value))
                self._contents.append((value, value.detach().clone()))

    def restore(self) -> list[str]:
        """Put all back; returns notes about what was changed for good."""
        for part in self._parts:
            part.restore()
        for module, training in self._flags:
            if module.training is not training:
                module.training = training
        for tensor, content in self._contents:
            with torch.inference_mode(tensor.is_inference()):
                # Through `.data`: a graph that was built before must not see a new version.
                tensor.data.copy_(content)
        return [
            f"the forward changed the parameter {name} in place; that change stays"
            for name, parameter, version in self._versions
            if _version(parameter) != version
        ]


def _version(parameter: Tensor | None) -> int | None:
    """How often it was changed in place; None for what keeps no count."""
    if parameter is None:
        return None
    try:
        return parameter._version
    except (RuntimeError, ValueError):  # an inference tensor, an uninitialised one
        return None


def _is_plain(module: nn.Module) -> bool:
    """Whether it is one of torch's own layers, whose forward binds no attribute anew."""
    hooked = module._forward_pre_hooks or module._forward_hooks
    return traits(module).rebinds_nothing and not hooked


class _PartState:
    """Attributes, registries and generators of one module: which objects they were."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.attributes = dict(vars(module))
        self.registries = [
            (registry, dict(registry))
            for registry in (module._buffers, module._parameters, module._modules)
            if isinstance(registry, dict)
        ]
        self.generators = [
            (value, value.get_state())
            for value in self.attributes.values()
            if type(value) is torch.Generator
        ]

    def restore(self) -> None:
        for live, kept in [(vars(self.module), self.attributes), *self.registries]:
            if len(live) != len(kept) or any(live.get(key) is not kept[key] for key in kept):
                live.clear()
                live.update(kept)
        for generator, state in self.generators:
            generator.set_state(state)
