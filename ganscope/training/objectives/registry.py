"""Every objective by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

from ganscope.errors import TargetError, nearest
from ganscope.training.objectives.objective import Objective

DEFAULT = "nonsaturating"

Kind = TypeVar("Kind", bound=type[Objective])
_objectives: dict[str, type[Objective]] = {}


def register(name: str, *, source: str) -> Callable[[Kind], Kind]:
    """Register the decorated class as the objective `name`.

    Args:
        name: The name a user types.
        source: The paper, with its equation.

    Raises:
        ValueError: Another objective has that name.
    """

    def decorate(kind: Kind) -> Kind:
        if name in _objectives:
            raise ValueError(f"there is already an objective named {name!r}")
        kind.name, kind.source = name, source
        _objectives[name] = kind
        return kind

    return decorate


def objective_names() -> tuple[str, ...]:
    """Every registered objective, in the order of registration: the default first."""
    return tuple(_objectives)


def find_objective(name: str) -> type[Objective]:
    """The objective called `name`.

    Raises:
        TargetError: There is none of that name.
    """
    if name not in _objectives:
        known = objective_names()
        raise TargetError(
            f"no objective is named '{name}'; there are {', '.join(known)}{nearest(name, known)}"
        )
    return _objectives[name]


def summary(objective: type[Objective]) -> str:
    """The first line of its description."""
    return (inspect.getdoc(objective) or "").partition("\n")[0]
