"""`measure` against numpy in float64, over sizes, scales, offsets, types and oddities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganscope.probe.device_statistics import Batch
from ganscope.probe.statistics import HISTOGRAM_SAMPLE, measure, sample_stride
from tests.probe.helpers import assert_statistics

relaxed = settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)

SIZES = st.integers(1, 300) | st.sampled_from(
    [4095, 4096, 4097, 8191, 8193, 65_536, 65_537, 200_000]
)


@st.composite
def arrays(draw: Any, *, largest: float = 1e30) -> np.ndarray[Any, Any]:
    """Random numbers of one scale around one offset, perhaps with zeros, NaN and infinities."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from([np.float32, np.float64, np.float32]))
    exponent = math.log10(largest)
    scale = 10.0 ** draw(st.floats(-exponent, exponent))
    offset = scale * draw(st.sampled_from([0.0, 0.0, 1.0, -30.0, 1e3, 1e5]))
    values = random.standard_normal(draw(SIZES)) * scale + offset
    if draw(st.booleans()):
        values[random.random(values.size) < 0.3] = 0.0
    if draw(st.integers(0, 5)) == 0:
        values[random.random(values.size) < 0.2] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return values.astype(kind)


@relaxed
@given(arrays())
def test_floats(values: np.ndarray[Any, Any]) -> None:
    stats = measure(values)
    assert_statistics(stats, values)
    if stats.histogram is not None:
        finite = values.size - stats.nonfinite
        sampled = stats.histogram.sampled
        assert sum(stats.histogram.counts) == (finite if sampled is None else sampled)
        assert (stats.histogram.low, stats.histogram.high) == (stats.min, stats.max)
        assert len(stats.histogram.counts) == 32


@relaxed
@given(
    st.sampled_from([np.int64, np.int32, np.int8, np.uint8, np.bool_]),
    SIZES,
    st.integers(0, 2**32),
)
def test_whole_numbers(kind: Any, size: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 100, size).astype(kind)
    assert_statistics(measure(values), values)


@relaxed
@given(arrays(largest=1e10), st.integers(1, 3))
def test_values_that_are_not_in_a_row(values: np.ndarray[Any, Any], step: int) -> None:
    table = np.stack([values, -values], axis=1)
    for view in (table[::step], table.T, table[:, 0]):
        assert_statistics(measure(view), view)


@relaxed
@given(st.floats(-1e6, 1e6, width=32), SIZES)
def test_constants_have_no_spread(value: float, size: int) -> None:
    stats = measure(np.full(size, value, dtype=np.float32))
    assert stats.std is not None
    assert stats.std <= 1e-5 * abs(value)
    assert stats.histogram is not None
    assert sum(stats.histogram.counts) == stats.histogram.counts[0]


@relaxed
@given(st.integers(0, 2**32), st.integers(2, 4096), st.floats(-20, 20))
def test_histogram_is_numpys_but_for_the_edges(seed: int, size: int, offset: float) -> None:
    values = (np.random.default_rng(seed).standard_normal(size) + offset).astype(np.float32)
    counts = np.array(measure(values).histogram.counts)
    exact, edges = np.histogram(values.astype(np.float64), 32)
    width = edges[1] - edges[0]
    distance = np.abs(values[:, None].astype(np.float64) - edges[None]).min(axis=1)
    near = int((distance < 1e-4 * width + 4e-6 * abs(offset)).sum())
    assert np.abs(np.cumsum(counts) - np.cumsum(exact)).max() <= near


@relaxed
@given(st.integers(1, 10**9))
def test_sampling_skips_no_feature(count: int) -> None:
    stride = sample_stride(count)
    assert math.gcd(stride, count) == 1
    assert len(range(0, count, stride)) <= HISTOGRAM_SAMPLE or count <= HISTOGRAM_SAMPLE


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(arrays(largest=1e8))
def test_figures_on_a_device_agree(values: np.ndarray[Any, Any]) -> None:
    batch = Batch()
    figures = batch.add(torch.from_numpy(values.copy()))
    batch.flush()
    stats, expected = figures.stats, measure(values)
    assert stats is not None
    for name in ("count", "nonfinite", "min", "max", "fraction_nonpositive", "fraction_zero"):
        assert getattr(stats, name) == getattr(expected, name), name
    if expected.norm is None:
        assert stats.norm is None
        return
    rms = expected.norm / math.sqrt(values.size - expected.nonfinite)
    for name in ("mean", "std", "norm"):
        exact = getattr(expected, name)
        assert abs(getattr(stats, name) - exact) <= 1e-4 * max(abs(exact), rms), name
    assert figures.preview[:1] == tuple(values[:1].tolist()) or math.isnan(figures.preview[0])
