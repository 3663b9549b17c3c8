"""Statistics of many arrays at once against those of each alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ganscope.probe import statistics
from ganscope.probe.batches import STAGE, measure_many
from ganscope.traces import TensorStats

KINDS = ("normal", "positive", "offset", "zero", "constant", "tiny", "huge", "nan", "infinite")


def values_of(kind: str, size: int, seed: int) -> np.ndarray[Any, Any]:
    values = np.random.default_rng(seed).standard_normal(size)
    made = {
        "normal": values,
        "positive": np.abs(values) + 0.1,
        "offset": values + 1e4,
        "zero": values * 0,
        "constant": values * 0 - 3,
        "tiny": values * 1e-30,
        "huge": values * 1e30,
        "nan": np.where(values > 1, np.nan, values),
        "infinite": np.where(values > 1, -np.inf, values),
    }[kind]
    return made.astype(np.float32)


def assert_same(many: TensorStats, one: TensorStats, values: np.ndarray[Any, Any]) -> None:
    for field in ("count", "min", "max", "fraction_nonpositive", "fraction_zero", "nonfinite"):
        assert getattr(many, field) == getattr(one, field), field
    assert many.histogram == one.histogram
    if many.mean is None or many.std is None or many.norm is None:
        assert one.mean is None
        return
    finite = values[np.isfinite(values)].astype(np.float64)
    scale = float(np.sqrt(np.mean(np.square(finite))))
    assert_allclose([many.mean], [finite.mean()], rtol=1e-5, atol=1e-5 * scale)
    assert_allclose([many.std], [finite.std()], rtol=1e-5, atol=1e-5 * scale)
    assert_allclose([many.norm], [np.linalg.norm(finite)], rtol=1e-5)


ARRAYS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 9000), st.integers(0, 2**31)),
    min_size=1,
    max_size=6,
)


@given(ARRAYS)
def test_each_gets_what_it_would_get_alone(arrays: list[tuple[str, int, int]]) -> None:
    parts = [values_of(*array) for array in arrays]
    sizes = [part.size for part in parts]
    found = measure_many(np.concatenate(parts), sizes, [None] * len(parts))
    for part, many in zip(parts, found, strict=True):
        assert_same(many, statistics.measure(part), part)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_stage_of_one_kind(kind: str) -> None:
    part = values_of(kind, STAGE // 4, 1)
    for many in measure_many(np.tile(part, 4), [part.size] * 4, [None] * 4):
        assert_same(many, statistics.measure(part), part)


def test_a_sample_gives_the_histogram_alone() -> None:
    whole = values_of("normal", 100_000, 2)
    numbers = statistics.numbers(whole, statistics.sweep_of(whole))
    sample = whole[:: statistics.sample_stride(whole.size)]
    other = values_of("offset", 50, 3)
    both = np.concatenate([sample, other])
    found, beside = measure_many(both, [sample.size, other.size], [numbers, None])
    assert found == statistics.measure(whole)
    assert_same(beside, statistics.measure(other), other)
