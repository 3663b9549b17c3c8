"""Everything that a forward changes beside its output, kept and put back.

Kept: buffers (BatchNorm's running statistics, spectral norm's vectors), train and eval flags,
attributes that a forward binds anew (old-style weight and spectral norm write `weight` on each
call), and the random state of torch, of every device in use, of Python and of numpy. Weights
are not copied; that a forward changed one is noticed by its version and said.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganscope.probe.modules import Parts, traits

_HAS_MPS = torch.backends.mps.is_available()
_cuda_in_use: Callable[[], bool] = torch.cuda.is_initialized


class RandomState:
    """The state of every random number generator that a forward may draw from."""

    def __init__(self) -> None:
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else None
        self._mps = torch.mps.get_rng_state() if _HAS_MPS else None
        self._python = random.getstate()
        self._numpy = np.random.get_state()

    def restore(self) -> None:
        """Put every generator back."""
        torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state_all(self._cuda)
        if self._mps is not None:
            torch.mps.set_rng_state(self._mps)
        random.setstate(self._python)
        np.random.set_state(self._numpy)


class ModelState:
    """What a forward may change on a model.

    Args:
        parts: Its modules with their paths.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts: list[_PartState] = []
        self._contents: list[tuple[Tensor, Tensor]] = []
        self._parameters: list[tuple[str, str, Tensor, int, bool]] = []
        kept: set[int] = set()
        for path, part in parts:
            self._parts.append(_PartState(part))
            if not traits(part).from_torch:
                self._keep(vars(part).values(), kept)
            if part._buffers:
                self._keep(part._buffers.values(), kept)
            for name, parameter in part._parameters.items():
                version = _version(parameter)
                if parameter is not None and version is not None:
                    follows = parameter.requires_grad
                    self._parameters.append((path, name, parameter, version, follows))

    def _keep(self, values: Iterable[Any], kept: set[int]) -> None:
        """Copy the tensors among `values`, each once.

        One with a graph behind it was computed from weights, and the forward binds it anew.
        """
        for value in values:
            if type(value) is Tensor and id(value) not in kept and value.grad_fn is None:
                kept.add(id(value))
                self._contents.append((value, value.detach().clone()))

    def restore(self) -> tuple[list[str], list[str]]:
        """Put all back; returns what was lost, and which weights the forward changed for good."""
        lost: list[str] = []
        for part in self._parts:
            _guarded(part.restore, lost)
        for tensor, content in self._contents:
            _guarded(partial(_put_back, tensor, content), lost)
        changed: list[str] = []
        for path, name, parameter, version, follows in self._parameters:
            if parameter.requires_grad is not follows:
                parameter.requires_grad_(follows)
            if _version(parameter) != version:
                full = f"{path}.{name}" if path else name
                changed.append(
                    f"the forward changed the parameter {full} in place; that change stays"
                )
        return lost, changed


def _guarded(put_back: Callable[[], object], lost: list[str]) -> None:
    """Put one thing back; what fails is said, and the others are put back all the same."""
    try:
        put_back()
    except Exception as fault:
        lost.append(f"something could not be put back: {type(fault).__name__}: {fault}")


def _version(parameter: Tensor | None) -> int | None:
    """How often it was changed in place; None for what keeps no count."""
    if parameter is None:
        return None
    try:
        return parameter._version
    except (RuntimeError, ValueError):  # an inference tensor, an uninitialised one
        return None


def _put_back(tensor: Tensor, content: Tensor) -> None:
    # Through `.data`: a graph that was built before must not see a new version.
    if tensor.shape != content.shape or tensor.dtype != content.dtype:
        tensor.data = content  # resized, or given other memory
    elif 0 not in tensor.stride():  # else one value stands for many, and none can be written
        with torch.inference_mode(tensor.is_inference()):
            tensor.data.copy_(content)


_Registry = dict[str, Any]


class _PartState:
    """Attributes, registries and what they hold that can change in place, of one module."""

    __slots__ = ("_attributes", "_kept", "_others", "_registries")

    def __init__(self, module: nn.Module) -> None:
        attributes = module.__dict__
        self._attributes = attributes
        self._kept = attributes.copy()
        # An empty registry is most common, and needs no copy.
        self._registries: list[tuple[_Registry, _Registry | None]] = [
            (registry, registry.copy() if registry else None)
            for registry in (module._buffers, module._parameters, module._modules)
            if isinstance(registry, dict)  # a scripted module's are something else
        ]
        self._others: list[Callable[[], object]] = []
        if not traits(module).from_torch:
            for value in attributes.values():
                keep = _KEEPERS.get(type(value))
                if keep is not None:
                    self._others.append(keep(value))

    def restore(self) -> None:
        """Put everything back that the forward has changed."""
        _restore(self._attributes, self._kept)
        for live, kept in self._registries:
            if live or kept:
                _restore(live, kept or {})
        for put_back in self._others:
            put_back()


def _restore(live: _Registry, kept: _Registry) -> None:
    if not _same(live, kept):
        live.clear()
        live.update(kept)


def _same(live: dict[str, Any], kept: dict[str, Any]) -> bool:
    """Whether nothing was bound anew; objects that are the same are never compared."""
    try:
        return live == kept
    except Exception:  # two tensors, which have no single answer: so bound anew
        return False


def _keep_list(value: list[Any]) -> Callable[[], object]:
    kept = list(value)
    return lambda: value.__setitem__(slice(None), kept)


def _keep_collection(value: Any) -> Callable[[], object]:
    kept = value.copy()
    return lambda: (value.clear(), value.update(kept))


def _keep_array(value: np.ndarray[Any, Any]) -> Callable[[], object]:
    kept = value.copy()
    return lambda: np.copyto(value, kept)


def _keep_generator(value: torch.Generator) -> Callable[[], object]:
    kept = value.get_state()
    return lambda: value.set_state(kept)


def _keep_python_random(value: random.Random) -> Callable[[], object]:
    kept = value.getstate()
    return lambda: value.setstate(kept)


def _keep_numpy_random(value: np.random.Generator) -> Callable[[], object]:
    kept = value.bit_generator.state
    return lambda: setattr(value.bit_generator, "state", kept)


_KEEPERS: dict[type, Callable[[Any], Callable[[], object]]] = {
    list: _keep_list,
    dict: _keep_collection,
    set: _keep_collection,
    np.ndarray: _keep_array,
    torch.Generator: _keep_generator,
    random.Random: _keep_python_random,
    np.random.Generator: _keep_numpy_random,
}
"""How an attribute of a user's module that can change in place is kept and put back."""
