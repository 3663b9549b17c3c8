"""Settings as data that strict JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

_MOST_ITEMS = 256
"""A longer sequence is no setting."""

_MOST_CHARACTERS = 4_096


def plain_data(value: Any, slot: Callable[[Tensor], Any] | None = None) -> Any:
    """`value` as None, a truth value, a number, a text, or lists and objects of such.

    A number that is not finite becomes its name as text. What is none of these becomes
    ``{"type": its class}``.

    Args:
        value: A setting, or an argument of an operation.
        slot: What stands for a tensor; without it a tensor is an object like any other.
    """
    if isinstance(value, Tensor):
        return {"type": "Tensor"} if slot is None else slot(value)
    if isinstance(value, slice):
        return {"slice": [plain_data(each, slot) for each in (value.start, value.stop, value.step)]}
    if isinstance(value, tuple | list) and len(value) <= _MOST_ITEMS:
        return [plain_data(each, slot) for each in value]
    if isinstance(value, Mapping) and len(value) <= _MOST_ITEMS:
        return {str(key): plain_data(each, slot) for key, each in value.items()}
    return _single(value)


def _single(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, str):
        return str(value[:_MOST_CHARACTERS])
    if isinstance(value, torch.dtype | torch.device | torch.memory_format | torch.layout):
        return str(value)
    return "..." if value is Ellipsis else {"type": type(value).__name__}
