"""Bars and gauges on scales of powers of ten, and the weights that rows stand for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ganscope.analysis.weights import together, weights_of
from ganscope.traces import ParameterUpdate
from ganscope.views.steps.bars import Scale, gauge, scale_of

from .steps import recorded


def test_a_scale_holds_all_that_is_positive() -> None:
    assert scale_of([0.003, 0.2, None, 0.0, math.nan]) == Scale(-3, 0)
    assert scale_of([0.1]) == Scale(-2, 0)
    assert scale_of([1e-30, 1.0]) == Scale(-11, 1)
    assert scale_of([]) == Scale(-6, 0)
    assert scale_of([math.inf, 5.0]) == Scale(-1, 1)


@pytest.mark.parametrize("width", [4, 10, 20])
def test_bars_grow_with_the_logarithm(width: int) -> None:
    scale = Scale(-4, 0)
    assert scale.bar(1.0, width) == "█" * width
    assert scale.bar(0.01, width) == "█" * (width // 2)
    assert scale.bar(1e-4, width) == "▏"
    assert scale.bar(1e-9, width) == "▏"
    assert scale.bar(7.0, width) == "█" * width
    for nothing in (0.0, None, math.nan, math.inf, -1.0):
        assert scale.bar(nothing, width) == ""
    assert scale.share(1e-2) == pytest.approx(0.5)
    assert scale.header(14) == "1e-4───────1e0"


@pytest.mark.parametrize(
    ("ratio", "drawn"),
    [
        (1e-3, "······●······"),
        (3e-3, "······│●·····"),
        (1e-4, "····●·│······"),
        (9e-5, "····●·│······ ≪"),
        (2e-2, "······│··●··· ≫"),
        (1.0, "······│·····● ≫"),
        (30.0, "······│·····› ≫"),
        (1e-9, "‹·····│······ ≪"),
        (0.0, "······│······ ≪"),
        (None, ""),
        (math.nan, ""),
    ],
)
def test_a_gauge_shows_how_far_from_a_thousandth(ratio: float | None, drawn: str) -> None:
    assert gauge(ratio) == drawn


def parameter(name: str, weight: float = 3.0, update: float = 0.03) -> ParameterUpdate:
    gradient = recorded().steps[0].updates[0].parameters[0].gradient
    assert gradient is not None
    return ParameterUpdate(
        name, (2,), "o", replace(gradient, norm=weight / 10), weight, update, update / weight
    )


def test_the_weight_stands_for_its_module() -> None:
    weight, bias = parameter("net.0.weight", 3.0), parameter("net.0.bias", 4.0)
    found = weights_of("net.0", [weight, bias])
    assert found is not None
    assert (found.name, found.count, found.weight_norm) == ("net.0.weight", 2, 3.0)
    assert weights_of("net.0", []) is None


@pytest.mark.parametrize(
    "name", ["net.0.weight_orig", "net.0.parametrizations.weight.original", "net.0.weight_v"]
)
def test_a_reparametrized_weight_is_the_weight(name: str) -> None:
    found = weights_of("net.0", [parameter(name), parameter("net.0.bias", 4.0)])
    assert found is not None
    assert found.name == name


def test_a_container_stands_for_all_inside() -> None:
    found = weights_of(
        "net", [parameter("net.0.weight", 3.0), parameter("net.1.weight", 4.0, 0.04)]
    )
    assert found is not None
    assert found.name == ""
    assert found.weight_norm == pytest.approx(5.0)
    assert found.gradient_norm == pytest.approx(0.5)
    assert found.update_norm == pytest.approx(0.05)
    assert found.ratio == pytest.approx(0.01)


def test_what_is_not_known_is_not_made_up() -> None:
    assert together([1.0, None]) is None
    assert together([]) is None
    unknown = replace(parameter("net.1.weight"), update_norm=None, update_ratio=None)
    found = weights_of("net", [parameter("net.0.weight"), unknown])
    assert found is not None
    assert found.ratio is None
