"""Strings of a command line become what a signature asks for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from ganscope.errors import TargetError
from ganscope.zoo import convert_arguments, describe_arguments
from ganscope.zoo.arguments import convert


class Model:
    def __init__(
        self,
        image_shape: tuple[int, int, int],
        width: int = 8,
        norm: Literal["batch", "none"] = "batch",
        rate: float | None = None,
        label=None,  # deliberately not annotated
    ) -> None: ...


@pytest.mark.parametrize(
    "given, annotation, expected",
    [
        ("64", int, 64),
        (" 64 ", int, 64),
        (np.int64(64), int, 64),
        ("true", bool, True),
        ("No", bool, False),
        ("0", bool, False),
        ("1e-5", float, 1e-5),
        (3, float, 3.0),
        ("3", str, "3"),
        ("none", int | None, None),
        ("7", int | None, 7),
        ("none", str | None, None),
        ("0.5", int | float, 0.5),
        ("5", str | int, 5),
        ("batch", Literal["batch", "instance"], "batch"),
        ("2", Literal[1, 2], 2),
        ("1,28,28", tuple[int, int, int], (1, 28, 28)),
        ("(1, 28, 28)", tuple[int, ...], (1, 28, 28)),
        ("4", tuple[int, ...], (4,)),
        ("[1, 2]", list[int], [1, 2]),
        ([1, 2], tuple, (1, 2)),
        ("1.5", Any, 1.5),
        ("false", Any, False),
        ("words", Any, "words"),
        ("__import__('os')", Any, "__import__('os')"),
    ],
)
def test_conversion(given: object, annotation: Any, expected: object) -> None:
    converted = convert(given, annotation)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    "given, annotation, expected",
    [
        ("64.5", int, "a whole number"),
        (True, int, "a whole number"),
        (1, bool, "true or false"),
        ("nan", float, "a finite number"),
        ("1e999", float, "a finite number"),
        (None, float, "a finite number"),
        (3, str, "a text"),
        ("x", int | None, "a whole number or none"),
        ("group", Literal["batch", "instance"], "one of batch, instance"),
        ("1,28", tuple[int, int, int], "3 values separated by commas"),
        ("1,a", tuple[int, ...], "a list in which each is a whole number"),
    ],
)
def test_refusal(given: object, annotation: Any, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        convert(given, annotation)
    assert str(caught.value) == expected


def test_a_class_is_read_by_its_constructor() -> None:
    given = {"image_shape": "3,8,8", "width": "16", "norm": "none", "rate": "none", "label": "2"}
    assert convert_arguments(Model, given, name="Model") == {
        "image_shape": (3, 8, 8),
        "width": 16,
        "norm": "none",
        "rate": None,
        "label": 2,
    }
    assert describe_arguments(Model) == "image_shape, width=8, norm=batch, rate=None, label=None"


def test_messages() -> None:
    with pytest.raises(TargetError) as caught:
        convert_arguments(Model, {"widht": 3}, name="Model")
    assert str(caught.value) == (
        "Model takes no argument 'widht'; accepted are image_shape, width=8, norm=batch, "
        "rate=None, label=None; did you mean 'width'?"
    )
    with pytest.raises(TargetError, match=r"^Model: width=a b is not a whole number; accepted"):
        convert_arguments(Model, {"width": "a\nb"}, name="Model")
    with pytest.raises(TargetError, match=r"^f takes no argument 'x'; it takes none$"):
        convert_arguments(lambda: None, {"x": 1}, name="f")


def test_annotations_that_cannot_be_read_count_as_none() -> None:
    def function(width: OnlyForTypeCheckers) -> None: ...  # noqa: F821

    assert convert_arguments(function, {"width": "3"}, name="f") == {"width": 3}


def test_keyword_arguments_without_names_take_anything() -> None:
    assert convert_arguments(lambda **rest: rest, {"x": "3"}, name="f") == {"x": 3}
