"""The tensors inside whatever a module takes or returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor
from torch.utils import _pytree

MOST_LEAVES = 64
"""A structure with more leaves than this is cut off, with a note."""


def leaves(value: Any, name: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """Each leaf of `value` with its place: None, ``labels``, ``[1]``, ``out.logits``.

    Goes into tuples, lists, mappings, dataclasses and whatever is registered as a pytree;
    everything else is a leaf, tensor or not.
    """
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for field, item in zip(value._fields, value, strict=True):
            yield from leaves(item, f"{name}.{field}" if name else field)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from leaves(item, f"{name or ''}[{index}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            item = getattr(value, field.name, None)
            yield from leaves(item, f"{name}.{field.name}" if name else field.name)
    elif type(value) in _pytree.SUPPORTED_NODES:
        for index, item in enumerate(_pytree.tree_leaves(value)):
            yield f"{name or ''}[{index}]", item
    else:
        yield name, value


def arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[str | None, Any]]:
    """Each leaf of a call's arguments; keyword arguments carry their name."""
    for argument in args:
        yield from leaves(argument)
    for keyword, argument in kwargs.items():
        yield from leaves(argument, keyword)
