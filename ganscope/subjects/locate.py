"""From what the user names to a live module: a built-in network, a file's class, an instance."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ganscope import zoo
from ganscope.errors import TargetError, nearest
from ganscope.probe.names import snake_case
from ganscope.subjects import syntax, user_code

NETWORKS = ("generator", "discriminator")
_MOST_LISTED = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """A live network.

    Attributes:
        module: The network.
        name: What to call it.
        role: ``generator``, ``discriminator`` or ``unknown``.
        gan: The built-in GAN that it belongs to, or None for a user's own.
    """

    module: nn.Module
    name: str
    role: str
    gan: zoo.GAN | None = None


def locate(target: str, *, model: str, arguments: Mapping[str, object], seed: int) -> Subject:
    """The network that `target` names, its fresh weights drawn from `seed`.

    Args:
        target: ``generator`` or ``discriminator`` (of the built-in `model`),
            ``FILE.py:Name`` or ``package.module:Name``.
        model: Name of the built-in GAN.
        arguments: For the constructor, as strings from the command line.
        seed: Seeds torch's random numbers while the network is made.

    Raises:
        TargetError: There is nothing of that name, or it cannot be made into a network.
    """
    torch.manual_seed(seed)
    if target in NETWORKS:
        gan = zoo.build(model, **arguments)
        return Subject(getattr(gan, target), target, target, gan)
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise TargetError(_not_a_target(target))
    is_file = place.endswith(".py") or "/" in place or "\\" in place
    module = user_code.load_file(Path(place)) if is_file else user_code.load_module(place)
    value = _find(module, name, place)
    network = _instantiate(value, name, arguments)
    return Subject(network, snake_case(name.rpartition(".")[2]), "unknown")


def _not_a_target(target: str) -> str:
    if target in [entry.name for entry in zoo.entries()]:
        return (
            f"'{target}' is a model of two networks; say which: "
            f"generator --model {target}, or discriminator --model {target}"
        )
    path = Path(target.rstrip(":"))
    if path.suffix == ".py" and path.is_file():
        classes = syntax.class_names(user_code.parse(path))
        holds = f"holds {_listed(classes)}" if classes else "defines no class"
        example = classes[0] if classes else "Generator"
        return f"{path} {holds}; say which, such as {path}:{example}"
    place, dot, name = target.rpartition(".")
    file = Path(*place.split(".")).with_suffix(".py") if place.strip(".") else path
    if dot and file.is_file():
        return f"there is no '{target}'; did you mean '{file}:{name}'?"
    return (
        f"there is no '{target}'; name generator, discriminator, FILE.py:Name or "
        f"package.module:Name{nearest(target, NETWORKS)}"
    )


def _find(module: ModuleType, name: str, place: str) -> Any:
    value: Any = module
    way = ""
    for part in name.split("."):
        if not hasattr(value, part):
            inside = [f"{way}{key}" for key in dir(value) if not key.startswith("_")] if way else []
            hint = nearest(name, inside).removeprefix("; ")
            raise TargetError(f"{place} has no '{name}'; {hint or _holdings(module, name)}")
        value = getattr(value, part)
        way += f"{part}."
    return value


def _holdings(module: ModuleType, name: str) -> str:
    """What the module holds that could be traced, and a near miss among all its names."""
    known = _candidates(module)
    public = [key for key, value in vars(module).items() if _is_public_callable(key, value)]
    file = Path(f"{module.__name__}.py")
    if not known and module.__name__ in sys.stdlib_module_names and file.is_file():
        return f"that module is Python's own; to look into your file, write ./{file}:{name}"
    holds = f"it holds {_listed(known)}" if known else "it defines no network itself"
    return holds + nearest(name, dict.fromkeys((*known, *public)))


def _candidates(module: ModuleType) -> list[str]:
    """Names in `module` of what could be traced: its classes of networks, and networks."""
    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (
            isinstance(value, nn.Module)
            or (
                isinstance(value, type)
                and issubclass(value, nn.Module)
                and value.__module__ == module.__name__
            )
        )
    ]


def _is_public_callable(name: str, value: Any) -> bool:
    return callable(value) and not name.startswith("_")


def _instantiate(value: Any, name: str, arguments: Mapping[str, object]) -> nn.Module:
    """A network out of a class, a function that returns one, or an instance."""
    if isinstance(value, nn.Module):
        if arguments:
            raise TargetError(f"{name} is an instance already and takes no --arg; leave it out")
        return value
    if isinstance(value, type) and not issubclass(value, nn.Module):
        raise TargetError(f"{name} is a class, but no torch.nn.Module; name a network's class")
    if not callable(value):
        raise TargetError(
            f"{name} is {_with_article(value)}; name a torch.nn.Module class, an instance of "
            "one, or a function that returns one"
        )
    _require_nameable(value, name)
    converted = zoo.convert_arguments(value, arguments, name=name)
    _require_arguments(value, name, converted)
    given = ", ".join(f"{key}={item}" for key, item in converted.items())
    made: list[Any] = []
    user_code.run_guarded(
        lambda: made.append(value(**converted)), f"{name}({given})", when="called"
    )
    if not isinstance(made[0], nn.Module):
        raise TargetError(
            f"{name}({given}) returns {_with_article(made[0])}; it should return a torch.nn.Module"
        )
    return made[0]


def _require_nameable(value: Any, name: str) -> None:
    """Refuse what must be given by position: ``--arg`` gives by name."""
    unnamed = [
        parameter.name
        for parameter in _parameters(value)
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty
    ]
    if unnamed:
        raise TargetError(
            f"{name} takes {', '.join(unnamed)} by position only, which --arg cannot give; name "
            "a function that calls it"
        )


def _require_arguments(value: Any, name: str, given: Mapping[str, Any]) -> None:
    missing = [
        parameter.name
        for parameter in _parameters(value)
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and parameter.name not in given
    ]
    if missing:
        flags = " ".join(f"--arg {key}=…" for key in missing)
        raise TargetError(f"{name} needs {', '.join(missing)}; give {flags}")


def _parameters(function: Any) -> Sequence[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return ()


def _with_article(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    shown = ", ".join(names[:_MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown
