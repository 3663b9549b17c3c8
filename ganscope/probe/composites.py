"""Modules that only hold networks together, such as a class with a generator and a discriminator.

What is trained apart is a network of its own: the optimizers tell, each by the parameters it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn
from torch.optim import Optimizer

from ganscope.probe import modules

_Owners = dict[int, frozenset[int]]
"""Which optimizers have a parameter, by the parameter's id."""

_MOST = 8
"""More parts than these are layers, not networks."""


def networks_in(module: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, nn.Module]:
    """The networks that `module` holds together, by their place in it.

    Args:
        module: What was called.
        optimizers: All that there are.

    Returns:
        None of them where `module` is one network: one optimizer trains it, or several train
        layers of it. Single layers count as networks beside at least two that are more.
    """
    owners = _owners(optimizers)
    if len(_trainers(module, owners)) < 2:
        return {}
    parts: dict[str, nn.Module] = {}
    waiting = list(reversed(_children("", module)))
    while waiting:
        path, part = waiting.pop()
        if len(_trainers(part, owners)) < 2:
            parts[path] = part
        elif any(each is not None for each in part._parameters.values()):
            return {}
        else:
            waiting += reversed(_children(f"{path}.", part))
    own = any(each is not None for each in module._parameters.values())
    whole = (_trainers(part, owners) for part in parts.values() if _is_whole(part))
    apart = {frozenset(each) for each in whole if each}
    return {} if own or len(parts) > _MOST or len(apart) < 2 else parts


def may_be(module: nn.Module) -> bool:
    """Whether `module` can hold networks together at all: several parts that have layers."""
    children = [child for _, child in _children("", module)]
    while len(children) == 1:  # a list or a dictionary of them
        children = [child for _, child in _children("", children[0])]
    return sum(map(_is_whole, children)) > 1


def _is_whole(part: nn.Module) -> bool:
    return modules.has_parts(part)


def _children(prefix: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules directly inside that have parameters."""
    return [
        (f"{prefix}{name}", child)
        for name, child in module.named_children()
        if next(child.parameters(), None) is not None
    ]


def _owners(optimizers: Iterable[Optimizer]) -> _Owners:
    owners: dict[int, frozenset[int]] = {}
    for number, optimizer in enumerate(optimizers):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                owners[id(parameter)] = owners.get(id(parameter), frozenset()) | {number}
    return owners


def _trainers(module: nn.Module, owners: _Owners) -> set[frozenset[int]]:
    """The different sets of optimizers that train parts of `module`."""
    found = (owners.get(id(parameter)) for parameter in module.parameters())
    return {each for each in found if each}
