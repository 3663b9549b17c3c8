"""`measure` against numpy in float64, over sizes, scales, offsets, types and oddities."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ganscope.probe.device_statistics import Batch
from ganscope.probe.statistics import HISTOGRAM_SAMPLE, measure, sample_stride
from ganscope.traces import TensorStats
from ganscope.traces.schema import to_plain
from tests.probe.helpers import assert_statistics

relaxed = settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)

Array = np.ndarray[Any, Any]

# Around the blocks, the dot products' pieces and the histogram's sample.
EDGES = [1, 2, 4095, 4096, 4097, 8191, 8192, 8193, 65_535, 65_536, 65_537, 131_072, 200_000]
SIZES = st.integers(1, 300) | st.sampled_from(EDGES) | st.integers(1, 200_000)


@st.composite
def arrays(draw: Any, *, largest: float = 1e30) -> Array:
    """Random numbers of one scale around one offset, perhaps with zeros, NaN and infinities."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from([np.float32, np.float64, np.float32]))
    exponent = math.log10(largest)
    scale = 10.0 ** draw(st.floats(-exponent, exponent))
    offset = scale * draw(st.sampled_from([0.0, 0.0, 1.0, -30.0, 1e3, 1e5]))
    values = random.standard_normal(draw(SIZES)) * scale + offset
    if draw(st.booleans()):
        values[random.random(values.size) < 0.3] = 0.0
    if draw(st.integers(0, 3)) == 0:
        for oddity in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1)):
            values[random.integers(values.size, size=1 + values.size // 50)] = oddity
    return values.astype(kind)


def assert_whole(stats: TensorStats, values: Array) -> None:
    """The figures are right, the histogram agrees with them, and all of it is plain."""
    assert_statistics(stats, values)
    for field in fields(stats):
        assert type(getattr(stats, field.name)) in (int, float, type(stats.histogram)), field.name
    json.dumps(to_plain(stats), allow_nan=False)
    if stats.histogram is None:
        return
    histogram, finite = stats.histogram, values.size - stats.nonfinite
    assert (histogram.low, histogram.high) == (stats.min, stats.max)
    assert len(histogram.counts) == 32
    assert all(type(count) is int and count >= 0 for count in histogram.counts)
    if finite <= HISTOGRAM_SAMPLE:
        assert histogram.sampled is None
        assert sum(histogram.counts) == finite
    else:
        assert histogram.sampled == len(range(0, finite, sample_stride(finite)))
        assert sum(histogram.counts) == histogram.sampled


@relaxed
@given(arrays())
def test_floats(values: Array) -> None:
    before = values.tobytes()
    assert_whole(measure(values), values)
    assert values.tobytes() == before


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_any_few_numbers_of_the_type(kind: Any) -> None:
    width: Any = np.dtype(kind).itemsize * 8

    @settings(relaxed, max_examples=300)
    @given(st.lists(st.floats(width=width), min_size=1, max_size=20))
    def check(numbers: list[float]) -> None:
        values = np.array(numbers, dtype=kind)
        finite = values[np.isfinite(values)].astype(np.float64)
        if np.abs(finite, dtype=np.float64).max(initial=0.0) < 1e300:  # where numpy itself can
            assert_whole(measure(values), values)

    check()


def test_what_no_float_can_hold_is_none_and_not_infinite() -> None:
    stats = measure(np.array([1.7e308, 1.7e308, -1.7e308, -1.7e308]))
    assert (stats.mean, stats.min, stats.max) == (0.0, -1.7e308, 1.7e308)
    assert stats.std == pytest.approx(1.7e308)
    assert stats.norm is None
    assert stats.histogram is not None
    assert (stats.histogram.counts[0], stats.histogram.counts[-1]) == (2, 2)


@relaxed
@given(
    st.sampled_from([np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint32, np.bool_]),
    SIZES,
    st.integers(0, 2**32),
    st.sampled_from([2, 100, 2**31, 2**52]),
)
def test_whole_numbers(kind: Any, size: int, seed: int, reach: int) -> None:
    random = np.random.default_rng(seed)
    if kind is np.bool_:
        values = random.integers(0, 2, size).astype(kind)
    else:
        limits = np.iinfo(kind)
        low, high = max(-reach, limits.min), min(reach, limits.max)
        values = random.integers(low, high, size, dtype=kind, endpoint=True)
    assert_whole(measure(values), values)


@relaxed
@given(arrays(largest=1e10), st.integers(1, 3))
def test_values_that_are_not_in_a_row(values: Array, step: int) -> None:
    values = values[:20_000]
    table = np.stack([values, -values], axis=1)
    views = [table[::step], table.T, table[:, 0], table[::-1], table[:, :, None].swapaxes(0, 2)]
    views.append(np.broadcast_to(table[:50, None], (min(50, len(table)), 3, 2)))
    for view in views:
        assert_whole(measure(view), view)


@relaxed
@given(st.floats(-1e6, 1e6, width=32), SIZES, st.sampled_from([np.float32, np.float64]))
def test_constants_have_no_spread(value: float, size: int, kind: Any) -> None:
    values = np.full(size, value, dtype=kind)
    stats = measure(values)
    assert_whole(stats, values)
    assert stats.std is not None
    assert stats.std <= 1e-5 * abs(value)
    assert stats.histogram is not None
    assert sum(stats.histogram.counts) == stats.histogram.counts[0]


@relaxed
@given(
    st.integers(0, 2**32),
    st.integers(2, HISTOGRAM_SAMPLE),
    st.floats(-1e3, 1e3),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([0.0, 0.3]),
)
def test_histogram_is_numpys_but_for_the_edges(
    seed: int, size: int, offset: float, kind: Any, nonfinite: float
) -> None:
    random = np.random.default_rng(seed)
    values = (random.standard_normal(size) + offset).astype(kind)
    values[2:][random.random(size - 2) < nonfinite] = np.nan
    histogram = measure(values).histogram
    assert histogram is not None
    finite = values[np.isfinite(values)].astype(np.float64)
    exact, edges = np.histogram(finite, 32)
    distance = np.abs(finite[:, None] - edges[None, 1:-1]).min(axis=1)
    near = int((distance < 1e-4 * (edges[1] - edges[0])).sum())
    assert np.abs(np.cumsum(histogram.counts) - np.cumsum(exact)).max() <= near


@relaxed
@given(st.integers(4_097, 200_000), st.integers(0, 2**32))
def test_sampled_histogram_is_of_evenly_spaced_values(size: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 32, size).astype(np.float32)
    values[:2] = 0, 31
    histogram = measure(values).histogram
    assert histogram is not None
    taken = values[:: sample_stride(size)] * (32 / 31) // 1
    exact = np.bincount(np.minimum(taken, 31).astype(int), minlength=32)
    assert list(histogram.counts) == exact.tolist()


@relaxed
@given(st.integers(1, 10**9))
@example(1)
@example(4096)
@example(4097)
@example(2 * 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23)
def test_sampling_skips_no_feature(count: int) -> None:
    stride = sample_stride(count)
    assert math.gcd(stride, count) == 1
    left = len(range(0, count, stride))
    assert left <= HISTOGRAM_SAMPLE
    assert left == count or left > HISTOGRAM_SAMPLE // 4 or count < 2 * HISTOGRAM_SAMPLE


@given(st.integers(4_097, 10**7))
@settings(relaxed, max_examples=50)
def test_sampling_leaves_every_feature_its_share(count: int) -> None:
    stride = sample_stride(count)
    for divisor in range(2, 65):
        if count % divisor == 0:
            seen = {index % divisor for index in range(0, count, stride)}
            assert len(seen) == divisor


@pytest.mark.parametrize("action", ["raise", "warn"])
def test_the_users_own_error_settings_of_numpy_do_not_matter(action: Any) -> None:
    odd = np.array([np.nan, np.inf, 1e-45, 3e38, -3e38], dtype=np.float32)
    with np.errstate(all=action), warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in (odd, odd[2:], odd[:2], odd[2:3], np.zeros(9000, np.float32)):
            assert_whole(measure(values), values)


def test_no_values_have_no_figures() -> None:
    for shape in ((0,), (3, 0), (0, 0, 2)):
        stats = measure(np.empty(shape, dtype=np.float32))
        assert stats == TensorStats(0, None, None, None, None, None, None, None, 0, None)


# -- on a device ---------------------------------------------------------------------------------


def _assert_device_agrees(tensor: torch.Tensor, values: Array) -> None:
    """The figures of `tensor` by way of a device's batch are those of `values` by `measure`."""
    batch = Batch()
    figures = batch.add(tensor)
    batch.flush()
    stats, expected = figures.stats, measure(values)
    assert stats is not None
    for name in ("count", "nonfinite", "min", "max", "fraction_nonpositive", "fraction_zero"):
        assert getattr(stats, name) == getattr(expected, name), name
    preview = values.reshape(-1)[:8].tolist()
    assert list(map(repr, figures.preview)) == list(map(repr, preview))
    if expected.norm is None or expected.histogram is None:
        assert stats.norm is None
        assert stats.histogram is None
        return
    rms = expected.norm / math.sqrt(values.size - expected.nonfinite)
    for name in ("mean", "std", "norm"):
        exact = getattr(expected, name)
        assert abs(getattr(stats, name) - exact) <= 1e-4 * max(abs(exact), rms), name
    assert stats.histogram is not None
    histogram = stats.histogram
    assert (histogram.low, histogram.high) == (expected.min, expected.max)
    assert len(histogram.counts) == 32
    total = sum(histogram.counts)
    if values.size <= HISTOGRAM_SAMPLE:
        assert histogram.sampled is None
        assert total == values.size - expected.nonfinite
    else:
        assert histogram.sampled == total
    if expected.nonfinite == 0:
        assert total == sum(expected.histogram.counts)
    json.dumps(to_plain(stats), allow_nan=False)


@settings(relaxed, max_examples=120)
@given(arrays())
def test_figures_on_a_device_agree(values: Array) -> None:
    _assert_device_agrees(torch.from_numpy(values.copy()), values)


@settings(relaxed, max_examples=120)
@given(
    st.sampled_from(
        [torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]
    ),
    SIZES,
    st.integers(0, 2**32),
)
def test_figures_of_other_types_on_a_device_agree(dtype: torch.dtype, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    tensor = torch.from_numpy(random.standard_normal(size) * 50 + 100).to(dtype)
    half = dtype in (torch.float16, torch.bfloat16)
    _assert_device_agrees(tensor, (tensor.float() if half else tensor).numpy())


def test_figures_of_strided_tensors_on_a_device_agree() -> None:
    table = torch.arange(60.0).reshape(5, 12) - 20
    for tensor in (table.T, table[:, ::3], table[1:, 2].expand(3, 4), table[2, 3], table[:, None]):
        _assert_device_agrees(tensor, tensor.numpy())


def test_many_rows_come_over_each_to_its_own_figures() -> None:
    batch = Batch()
    figures = [batch.add(torch.full((number,), float(number))) for number in range(1, 40)]
    assert all(entry.stats is None for entry in figures)
    batch.flush()
    for number, entry in enumerate(figures, 1):
        assert entry.stats is not None
        assert (entry.stats.count, entry.stats.max) == (number, number)
        assert entry.preview == (float(number),) * min(number, 8)
