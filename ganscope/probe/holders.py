"""Names by what holds an object: attributes, dictionaries and lists, wherever they live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ganscope.probe.heap import Heap


def is_telling(name: str) -> bool:
    """Whether a variable's name says what it holds."""
    return not name.startswith("_") and name not in _VAGUE


_VAGUE = frozenset({"self", "model", "module", "net", "network", "m", "f", "fn", "func", "opt"})


def names_of(value: object, base: str | None, heap: Heap) -> Iterator[str]:
    """Names by the attributes, dictionaries and lists that hold `value`.

    Args:
        value: What is looked for.
        base: What to call a list, or a dictionary with other keys, that has no name of its own.
        heap: Where it is looked for.
    """
    for holder in heap.holders(value):
        entry = _entry(holder, value)
        if entry is None:
            continue
        if not entry.isdigit():
            yield entry
        if entry.isdigit() or (entry.isidentifier() and is_telling(entry)):
            yield from (f"{own}_{entry}" for own in _keys(holder, heap))
        if entry.isdigit() and base is not None:
            yield f"{base}_{entry}"


def _entry(holder: object, value: object) -> str | None:
    """Under which key or at which place `holder` has `value`."""
    if type(holder) is dict:
        return next((str(key) for key, held in holder.items() if held is value), None)
    if type(holder) is list or (type(holder) is tuple and _is_collection(holder)):
        return next((str(place) for place, held in enumerate(holder) if held is value), None)
    return None


def _is_collection(holder: tuple[Any, ...]) -> bool:
    """Whether a tuple is one of networks or of optimizers, not the arguments of some call."""
    kinds = [each for each in (nn.Module, Optimizer) if all(isinstance(x, each) for x in holder)]
    return len(holder) > 1 and bool(kinds)


def _keys(holder: object, heap: Heap, *, deep: bool = True) -> Iterator[str]:
    """Names of a list or dictionary: of variables and attributes, and of what holds it in turn."""
    found: list[tuple[dict[Any, Any], str]] = []
    for around in heap.holders(holder):
        if type(around) is dict:
            keys = [key for key, held in around.items() if held is holder]
            found += [(around, key) for key in keys if isinstance(key, str) and is_telling(key)]
    yield from (key for _, key in found)
    if deep:
        for around, key in found:
            yield from (f"{outer}_{key}" for outer in _keys(around, heap, deep=False))
