"""Arbitrary traces, built from the nouns' own annotations."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from ganscope import traces as room

NOUNS: tuple[type, ...] = tuple(
    noun for noun in (getattr(room, name) for name in room.__all__) if is_dataclass(noun)
)
assert len(NOUNS) >= 20

_FLOATS = st.floats() | st.sampled_from(
    [0.0, -0.0, 5e-324, 1e308, float("nan"), float("inf"), -float("inf")]
)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**70), 2**70),
    float: _FLOATS,
    str: st.text(max_size=12),
    bool: st.booleans(),
    bytes: st.binary(max_size=24),
    type(None): st.none(),
    Any: st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
        ),
        max_leaves=4,
    ),
}


def of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a noun, or of what one of its fields is annotated as."""
    if is_dataclass(annotation):
        hints = get_type_hints(annotation)
        return st.builds(
            annotation, **{field.name: of(hints[field.name]) for field in fields(annotation)}
        )
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return st.one_of([of(choice) for choice in get_args(annotation)])
    if origin is tuple and get_args(annotation)[-1] is not Ellipsis:
        return st.tuples(*[of(item) for item in get_args(annotation)])
    if origin in (tuple, Sequence):
        return st.lists(of(get_args(annotation)[0]), max_size=2).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(st.text(max_size=6), of(get_args(annotation)[1]), max_size=2)
    return _SCALARS[annotation]


def alike(left: Any, right: Any) -> bool:
    """Equal in type and value, where NaN is NaN and -0.0 is not 0.0."""
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return repr(left) == repr(right)  # tells -0.0 from 0.0, and NaN from numbers alone
    if isinstance(left, tuple | list):
        return len(left) == len(right) and all(map(alike, left, right))
    if is_dataclass(left):
        names = [field.name for field in fields(left)]
        return all(alike(getattr(left, name), getattr(right, name)) for name in names)
    return bool(left == right)
