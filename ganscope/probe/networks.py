"""The networks of somebody's training loop: found when they are first called, named as there."""

from __future__ import annotations

import weakref
from types import FrameType
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.loss import _Loss

from ganscope.probe import direct, modules, names, variables
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
        # By id, which another object may get later: the reference tells.
        self._places: dict[int, tuple[weakref.ref[nn.Module], Place]] = {}
        self._owners: dict[int, tuple[weakref.ref[Tensor], Owner]] = {}
        self._nouns: dict[str, Network] = {}
        self._roots: dict[str, weakref.ref[nn.Module]] = {}
        self.taken: set[str] = set()
        """Names that stand for something already."""

    @property
    def nouns(self) -> tuple[Network, ...]:
        """The networks in the order in which they were first called."""
        return tuple(self._nouns.values())

    def place_of(self, module: nn.Module) -> Place | None:
        """Network and path of a module, or None for one that no network holds."""
        known = self._places.get(id(module))
        if known is None or known[0]() is not module:
            return None
        return known[1]

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
            name = self._unique(variables.network_name(frame, module, ()) or _class_name(module))
            self._remember(module, ("", name))
            return "", name
        return None

    def owner_of(self, parameter: Tensor) -> Owner | None:
        """Network and full name of a parameter, or None where no network owns it."""
        known = self._owners.get(id(parameter))
        if known is None or known[0]() is not parameter:
            return None
        return known[1]

    def parameter_name(self, parameter: Tensor) -> str:
        """The dotted name of a parameter, or ``a weight`` for one from elsewhere."""
        owner = self.owner_of(parameter)
        return "a weight" if owner is None else owner[1]

    def refresh(self) -> None:
        """Look again for parameters that were made since a network was found."""
        for name, root in self._roots.items():
            module = root()
            if module is not None:
                self._own(module, name)

    def parameters(self) -> list[tuple[Tensor, Owner]]:
        """Every living parameter of every network."""
        living = [(reference(), owner) for reference, owner in self._owners.values()]
        return [(parameter, owner) for parameter, owner in living if parameter is not None]

    def name_of(self, wanted: str) -> str:
        """A name for something else beside the networks, unlike every other."""
        return self._unique(wanted)

    def _adopt_network(self, module: nn.Module, frame: FrameType) -> Place:
        variable = variables.network_name(frame, module, self.taken)
        name = self._unique(variable or _class_name(module))
        parts = list(module.named_modules())
        wrapper = modules.wrapper_around(frame, module)
        paths = modules.Paths(parts, name)
        for _, part in parts:
            place = paths.place_of(part)
            if place is not None and self.place_of(part) is None:
                self._remember(part, place)
        self._own(module, name)
        self._roots[name] = weakref.ref(module)
        size = modules.parameter_count(module)
        self._nouns[name] = Network(name, type(module).__name__, "unknown", size, wrapper)
        return self.place_of(module) or (name, name)

    def _own(self, module: nn.Module, name: str) -> None:
        for path, parameter in module.named_parameters():
            if self.owner_of(parameter) is None:
                full = f"{name}.{path}"
                self._owners[id(parameter)] = (weakref.ref(parameter), (name, full))

    def _remember(self, module: nn.Module, place: Place) -> None:
        self._places[id(module)] = (weakref.ref(module), place)

    def _unique(self, name: str) -> str:
        wanted, count = name, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name


def _class_name(module: nn.Module) -> str:
    return names.snake_case(type(module).__name__)


def _follows(value: object) -> bool:
    """Whether autograd follows `value`, or something directly inside it."""
    if isinstance(value, Tensor):
        return value.requires_grad
    return isinstance(value, list | tuple) and any(map(_follows, value))
