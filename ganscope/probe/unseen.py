"""Weights that move though no optimizer steps on them: averages of others, and updates by hand.

Nothing tells of such a change but the values: some of each weight's are looked at where a step
ends, and compared with those at the end of the step before.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganscope.probe import weights
from ganscope.probe.networks import Owner

_Values = NDArray[np.floating]

_WRAPPED = "module."

_AVERAGED = 1e-3
"""Largest part of an average's move that does not lead straight to what it follows."""


@dataclass(slots=True)
class _Looked:
    """Some values of one network's weights, now and at the end of the step before."""

    now: dict[str, _Values] = field(default_factory=dict)
    before: dict[str, _Values] = field(default_factory=dict)


class UnseenMoves:
    """Notices networks whose weights change by themselves."""

    def __init__(self) -> None:
        self.averages: dict[str, tuple[str, float]] = {}
        """Of a network that follows another: which one, and how much of itself it keeps."""
        self.by_hand: dict[str, None] = {}
        """Networks that were moved otherwise."""
        self._stepped: dict[int, weakref.ref[Tensor]] = {}
        self._looked: dict[str, _Looked] = {}

    def stepped(self, parameters: Iterable[Tensor]) -> None:
        """An optimizer steps on these: their moves are seen."""
        for parameter in parameters:
            key = id(parameter)
            if key not in self._stepped:
                self._stepped[key] = weakref.ref(parameter, partial(self._stepped.pop, key))

    def look(self, parameters: Sequence[tuple[Tensor, Owner]]) -> None:
        """A step has ended; `parameters` are those of all networks."""
        free = {network for _, (network, _) in parameters}
        free -= {network for parameter, (network, _) in parameters if self._is_stepped(parameter)}
        if not free:
            return
        sides = _sides(parameters)
        wanted = [sides[network] for network in free]
        sources = {network for network in sides.keys() - free if sides[network] in wanted}
        looked = {network: self._looked.get(network, _Looked()) for network in free | sources}
        for each in looked.values():
            each.before, each.now = each.now, {}
        for parameter, (network, name) in parameters:
            if network in looked:
                values = weights.sketch_of(parameter)
                if values is not None:
                    looked[network].now[_inside(name, network)] = values
        self._looked = looked
        for network in free:
            if _has_moved(looked[network]):
                self._explain(network, {each: looked[each] for each in sources})

    @property
    def notes(self) -> list[str]:
        """What is to be said of them, one sentence each."""
        return [
            *(_average(name, *followed) for name, followed in sorted(self.averages.items())),
            *(
                f"weights of {name} changed though no optimizer stepped on them (moved by hand?): "
                "those updates are not seen"
                for name in self.by_hand
            ),
        ]

    def forget(self) -> None:
        """Steps will go unrecorded: what is known of the weights gets old."""
        self._looked.clear()

    def _explain(self, network: str, sources: Mapping[str, _Looked]) -> None:
        own = self._looked[network]
        for source, other in sources.items():
            # It may have followed before or after what the other did in this step.
            for goal in (other.now, other.before):
                share = _share(own.before, own.now, goal)
                if share is not None:
                    self.averages[network] = source, 1.0 - share
                    return
        if network not in self.averages:
            self.by_hand[network] = None

    def _is_stepped(self, parameter: Tensor) -> bool:
        known = self._stepped.get(id(parameter))
        return known is not None and known() is parameter


def _inside(name: str, network: str) -> str:
    """The place of a parameter, without what ``AveragedModel`` puts around the network."""
    place = name.removeprefix(f"{network}.")
    while place.startswith(_WRAPPED):
        place = place.removeprefix(_WRAPPED)
    return place


def _average(name: str, source: str, kept: float) -> str:
    if kept < _AVERAGED:
        return f"{name} is a copy of {source}, renewed while that is trained"
    share = float(f"{1 - kept:.2g}")
    return f"{name} is an average of {source}: each step it keeps {1 - share:.6g} of itself"


def _sides(parameters: Sequence[tuple[Tensor, Owner]]) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of the parameters of each network."""
    sides: dict[str, list[tuple[int, ...]]] = {}
    for parameter, (network, _) in parameters:
        sides.setdefault(network, []).append(tuple(parameter.shape))
    return sides


def _has_moved(looked: _Looked) -> bool:
    """Whether anything changed by more than the rounding of a small step."""
    return any(
        name in looked.before
        and not np.array_equal(looked.before[name], values, equal_nan=True)
        and not _length(values - looked.before[name]) <= _rounding(values)
        for name, values in looked.now.items()
    )


def _share(
    before: Mapping[str, _Values], now: Mapping[str, _Values], goal: Mapping[str, _Values]
) -> float | None:
    """How much of its way to `goal` everything has gone, where it went straight there."""
    names = [name for name in now if name in before and name in goal]
    if len(names) < len(now):
        return None
    moved = np.concatenate([now[name] - before[name] for name in names], dtype=np.float64)
    way = np.concatenate([goal[name] - before[name] for name in names], dtype=np.float64)
    length = float(way @ way)
    if not 0.0 < length < np.inf:
        return None
    share = float(moved @ way) / length
    rounding = math.hypot(*(_rounding(now[name]) for name in names))
    left = _length(moved - share * way)
    straight = left <= _AVERAGED * _length(moved) + rounding and left <= 0.5 * _length(moved)
    return share if straight and 0.0 < share <= 1.0 + 1e-6 else None


def _length(values: _Values) -> float:
    return float(np.linalg.norm(values))


def _rounding(values: _Values) -> float:
    """How far values may be off that were computed in two operations."""
    return 2 * float(np.finfo(values.dtype).eps) * _length(values)
