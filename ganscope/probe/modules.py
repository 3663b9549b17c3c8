"""What kind of module stands before the observer: its path, what its inside shows."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from ganscope import locations
from ganscope.probe import sites
from ganscope.probe.plain import plain_data

_FUSED = (nn.TransformerEncoderLayer, nn.TransformerEncoder, nn.MultiheadAttention)
_WITH_STATISTICS = (nn.modules.batchnorm._NormBase,)
_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def optimized_module() -> Any:
    """The class of what ``torch.compile(model)`` returns; None where nothing was compiled."""
    # Where dynamo was never imported nothing is compiled, and importing it takes a second.
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    return None if dynamo is None else dynamo.OptimizedModule


def is_compiled(module: nn.Module) -> bool:
    """Whether `module` is what ``torch.compile(model)`` returns."""
    compiled = optimized_module()
    return compiled is not None and isinstance(module, compiled)


def unwrap(module: nn.Module) -> tuple[nn.Module, str | None]:
    """The network inside a wrapper, and the outermost wrapper's name if there is one."""
    wrapper = None
    while True:
        if is_compiled(module):
            wrapper, module = wrapper or "compiled", module._orig_mod  # type: ignore[assignment]
        elif isinstance(module, _WRAPPERS):
            wrapper, module = wrapper or type(module).__name__, module.module
        else:
            return module, wrapper


def wrapper_around(frame: FrameType, module: nn.Module) -> str | None:
    """The name of the wrapper whose forward is on its way to call `module`, if there is one."""
    current: FrameType | None = frame
    while current is not None and _is_between(current.f_code.co_filename):
        # torch's own frames and ours, which end with the call: reading their locals keeps nothing.
        around = current.f_locals.get("self")
        if isinstance(around, nn.Module) and around is not module:
            inner, wrapper = unwrap(around)
            if inner is module:
                return wrapper
        current = current.f_back
    return None


def _is_between(file: str) -> bool:
    """Whether code in `file` may stand between a wrapper's forward and the module it calls."""
    return sites.is_torchs(file) or locations.room_of(file) == "probe"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a module's class tells of it.

    Attributes:
        name: The class's name.
        transparent: A wrapper: its call is only the call of the network inside.
        parametrization: It recomputes a weight (spectral norm and its kin).
        from_torch: torch itself defines it.
        changes_buffers: Its kernel updates running statistics, which bumps no version.
        container: It only runs its parts one after another.
        fused: In eval mode it runs another kernel when a function mode is about.
        opaque_note: Why its inside cannot be seen, or None where it can.
        wrapper_attribute: Where a wrapper holds its network; None for others.
    """

    name: str
    transparent: bool
    parametrization: bool
    from_torch: bool
    changes_buffers: bool
    container: bool
    fused: bool
    opaque_note: str | None
    wrapper_attribute: str | None


# Weak, since a parametrized module's class is its own and should go with it.
_traits: weakref.WeakKeyDictionary[type, Traits] = weakref.WeakKeyDictionary()


def _wrapper_attribute(module: nn.Module) -> str | None:
    if is_compiled(module):
        return "_orig_mod"
    return "module" if isinstance(module, _WRAPPERS) else None


def traits(module: nn.Module) -> Traits:
    """The traits of the module's class, looked up once per class."""
    kind = type(module)
    known = _traits.get(kind)
    if known is None:
        note = None
        if is_compiled(module):
            note = "compiled: one opaque call, its inside was not seen"
        elif isinstance(module, torch.jit.ScriptModule):
            note = "scripted: one opaque call, its inside was not seen"
        known = _traits[kind] = Traits(
            kind.__name__,
            isinstance(module, _WRAPPERS),
            isinstance(module, ParametrizationList),
            kind.__module__.startswith("torch."),
            isinstance(module, _WITH_STATISTICS),
            kind is nn.Sequential,
            isinstance(module, _FUSED),
            note,
            _wrapper_attribute(module),
        )
    return known


def has_parts(module: nn.Module) -> bool:
    """Whether it has children other than parametrizations of its own weights."""
    children = module._modules
    return len(children) > ("parametrizations" in children)


def parameter_count(module: nn.Module) -> int:
    """Number of parameters of the module and all inside it, shared ones once.

    Reads the registries themselves: a parametrized weight would run a power iteration.
    """
    if not module._modules:
        return sum([_size(own) for own in module._parameters.values() if own is not None])
    # By id: what is met is kept alive by `module`.
    own = {
        id(parameter): parameter
        for part in module.modules()
        for parameter in part._parameters.values()
        if parameter is not None
    }
    return sum([_size(parameter) for parameter in own.values()])


def frozen_of(module: nn.Module) -> int:
    """Number of the module's own parameters, without those of its parts, that are frozen."""
    frozen = 0
    for parameter in module._parameters.values():
        if parameter is not None and not parameter.requires_grad:
            frozen += _size(parameter)
    return frozen


Parts = Sequence[tuple[str, nn.Module]]
"""Every module of a network with its path, the network itself first, each once."""


def is_lazy(parts: Parts) -> bool:
    """Whether some weight is made only by a first call."""
    return any(
        type(tensor) in _UNINITIALIZED
        for _, part in parts
        for tensors in (part._parameters, part._buffers)
        for tensor in tensors.values()
    )


def mode_of(parts: Parts) -> str:
    """``train`` or ``eval``, or ``mixed`` where the parts differ."""
    flags = {part.training for _, part in parts}
    return "mixed" if len(flags) > 1 else "train" if flags.pop() else "eval"


_UNINITIALIZED = (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)


def _size(parameter: Tensor) -> int:
    return 0 if type(parameter) in _UNINITIALIZED else parameter.numel()


def settings(module: nn.Module) -> str:
    """The module's own description of its settings; empty where it fails to give one."""
    try:
        return " ".join(module.extra_repr().split())
    except Exception:
        return ""


def constants(module: nn.Module) -> dict[str, Any]:
    """The module's settings as data: its public attributes that are plain values.

    Read from its ``__dict__`` alone, so that no property of somebody's class runs.
    """
    found = {}
    for name, value in vars(module).items():
        if name[0] != "_" and name != "training" and isinstance(value, _PLAIN_SETTINGS):
            settled = plain_data(value)
            if settled is not None or value is None:
                found[name] = settled
    return found


_PLAIN_SETTINGS = (bool, int, float, str, tuple, list, type(None))


def _without_wrappers(path: str, parts: Parts) -> str:
    """`path` without the attribute in which a wrapper on the way holds its network."""
    by_path = dict(parts)
    kept, walked = [], ""
    for name in path.split(".") if path else ():
        around = by_path.get(walked)
        if around is None or traits(around).wrapper_attribute != name:
            kept.append(name)
        walked = f"{walked}.{name}" if walked else name
    return ".".join(kept)


class Paths:
    """The path of each module in its network.

    Args:
        parts: The network's modules with their paths inside it.
        name: The network's name.
    """

    def __init__(self, parts: Parts, name: str) -> None:
        self.name = name
        # Keyed by id: `parts` keeps every module in here alive for as long as this lives.
        self._parts = parts
        if any(traits(part).wrapper_attribute for _, part in parts):
            parts = [(_without_wrappers(path, parts), part) for path, part in parts]
        self._paths = {id(part): f"{name}.{path}" if path else name for path, part in parts}

    def parameter_name(self, parameter: Tensor) -> str:
        """The dotted name of a parameter, or ``a weight`` for one from elsewhere."""
        for path, part in self._parts:
            for name, own in part._parameters.items():
                if own is parameter:
                    return f"{path}.{name}" if path else name
        return "a weight"

    def place_of(self, module: nn.Module) -> tuple[str, str] | None:
        """Network and path, or None for a module that the network does not hold."""
        path = self._paths.get(id(module))
        return None if path is None else (self.name, path)

    def adopt(self, module: nn.Module, _inputs: object, _frame: object) -> tuple[str, str]:
        """A place for a module that was made on the fly."""
        return self.name, f"{self.name}/{type(module).__name__}"

    def take_absorbed(self) -> dict[str, tuple[str, str]]:
        """None: there is one network."""
        return {}

    def holds_networks(self, _module: object, _frame: object) -> bool:
        """False: what is traced is the network."""
        return False

    def look_inside(self, _module: object, _around: object) -> None:
        """None: during the one forward that this tells of, a network does not grow."""
