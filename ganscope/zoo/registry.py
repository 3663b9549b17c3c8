"""The built-in GANs by name: one decorator registers, `build` makes, `entries` lists."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from ganscope.errors import TargetError, nearest
from ganscope.zoo.arguments import convert_arguments, describe_arguments


@dataclass(frozen=True, slots=True)
class GAN:
    """A generator and a discriminator that belong together, and what they take.

    Attributes:
        generator: (B, *latent_shape) → (B, *image_shape).
        discriminator: (B, *image_shape) → (B, 1), how real each image is.
        latent_shape: One noise vector's shape, without the batch.
        image_shape: One image's (channels, height, width); pixels lie in [-1, 1].
        sigmoid: Whether the discriminator's answers are probabilities, in (0, 1), or, without
            a Sigmoid at its end, logits or scores, any number.
    """

    generator: nn.Module
    discriminator: nn.Module
    latent_shape: tuple[int, ...]
    image_shape: tuple[int, int, int]
    sigmoid: bool = True


Builder = Callable[..., GAN]
B = TypeVar("B", bound=Builder)


@dataclass(frozen=True, slots=True)
class Entry:
    """One family: its name, what it is in a sentence, the paper, and how to make one."""

    name: str
    summary: str
    source: str
    build: Builder

    @property
    def arguments(self) -> str:
        """What `build` accepts with its defaults: ``latent_dimension=100, channels=1``."""
        return describe_arguments(self.build)


_entries: dict[str, Entry] = {}


def register(name: str, *, source: str) -> Callable[[B], B]:
    """Register the decorated function as the model `name`; its docstring's first line describes it.

    Args:
        name: The name a user types.
        source: The paper, with its section.

    Raises:
        ValueError: Another model has that name.
    """

    def decorate(function: B) -> B:
        if name in _entries:
            raise ValueError(f"there is already a model named {name!r}")
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        _entries[name] = Entry(name, summary, source, function)
        return function

    return decorate


def entries() -> tuple[Entry, ...]:
    """Every registered model, sorted by name."""
    return tuple(sorted(_entries.values(), key=lambda entry: entry.name))


def build(name: str, /, **arguments: object) -> GAN:
    """A new GAN of the family `name`, in train mode, on the CPU, with fresh weights.

    Args:
        name: One of `entries()`.
        **arguments: The family's own; strings are converted as its signature says.

    Raises:
        TargetError: No family has that name, or an argument is unknown, of the wrong type
            or out of range.
    """
    if name not in _entries:
        known = [entry.name for entry in entries()]
        raise TargetError(
            f"no model is named '{name}'; there are {', '.join(known)}{nearest(name, known)}"
        )
    entry = _entries[name]
    converted = convert_arguments(entry.build, arguments, name=name)
    try:
        return entry.build(**converted)
    except (MemoryError, RuntimeError) as error:
        too_large = "allocate" in str(error) or "overflow" in str(error)
        if isinstance(error, RuntimeError) and not too_large:
            raise
        given = ", ".join(f"{key}={value}" for key, value in converted.items())
        raise TargetError(
            f"{name} with {given} does not fit in memory; try the defaults: {entry.arguments}"
        ) from None
