"""What a functional operation is called, what it changes, which settings it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import torch
from torch import Tensor

from ganscope.probe.plain import plain_data

Function = Callable[..., Any]

_names: dict[str, str] = {}
_LONGEST_SETTINGS = 72

_LENDS_MEMORY = {"data", "numpy", "__array__", "__dlpack__"}
"""Operations whose result can change the tensor's values without a trace of it, as can setting
its ``data``."""

_LEAVES_TORCH = {
    "item", "tolist", "numpy", "__float__", "__int__", "__bool__", "__array__", "__index__",
    "__complex__", "__format__",
}  # fmt: skip
"""Operations that give values to Python or numpy."""

_WRITES_STATISTICS = {"batch_norm", "instance_norm", "native_batch_norm"}
"""Operations that update their running statistics beside their result."""

_SET_DATA = Tensor.data.__set__  # type: ignore[attr-defined]

_SILENT = {"requires_grad_", "retain_grad", "backward", "register_hook"}
"""Operations that give a tensor back but compute nothing."""


class Operation:
    """One torch function with its arguments, for as long as it runs."""

    __slots__ = ("args", "function", "kwargs", "raw")

    def __init__(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.raw = _raw_name(function)

    @property
    def name(self) -> str:
        """The name as a person writes it."""
        return shown_name(self.raw)

    @property
    def is_reflected(self) -> bool:
        """Whether its first argument stands on the right: ``__rsub__``."""
        return self.raw.startswith("__") and self.raw[2:-2] in _REFLECTED

    @property
    def is_silent(self) -> bool:
        """Whether it computes nothing that would be worth a row."""
        return self.raw in _SILENT

    @property
    def leaves_torch(self) -> bool:
        """Whether it gives its tensor's values to Python or numpy."""
        return self.raw in _LEAVES_TORCH and bool(self.args) and isinstance(self.args[0], Tensor)

    @property
    def target(self) -> Tensor | None:
        """The tensor that it changes in place; the first of several."""
        target = self.args[0] if self.args else self.kwargs.get("out")
        if isinstance(target, tuple | list) and target:
            target = target[0]
        return target if isinstance(target, Tensor) else None

    @property
    def lends_memory(self) -> bool:
        """Whether it gives out its tensor's memory unversioned."""
        return self.raw in _LENDS_MEMORY or self.function == _SET_DATA

    @property
    def changes_unversioned(self) -> bool:
        """Whether it writes running statistics, which bumps no version."""
        return self.raw in _WRITES_STATISTICS

    @property
    def may_change_inputs(self) -> bool:
        """Whether inputs must be looked at before the call, since it may overwrite them."""
        raw = self.raw
        if raw.endswith("_"):
            return not raw.endswith("__") or raw == "__setitem__" or raw[2:-2] in _IN_PLACE
        if raw in _WRITES_STATISTICS:
            return True
        if "out" in self.kwargs or "inplace" in self.kwargs:
            return True
        if getattr(self.function, "__module__", None) == "torch.nn.functional":
            return any(argument is True for argument in self.args)
        return False

    def arguments(self) -> dict[str, Any]:
        """Every argument as it was written, by position or keyword; see `Call.arguments`."""
        tensors = count()

        def slot(_: Tensor) -> dict[str, int]:
            return {"input": next(tensors)}

        found = {str(place): plain_data(each, slot) for place, each in enumerate(self.args)}
        found |= {key: plain_data(each, slot) for key, each in self.kwargs.items()}
        if self.is_reflected and len(self.args) == 2:
            return {"0": found["1"], "1": found["0"]}  # 1 - x is written with the 1 first
        return found

    def settings(self) -> str:
        """The arguments that are no tensors, in short."""
        parts = [text for text in (_brief(argument) for argument in self.args) if text]
        parts += [f"{key}={text}" for key, item in self.kwargs.items() if (text := _brief(item))]
        joined = ", ".join(parts)
        if len(joined) <= _LONGEST_SETTINGS:
            return joined
        return joined[: _LONGEST_SETTINGS - 1] + "…"


def is_event(function: Function) -> bool:
    """Whether a function changes its first argument, or gives its values to Python or numpy, as
    far as its name tells."""
    name = getattr(function, "__name__", "").partition(".")[0]
    if name in _LEAVES_TORCH:
        return True
    if name[-1:] != "_":
        return False
    return name[-2:] != "__" or name == "__setitem__" or name[2:-2] in _IN_PLACE


def _raw_name(function: Function) -> str:
    """``view``, ``__add__``; for a property's getter the property: ``T``, ``data``."""
    name: str = getattr(function, "__name__", "") or type(function).__name__
    if name == "__get__":
        owner = getattr(function, "__self__", None)
        return getattr(owner, "__name__", "get")
    return name.partition(".")[0]  # an overload of torch.ops: add_.Tensor


def shown_name(raw: str) -> str:
    """The name as a person writes it: ``__add__`` → ``add``, ``__imul__`` → ``mul_``."""
    shown = _names.get(raw)
    if shown is None:
        shown = raw
        if raw.startswith("__") and raw.endswith("__"):
            shown = raw[2:-2]
            if shown in _IN_PLACE:
                shown = shown[1:] + "_"
            elif shown in _REFLECTED:
                shown = shown[1:]
        _names[raw] = shown
    return shown


_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
_IN_PLACE = {f"i{name}" for name in (*_ARITHMETIC, "and", "or", "xor")}
_REFLECTED = {f"r{name}" for name in (*_ARITHMETIC, "div")}


def _brief(value: Any) -> str:
    """A short text of a plain value; empty for tensors and what holds them."""
    if isinstance(value, Tensor):
        return ""
    if value is None or isinstance(value, bool | int | float | str | torch.dtype | torch.device):
        return repr(value) if isinstance(value, str) else str(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, slice):
        return _brief_slice(value)
    if isinstance(value, tuple | list):
        return _brief_sequence(value)
    return type(value).__name__


def _brief_slice(value: slice) -> str:
    ends = [
        "" if end is None else str(end) if isinstance(end, int) else "…"
        for end in (value.start, value.stop)
    ]
    step = f":{value.step}" if isinstance(value.step, int) else ""
    return ":".join(ends) + step


def _brief_sequence(values: Iterable[Any]) -> str:
    texts = [_brief(value) for value in values]
    if texts and not any(texts):
        return ""  # a list of tensors
    return "(" + ", ".join(text or "tensor" for text in texts) + ")"
