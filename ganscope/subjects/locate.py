"""From what the user names to a live module: a built-in network, a file's class, an instance."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
import sys
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ganscope import zoo
from ganscope.errors import TargetError, nearest
from ganscope.probe.names import snake_case
from ganscope.subjects import user_code

NETWORKS = ("generator", "discriminator")


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


def locate(target: str, *, model: str, arguments: Mapping[str, str], seed: int) -> Subject:
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
        classes = ", ".join(_classes_in(path)) or "no class"
        return f"{path} holds {classes}; say which, such as {path}:Generator"
    return (
        f"there is no '{target}'; name generator, discriminator, FILE.py:Name or "
        f"package.module:Name{nearest(target, NETWORKS)}"
    )


def _classes_in(path: Path) -> list[str]:
    import ast

    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def _find(module: ModuleType, name: str, place: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            known = _candidates(module)
            holds = f"it holds {', '.join(known)}" if known else "it holds no network"
            raise TargetError(f"{place} has no '{name}'; {holds}{nearest(name, known)}")
        value = getattr(value, part)
    return value


def _candidates(module: ModuleType) -> list[str]:
    """Names in `module` of what could be traced: classes of networks, and networks."""
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


def _instantiate(value: Any, name: str, arguments: Mapping[str, str]) -> nn.Module:
    """A network out of a class, a function that returns one, or an instance."""
    if isinstance(value, nn.Module):
        if arguments:
            raise TargetError(f"{name} is an instance already and takes no --arg; leave it out")
        return value
    if isinstance(value, type) and not issubclass(value, nn.Module):
        raise TargetError(f"{name} is a class, but no torch.nn.Module; name a network's class")
    if not callable(value):
        raise TargetError(
            f"{name} is a {type(value).__name__}; name a torch.nn.Module class, an instance of "
            "one, or a function that returns one"
        )
    converted = zoo.convert_arguments(value, arguments, name=name)
    _require_arguments(value, name, converted)
    try:
        with redirect_stdout(sys.stderr):
            made = value(**converted)
    except Exception as error:
        given = ", ".join(f"{key}={item}" for key, item in converted.items())
        raise TargetError(f"{name}({given}) fails: {user_code.summary(error)}") from None
    if not isinstance(made, nn.Module):
        raise TargetError(
            f"{name}() returned a {type(made).__name__}; it should return a torch.nn.Module"
        )
    return made


def _require_arguments(value: Any, name: str, given: Mapping[str, Any]) -> None:
    try:
        parameters = inspect.signature(value).parameters.values()
    except (ValueError, TypeError):
        return
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and parameter.name not in given
    ]
    if missing:
        flags = " ".join(f"--arg {key}=…" for key in missing)
        raise TargetError(f"{name} needs {', '.join(missing)}; give {flags}")
