"""A model's arguments: from a command line's strings to what its signature asks for."""

from __future__ import annotations

import ast
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, Literal, Union, cast

from ganscope.errors import TargetError, nearest

LARGEST_COUNT = 65_536
"""More features, pixels a side or channels than this are taken for a slip."""

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
_BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}


def convert_arguments(
    function: Callable[..., object], arguments: Mapping[str, object], *, name: str
) -> dict[str, Any]:
    """`arguments` with every string converted to what `function` is annotated to take.

    A string becomes a bool (``true``, ``no``, ``on``, ``0``), a whole number, a number, None
    (``none``, where the annotation allows it), one of a ``Literal`` or a tuple or list
    (``1,28,28``); where nothing is annotated, the Python literal it reads as, else itself.
    Whether all required arguments are there is left to the caller.

    Args:
        function: A function or a class.
        arguments: What was given, typed or as strings.
        name: What to call the function in a message.

    Raises:
        TargetError: An argument is unknown or of the wrong type.
    """
    parameters = _parameters(function)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in _signature(function))
    annotations = _annotations(function)
    converted = {}
    for key, value in arguments.items():
        if key not in parameters and not takes_any:
            raise TargetError(
                f"{name} takes no argument '{key}'; {_accepted(function)}{nearest(key, parameters)}"
            )
        try:
            converted[key] = convert(value, annotations.get(key, Any))
        except ValueError as error:
            message = f"{name}: {key}={value} is not {error}; {_accepted(function)}"
            raise TargetError(_one_line(message)) from None
    return converted


def describe_arguments(function: Callable[..., object]) -> str:
    """What `function` accepts, as ``latent_dimension=100, channels=1``; required ones bare."""
    return ", ".join(
        key if parameter.default is parameter.empty else f"{key}={parameter.default}"
        for key, parameter in _parameters(function).items()
    )


def convert(value: object, annotation: Any) -> Any:
    """`value` as `annotation` asks for it; annotations unknown here let everything through.

    Raises:
        ValueError: It does not fit; the message says in words what was expected.
    """
    origin = typing.get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _convert_union(value, annotation)
    if origin is Literal:
        return _convert_literal(value, typing.get_args(annotation))
    if origin in (tuple, list) or annotation in (tuple, list):
        return _convert_sequence(value, annotation)
    if annotation in _CONVERTERS:
        return _CONVERTERS[annotation](value)
    return _read(value)


def require_count(name: str, value: int, *, model: str, default: int) -> None:
    """Refuse a `value` that cannot be a number of features, pixels or channels.

    Raises:
        TargetError: It is below 1 or beyond `LARGEST_COUNT`.
    """
    if not 1 <= value <= LARGEST_COUNT:
        raise TargetError(
            f"{model}: {name} is {value}, expected 1 to {LARGEST_COUNT:,}; try {name}={default}"
        )


def _to_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
        return _BOOLEANS[value.strip().lower()]
    raise ValueError("true or false")


def _to_int(value: object) -> int:
    try:
        if isinstance(value, str):
            return int(value)
    except ValueError:
        pass
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    raise ValueError("a whole number")


def _to_float(value: object) -> float:
    number = math.nan
    try:
        if isinstance(value, str) or (isinstance(value, Real) and not isinstance(value, bool)):
            number = float(value)
    except (ValueError, OverflowError):
        pass
    if not math.isfinite(number):
        raise ValueError("a finite number")
    return number


def _to_str(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("a text")


def _to_none(value: object) -> None:
    if value is not None and not (isinstance(value, str) and value.strip().lower() == "none"):
        raise ValueError("none")


_CONVERTERS: dict[Any, Callable[[object], object]] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    str: _to_str,
    types.NoneType: _to_none,
}


def _convert_union(value: object, annotation: Any) -> Any:
    # None and text come first and last: "none" means None, and text takes whatever is left.
    members = sorted(typing.get_args(annotation), key=lambda m: (m is not types.NoneType, m is str))
    expected = []
    for member in members:
        try:
            return convert(value, member)
        except ValueError as error:
            expected.append(str(error))
    raise ValueError(" or ".join(reversed(expected)))


def _convert_literal(value: object, choices: tuple[object, ...]) -> object:
    for choice in choices:
        if value == choice or (isinstance(value, str) and value == str(choice)):
            return choice
    raise ValueError("one of " + ", ".join(str(choice) for choice in choices))


def _convert_sequence(value: object, annotation: Any) -> Any:
    kind = typing.get_origin(annotation) or annotation
    members = [member for member in typing.get_args(annotation) if member is not Ellipsis]
    items = _read(value)
    if not isinstance(items, (tuple, list)):
        items = (items,)
    fixed = kind is tuple and members and Ellipsis not in typing.get_args(annotation)
    if fixed and len(items) != len(members):
        raise ValueError(f"{len(members)} values separated by commas")
    try:
        if fixed:
            return tuple(convert(item, m) for item, m in zip(items, members, strict=True))
        return kind(convert(item, members[0] if members else Any) for item in items)
    except ValueError as error:
        raise ValueError(f"a list in which each is {error}") from None


def _read(value: object) -> object:
    """A string as the Python literal it reads as, everything else as it is."""
    if not isinstance(value, str):
        return value
    words = {"true": True, "false": False, "none": None}
    if value.strip().lower() in words:
        return words[value.strip().lower()]
    try:
        literal: object = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return literal


def _signature(function: Callable[..., object]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p for p in _signature(function) if p.kind in named}


def _annotations(function: Callable[..., object]) -> dict[str, Any]:
    holder = cast(Any, function).__init__ if isinstance(function, type) else function
    try:
        return typing.get_type_hints(holder)
    except (NameError, AttributeError, TypeError, SyntaxError):
        return {}  # names imported for type checkers only: convert as if nothing were annotated


def _accepted(function: Callable[..., object]) -> str:
    listed = describe_arguments(function)
    return f"accepted are {listed}" if listed else "it takes none"


def _one_line(message: str) -> str:
    return " ".join(message.split())
