"""What an optimizer did to the weights of one module.

Concluded from what it did to each parameter; of a module with several parameters that are not its
own, or with none that is its weight, the norms over all of them are taken together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ganscope.traces import ParameterUpdate

_MAIN = ("weight", "weight_orig", "weight_v", "original", "original1")
"""Last parts of the names of a module's main parameter, with and without a parametrization."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The parameters that stand for a row.

    Attributes:
        name: Of the one parameter that is shown; empty where several are taken together.
        count: How many parameters the row has in all.
        weight_norm: L2 norm before the update.
        gradient_norm: L2 norm of the gradient.
        update_norm: L2 norm of the change.
        ratio: Change over weight.
        nonfinite: NaN and infinite values in the gradients.
    """

    name: str
    count: int
    weight_norm: float | None
    gradient_norm: float | None
    update_norm: float | None
    ratio: float | None
    nonfinite: int


def weights_of(path: str, parameters: Sequence[ParameterUpdate]) -> Weights | None:
    """The weight of a module, or the norms over all parameters where there is no one weight.

    Args:
        path: Of the module.
        parameters: All those that belong to its row.
    """
    if not parameters:
        return None
    main = _main(path, parameters)
    if main is not None:
        gradient = main.gradient.norm if main.gradient else None
        figures = main.weight_norm, gradient, main.update_norm, main.update_ratio
        return Weights(main.name, len(parameters), *figures, _nonfinite(parameters))
    weight = together(one.weight_norm for one in parameters)
    update = together(one.update_norm for one in parameters)
    gradient = together(one.gradient.norm for one in parameters if one.gradient is not None)
    ratio = update / weight if update is not None and weight else None
    return Weights("", len(parameters), weight, gradient, update, ratio, _nonfinite(parameters))


def _main(path: str, parameters: Sequence[ParameterUpdate]) -> ParameterUpdate | None:
    if len(parameters) == 1:
        return parameters[0]
    direct = [one for one in parameters if _is_direct(path, one.name)]
    if len(direct) < len(parameters):
        return None
    named = [one for one in parameters if one.name.rpartition(".")[2] in _MAIN]
    return named[0] if len(named) == 1 else None


def _is_direct(path: str, name: str) -> bool:
    rest = name.removeprefix(f"{path}.")
    return "." not in rest or rest.startswith("parametrizations.")


def together(norms: Iterable[float | None]) -> float | None:
    """The L2 norm of several vectors as one; None where any is not known, or none is there."""
    known = list(norms)
    if not known or None in known:
        return None
    return math.hypot(*(norm for norm in known if norm is not None))


def _nonfinite(parameters: Sequence[ParameterUpdate]) -> int:
    return sum(one.gradient.nonfinite for one in parameters if one.gradient is not None)
