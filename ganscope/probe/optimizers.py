"""Every optimizer that is known: its name, its settings and what it holds.

One is known from its construction, its first ``zero_grad`` or its first step on. Its name is read
where it steps; one that never does is called by the variable that it was made for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from types import CodeType, FrameType
from typing import Any

from torch import Tensor
from torch.optim import Optimizer as TorchOptimizer

from ganscope.probe import names, sites, variables
from ganscope.probe.living import Living
from ganscope.probe.naming import Keys
from ganscope.probe.networks import Networks, Owner
from ganscope.probe.search import is_telling
from ganscope.traces import Optimizer

Held = Sequence[tuple[Tensor, Owner]]
"""The parameters of an optimizer with their networks, ``""`` for none, and full names."""

_Entry = tuple[str, sites.Place | None, tuple[str, ...]]


@dataclass(slots=True)
class _Seen:
    """What is known of one that lives.

    Attributes:
        wanted: What its variable is called.
        place: Where it was made, or cleared gradients first.
        key: See `OptimizerLog.key_of`; None until it has stepped.
        entry: Under which its facts stand while no recorded step has named it.
        networks: How many networks were known when they were taken.
    """

    wanted: str | None
    place: sites.Place | None
    key: int | None = None
    entry: _Entry | None = None
    networks: int = -1


class OptimizerLog:
    """Knows optimizers, by weak references alone.

    Args:
        networks: Who owns which parameter.
    """

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._keys = Keys()
        self._names: Living[str] = Living()
        self._seen: Living[_Seen] = Living()
        self._inner: Living[bool] = Living()
        self._stepped: Counter[int] = Counter()
        """How often they have stepped, by their keys."""
        self._named: dict[str, tuple[Optimizer, int]] = {}
        """Those that stepped while it was recorded, with their keys."""
        self._unnamed: dict[_Entry, tuple[Optimizer, int | None]] = {}

    # -- what is told of ---------------------------------------------------------------------

    def made(self, optimizer: TorchOptimizer, frame: FrameType) -> None:
        """It is being made."""
        users = _outside(frame, type(optimizer))
        point = None if users is None else (users.f_code, users.f_lasti)
        assigned = None if point is None else names.assigned_at(point)
        wanted = None if assigned is None else assigned[0]
        self._seen.put(optimizer, _Seen(wanted, sites.find(users)))

    def cleared(self, optimizer: TorchOptimizer, frame: FrameType) -> None:
        """It has cleared its gradients."""
        self._met(optimizer, frame)

    def stepped(self, optimizer: TorchOptimizer, frame: FrameType | None) -> None:
        """It has stepped, recorded or not."""
        key = self.key_of(optimizer, frame)
        self._stepped[key] += 1
        self._met(optimizer, frame).key = key

    def stepped_inside(self, optimizer: TorchOptimizer) -> None:
        """It has stepped inside another one's step, which counts in its place."""
        self._inner.put(optimizer, True)
        seen = self._seen.get(optimizer)
        if seen is not None and seen.entry is not None:
            self._unnamed.pop(seen.entry, None)

    def take(self, *, ended: bool = False) -> None:
        """Take the facts of those that no recorded step has named, while they live.

        Args:
            ended: Whether the recording has: all are looked at again, not the new ones alone.
        """
        networks = len(self._networks.nouns)
        for optimizer, seen in self._seen.items():
            is_known = seen.networks == networks and not ended
            if is_known or self._names.get(optimizer) is not None:
                continue
            if self._inner.get(optimizer) is None:
                self._take(optimizer, seen)
                seen.networks = networks

    @property
    def nouns(self) -> tuple[Optimizer, ...]:
        """All that were known so far, also those that are gone; see `Trace.optimizers`."""
        found: dict[str, Optimizer] = {}
        for name, (noun, key) in self._named.items():
            found[name] = replace(noun, steps=self._stepped[key])
        for noun, own in self._unnamed.values():
            name = self._networks.naming.free(noun.name, found)
            steps = 0 if own is None else self._stepped[own]
            found[name] = replace(noun, name=name, steps=steps)
        return tuple(found.values())

    # -- where one steps ---------------------------------------------------------------------

    def key_of(self, optimizer: TorchOptimizer, frame: FrameType | None) -> int:
        """A number that stays with this optimizer; its name is read at a step that is recorded."""
        return self._keys.key_of(optimizer, frame)

    def named(self, optimizer: TorchOptimizer, frame: FrameType | None) -> str:
        """Its name, read where it steps for the first time."""
        name = self._names.get(optimizer)
        if name is None:
            name = self._networks.naming.optimizer(optimizer, frame)
            self._names.put(optimizer, name)
            seen = self._seen.get(optimizer)
            if seen is not None and seen.entry is not None:
                self._unnamed.pop(seen.entry, None)
        return name

    def renamed(self, optimizer: TorchOptimizer, frame: FrameType | None) -> str:
        """Its name once its step has run: networks called inside come first."""
        name, naming = self.named(optimizer, frame), self._networks.naming
        if naming.is_shared(name):
            naming.take_back(name)
            self._named.pop(name, None)
            self._names.put(optimizer, naming.optimizer(optimizer, frame))
        return self.named(optimizer, frame)

    def held(self, optimizer: TorchOptimizer, name: str, *, search: bool = True) -> Held:
        """Its parameters, each once, with their names.

        Args:
            optimizer: It.
            name: Its own name, for parameters of no network.
            search: Whether to look again for what networks got since they were found.
        """
        parameters, networks = parameters_of(optimizer), self._networks
        owners = list(map(networks.owner_of, parameters))
        if search and None in owners:
            networks.refresh()
            owners = list(map(networks.owner_of, parameters))
        named = [owner or ("", f"{name}.{place}") for place, owner in enumerate(owners)]
        return list(zip(parameters, named, strict=True))

    def noun(self, optimizer: TorchOptimizer, name: str, held: Held) -> Optimizer:
        """It as it is now, about to step."""
        found = _noun(optimizer, name, held)
        self._named[name] = found, self.key_of(optimizer, None)
        return found

    def _met(self, optimizer: TorchOptimizer, frame: FrameType | None) -> _Seen:
        """It is at work, perhaps for the first time that is told of."""
        seen = self._seen.get(optimizer)
        if seen is None:
            seen = _Seen(None, sites.find(frame))
            self._seen.put(optimizer, seen)
            if self._names.get(optimizer) is None:
                seen.wanted = variables.optimizer_name(frame, optimizer, ())
        return seen

    def _take(self, optimizer: TorchOptimizer, seen: _Seen) -> None:
        wanted = seen.wanted if seen.wanted and is_telling(seen.wanted) else None
        name = wanted or names.snake_case(type(optimizer).__name__)
        held = self.held(optimizer, name, search=False)
        if not held:
            return  # it could not be made
        if seen.entry is not None:
            self._unnamed.pop(seen.entry, None)
        noun = _noun(optimizer, name, held)
        # What a loop makes anew in every turn is one.
        seen.entry = noun.type, seen.place, noun.holds
        self._unnamed[seen.entry] = noun, seen.key


def parameters_of(optimizer: TorchOptimizer) -> list[Tensor]:
    """All that it holds, each once: torch only warns of one that is there twice."""
    groups = getattr(optimizer, "param_groups", ())
    return list({id(each): each for group in groups for each in group["params"]}.values())


def _noun(optimizer: TorchOptimizer, name: str, held: Held) -> Optimizer:
    groups = optimizer.param_groups
    betas = [_numbers(group["betas"]) for group in groups if "betas" in group]
    return Optimizer(
        name=name,
        type=type(optimizer).__name__,
        learning_rates=_numbers([group.get("lr") for group in groups]),
        betas=tuple([each for each in betas if each]),
        momentum=_numbers([group.get("momentum") for group in groups]),
        weight_decay=_numbers([group.get("weight_decay") for group in groups]),
        holds=tuple([full for _, (_, full) in held]),
    )


def _numbers(values: Any) -> tuple[float, ...]:
    """Those that are numbers; one on a device would have to be waited for."""
    if not isinstance(values, Iterable) or isinstance(values, Tensor):
        return ()
    return tuple(
        [
            float(value)
            for value in values
            if isinstance(value, Real)
            or (isinstance(value, Tensor) and value.is_cpu and value.numel() == 1)
        ]
    )


def _outside(frame: FrameType | None, kind: type) -> FrameType | None:
    """Where the user's code makes an optimizer: not inside its own class, or one below that."""
    own = _initialisers(kind)
    users = sites.user_frame(frame)
    while users is not None and users.f_code in own:
        users = sites.user_frame(users.f_back)
    return users


def _initialisers(kind: type) -> Container[CodeType]:
    found = [getattr(vars(each).get("__init__"), "__code__", None) for each in kind.__mro__]
    return [each for each in found if each is not None]
