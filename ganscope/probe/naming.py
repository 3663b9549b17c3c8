"""The names of one recording: each network, loss and optimizer has one that no other has.

What a loop makes anew in every turn, under the same variable, is one thing to whoever reads the
recording: it is given the name of the one before, once that is dead.
"""

from __future__ import annotations

import weakref
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ganscope.probe import modules, names, sites, variables
from ganscope.probe.living import Living


@dataclass(frozen=True, slots=True)
class _Bearer:
    """Who has a name.

    Attributes:
        thing: It, as long as it lives.
        kind: Its class, and how large it is.
        place: Where it was named.
    """

    thing: weakref.ref[Any]
    kind: tuple[str, int]
    place: sites.Place | None

    def is_followed_by(self, other: _Bearer) -> bool:
        """Whether `other` is what a loop made in its stead."""
        return (
            self.thing() is None
            and self.kind == other.kind
            and self.place is not None
            and self.place == other.place
        )


_Bearers = dict[str, _Bearer]


class Naming:
    """Gives names.

    Networks come first: an optimizer that was named before a network may share its name.
    """

    def __init__(self) -> None:
        self._networks: _Bearers = {}
        self._optimizers: _Bearers = {}

    def network(self, module: nn.Module, frame: FrameType) -> str:
        """A name for a network whose call is running."""
        own = _Bearer(weakref.ref(module), _kind(module), sites.find(frame))
        others = _Others((self._networks,), own)
        wanted = variables.network_name(frame, module, others)
        return _give(self._networks, others, wanted)

    def forget(self, network: str) -> None:
        """No network has this name any longer."""
        self._networks.pop(network, None)

    def part(self, module: nn.Module, path: str) -> str:
        """A name for a network that stands at `path` in the module that holds it."""
        own = _Bearer(weakref.ref(module), _kind(module), None)
        return _give(self._networks, _Others((self._networks,), own), path.rpartition(".")[2])

    def loss(self, module: nn.Module, frame: FrameType) -> str:
        """A name for a loss whose call is running; its variable may be another's too."""
        own = _Bearer(weakref.ref(module), _kind(module), sites.find(frame))
        wanted = variables.network_name(frame, module, ())
        return _give(self._networks, _Others((self._networks,), own), wanted)

    def optimizer(self, optimizer: Optimizer, frame: FrameType | None) -> str:
        """A name for an optimizer whose step is running."""
        own = _bearer(optimizer, frame)
        others = _Others((self._networks, self._optimizers), own)
        wanted = variables.optimizer_name(frame, optimizer, others)
        return _give(self._optimizers, others, wanted)

    def free(self, wanted: str, besides: Container[str]) -> str:
        """`wanted`, or the first of its kin that neither a network nor an optimizer has."""
        return _first_free(wanted, (self._networks, self._optimizers, besides))

    def is_shared(self, name: str) -> bool:
        """Whether a network and an optimizer have it."""
        return name in self._networks and name in self._optimizers

    def take_back(self, optimizer: str) -> None:
        """An optimizer has this name no longer."""
        self._optimizers.pop(optimizer, None)


class Keys:
    """Numbers that tell optimizers apart: what a loop makes anew has that of the one before."""

    def __init__(self) -> None:
        self._known: Living[int] = Living()
        self._bearers: dict[tuple[Any, Any], dict[int, _Bearer]] = {}
        self._count = 0

    def key_of(self, optimizer: Optimizer, frame: FrameType | None) -> int:
        """The number of an optimizer whose step is running."""
        key = self._known.get(optimizer)
        if key is None:
            key = self._give(_bearer(optimizer, frame))
            self._known.put(optimizer, key)
        return key

    def _give(self, own: _Bearer) -> int:
        # In the order in which they came: several may step at one place, and all be made anew.
        alike = self._bearers.setdefault((own.kind, own.place), {})
        for key, each in alike.items():
            if each.is_followed_by(own):
                alike[key] = own
                return key
        key = self._count
        alike[key] = own
        self._count += 1
        return key


class _Others:
    """Names that others have: not one whose bearer `own` follows.

    Args:
        all: Every name that counts, and who has it.
        own: Who is to have one.
    """

    def __init__(self, all: Iterable[_Bearers], own: _Bearer) -> None:
        self._all = tuple(all)
        self.own = own

    def __contains__(self, name: object) -> bool:
        return any(
            isinstance(name, str) and name in each and not each[name].is_followed_by(self.own)
            for each in self._all
        )


def _give(bearers: _Bearers, others: _Others, wanted: str | None) -> str:
    name = _first_free(wanted or names.snake_case(others.own.kind[0]), (others,))
    bearers[name] = others.own
    return name


def _first_free(wanted: str, taken: Sequence[Container[str]]) -> str:
    name, count = wanted, 1
    while any(name in each for each in taken):
        count += 1
        name = f"{wanted}_{count}"
    return name


def _bearer(optimizer: Optimizer, frame: FrameType | None) -> _Bearer:
    kind = type(optimizer).__name__, len(optimizer.param_groups)
    return _Bearer(weakref.ref(optimizer), kind, sites.find(frame))


def _kind(module: nn.Module) -> tuple[str, int]:
    return type(module).__name__, modules.parameter_count(module)
