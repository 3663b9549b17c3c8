"""The networks of somebody's training loop: found when they are first called, named as there."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.loss import _Loss

from ganscope.probe import composites, direct, modules, search
from ganscope.probe.buffers import BufferLog
from ganscope.probe.living import Living
from ganscope.probe.naming import Naming
from ganscope.traces import Network

Place = tuple[str, str]
"""Network and path."""

Owner = tuple[str, str]
"""Network and full name of a parameter."""


class Networks:
    """Every outermost called module that owns parameters, and the places inside it.

    Modules and parameters are held by weak references alone.
    """

    def __init__(self) -> None:
        self.naming = Naming()
        self.buffers = BufferLog()
        self._places: Living[Place] = Living()
        self._owners: Living[Owner] = Living()
        self._nouns: dict[str, Network] = {}
        self._roots: dict[str, weakref.ref[nn.Module]] = {}
        self._strays: set[Place] = set()
        """Of modules that are made on the fly, by the call around them and their class."""
        self._is_stale = False
        """Whether a network was seen with weights that are not its own."""
        self._fixed: set[str] = set()
        self._absorbed: dict[str, Place] = {}
        self._composites: Living[bool] = Living()
        self._whole: set[type] = set()
        """Classes of which one was found to be one network."""

    @property
    def nouns(self) -> tuple[Network, ...]:
        """The networks in the order in which they were first called."""
        return tuple(self._nouns.values())

    def place_of(self, module: nn.Module) -> Place | None:
        """Network and path of a module, or None for one that no network holds."""
        return self._places.get(module)

    def holds_networks(self, module: nn.Module, frame: FrameType) -> bool:
        """Whether `module`, called at `frame`, is no network itself, but holds some that are
        trained apart."""
        known = self._composites.get(module)
        if known is not None or not composites.may_be(module) or self.place_of(module) is not None:
            return bool(known)
        if type(module) in self._whole:
            return False
        parts = composites.networks_in(module, search.optimizers(frame))
        for path, part in parts.items():
            if self.place_of(part) is None:
                self._enter_part(part, path)
        if parts:
            self._composites.put(module, True)
        else:
            self._whole.add(type(module))  # a loop may make its like anew in every turn
        return bool(parts)

    def split(self, frame: FrameType) -> dict[str, dict[str, str]]:
        """Networks found since the last backward that turn out to hold networks, with the names of
        these by their places in it; they are told once.

        They were called before there were optimizers, as for a dry run; `frame` is where the
        engine is about to run.
        """
        found: dict[str, dict[str, str]] = {}
        loose = [(name, root()) for name, root in self._roots.items() if name not in self._fixed]
        for name, root in loose:
            if root is None or not composites.may_be(root):
                continue
            parts = composites.networks_in(root, search.optimizers(frame))
            if parts:
                self._forget(root, name)
                found[name] = {path: self._enter_part(part, path) for path, part in parts.items()}
                self._composites.put(root, True)
        return found

    def _forget(self, root: nn.Module, name: str) -> None:
        for part in root.modules():
            self._places.discard(part)
            self.buffers.discard(part)
        for parameter in root.parameters():
            self._owners.discard(parameter)
        del self._nouns[name], self._roots[name]
        self.naming.forget(name)
        self._whole.discard(type(root))

    def _enter_part(self, part: nn.Module, path: str) -> str:
        name = self.naming.part(part, path)
        self._enter(part, name, None)
        return name

    def adopt(self, module: nn.Module, inputs: tuple[Any, ...], frame: FrameType) -> Place | None:
        """Take an outermost module for a network, or for a loss; None passes it over.

        Args:
            module: Seen for the first time, without its wrappers.
            inputs: What it is called with.
            frame: Where torch calls its hooks.
        """
        if next(module.parameters(), None) is not None:
            owner = direct.owner_of(frame, module)
            if owner is not None:
                self._adopt_network(*owner)
                return self.place_of(module)
            return self._adopt_network(module, frame)
        if isinstance(module, _Loss) or any(map(_follows, inputs)):
            place = "", self.naming.loss(module, frame)
            self._places.put(module, place)
            return place
        return None

    def look_inside(self, module: nn.Module, around: Place) -> Place | None:
        """The place of a module that its network may have got since it was found.

        Args:
            module: Unknown so far; None if it was only made on the fly.
            around: The call in which it is called.
        """
        stray = around[1], type(module).__name__
        root = self._roots.get(around[0])
        inside = None if root is None or stray in self._strays else root()
        if inside is not None:
            self._survey(inside, around[0])
        place = self.place_of(module)
        if place is None:
            self._strays.add(stray)  # its like comes again, perhaps in every call
        return place

    def fix(self) -> None:
        """The networks so far keep their names: gradients are told by them from now on."""
        self._fixed.update(self._nouns)

    def take_absorbed(self) -> dict[str, Place]:
        """What were networks until they turned out to be parts of another one, with their places
        in it; each is told once."""
        absorbed, self._absorbed = self._absorbed, {}
        return absorbed

    def owner_of(self, parameter: Tensor) -> Owner | None:
        """Network and full name of a parameter, or None where no network owns it."""
        return self._owners.get(parameter)

    def parameter_name(self, parameter: Tensor) -> str:
        """The dotted name of a parameter, or ``a weight`` for one from elsewhere."""
        owner = self.owner_of(parameter)
        return "a weight" if owner is None else owner[1]

    def addresses(self) -> dict[int, str]:
        """Networks by the addresses at which their weights and buffers begin."""
        found: dict[int, str] = {}
        for name, root in self._roots.items():
            module = root()
            for part in () if module is None else module.modules():
                for tensor in (*part._parameters.values(), *part._buffers.values()):
                    try:
                        if tensor is not None and (address := tensor.data_ptr()):
                            found.setdefault(address, name)
                    except RuntimeError:  # not yet initialised, or without memory of its own
                        continue
        return found

    def refresh(self) -> None:
        """Look again for what networks got since they were found."""
        for name, root in self._roots.items():
            module = root()
            if module is not None:
                self._survey(module, name)

    def parameters(self) -> list[tuple[Tensor, Owner]]:
        """Every living parameter of every network."""
        if self._is_stale:
            self._is_stale = False
            self.refresh()
        return self._owners.items()

    def _adopt_network(self, module: nn.Module, frame: FrameType) -> Place:
        name = self.naming.network(module, frame)
        self._enter(module, name, modules.wrapper_around(frame, module))
        return self.place_of(module) or (name, name)

    def _enter(self, module: nn.Module, name: str, wrapper: str | None) -> None:
        self._nouns[name] = Network(name, type(module).__name__, "unknown", 0, wrapper)
        self._roots[name] = weakref.ref(module)
        self._survey(module, name, self._parts_in(module, name))

    def _parts_in(self, module: nn.Module, name: str) -> list[str]:
        """The networks found since the last backward that are parts of `module`.

        A part can be called by itself before the whole is: ``G(z, G.embed(labels))``.
        """
        held = {id(part) for part in module.modules()}
        roots = [(each, root()) for each, root in self._roots.items()]
        loose = [(each, root) for each, root in roots if each != name and each not in self._fixed]
        return [each for each, root in loose if root is not None and id(root) in held]

    def _survey(self, module: nn.Module, name: str, absorbed: Sequence[str] = ()) -> None:
        """Remember all that is in a network; what another one had before stays there.

        Args:
            module: The network.
            name: Its name.
            absorbed: Other networks that are parts of it.
        """
        own = {name, *absorbed}
        parts = list(module.named_modules())
        paths = modules.Paths(parts, name)
        for path, part in parts:
            place = paths.place_of(part)
            if place is not None and (self.place_of(part) or place)[0] in own:
                self._places.put(part, place)
                self.buffers.add(part, f"{name}.{path}" if path else name)
        for path, parameter in module.named_parameters():
            if not parameter.is_leaf:  # lent to it for one call, by ``functional_call``
                self._is_stale = True
                continue
            owner = name, f"{name}.{path}"
            if (self.owner_of(parameter) or owner)[0] in own:
                self._owners.put(parameter, owner)
        for other in absorbed:
            root = self._roots.pop(other)()
            self._absorbed[other] = self.place_of(root) or (name, name) if root else (name, name)
            del self._nouns[other]
            self.naming.forget(other)
        size = modules.parameter_count(module)
        self._nouns[name] = replace(self._nouns[name], parameters=size)


def _follows(value: object) -> bool:
    """Whether autograd follows `value`, or something directly inside it."""
    if isinstance(value, Tensor):
        return value.requires_grad
    return isinstance(value, list | tuple) and any(map(_follows, value))
