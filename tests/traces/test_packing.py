"""A step as bytes: every one comes back to the last bit, in few bytes."""

from __future__ import annotations

import dataclasses
import math
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ganscope.traces import Histogram, Samples, Step, TensorRecord, TensorStats
from ganscope.traces.columns import ColumnReader, pack_floats, pack_integers
from ganscope.traces.layout import pack_layout, read_layout, take_apart
from ganscope.traces.packing import LARGEST, pack
from ganscope.traces.unpacking import unpack
from tests.traces.strategies import alike, of
from tests.traces.test_schema import CALL, STATS, STEP, TENSOR

DIGEST = b"0123456789abcdef"
ANY = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def there_and_back(step: Step) -> Step:
    parts = take_apart(step)
    packed = pack(parts, DIGEST)
    return unpack(read_layout(pack_layout(parts.layout)), DIGEST, packed.numbers, packed.samples)


# -- columns -------------------------------------------------------------------------------------

FLOATS = st.lists(
    st.none() | st.floats() | st.floats(width=32) | st.sampled_from([0.0, -0.0, 1e308, 5e-324])
)


@ANY
@given(st.lists(st.integers(-(2**70), 2**70) | st.integers(0, 300)))
@example([0, 255])
@example([0, 256])
@example([2**16])
@example([2**32])
@example([-1, 2**63 - 1])
@example([2**63])
def test_integers_come_back(values: list[int]) -> None:
    reader = ColumnReader(pack_integers(values))
    assert list(reader.integers(len(values))) == values
    reader.finish()


@ANY
@given(FLOATS)
@example([1.5, 0.1, None])
@example([1.5, 1e308])
@example([math.nan, math.inf, -0.0])
@example([struct.unpack("<d", b"\x01\0\0\0\0\0\xf8\xff")[0], 1.5])  # a NaN with bits of its own
def test_floats_come_back(values: list[float | None]) -> None:
    reader = ColumnReader(pack_floats(values))
    back = reader.floats(len(values))
    reader.finish()
    assert [_bits(value) for value in back] == [_bits(value) for value in values]


def _bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack("<d", value)


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ([1, 200], 2),
        ([1, 1000], 4),
        ([1, 100_000], 8),
        ([-1, 1], 16),
    ],
)
def test_integers_take_as_many_bytes_as_the_largest_needs(values: list[int], size: int) -> None:
    assert len(pack_integers(values)) == 1 + size


def test_what_float32_holds_takes_four_bytes() -> None:
    assert len(pack_floats([0.5, -3.25, math.inf])) == 1 + 3 * 4
    assert len(pack_floats([0.1, 0.5])) == 1 + 2 * 8
    assert len(pack_floats([0.5, 0.1, None])) == 1 + 3 + 4 + 8


def test_a_column_that_is_cut_off_or_strange_is_refused() -> None:
    for data in (b"", b"\x63abc", pack_floats([0.1])[:-1], pack_floats([None, 0.5])[:2]):
        with pytest.raises(ValueError, match=r"column|numbers"):
            ColumnReader(data).floats(2)
    for data in (b"", b"\x63", pack_integers([1]), b'\x09\x07\0\0\0[1,"2"]', b"\x09\x05\0\0\0[1,2"):
        with pytest.raises(ValueError, match=r"column|numbers|delimiter"):
            ColumnReader(data).integers(2)
    reader = ColumnReader(pack_integers([1, 2, 3]))
    reader.integers(2)
    with pytest.raises(ValueError, match="more numbers"):
        reader.finish()


# -- steps ---------------------------------------------------------------------------------------


@ANY
@given(of(Step))
def test_any_step_comes_back_to_the_last_bit(step: Step) -> None:
    step = replace(step, index=step.index % 2**62)
    assert alike(there_and_back(step), step)


@ANY
@given(st.lists(of(TensorRecord), min_size=1, max_size=6), st.data())
def test_records_that_are_one_object_come_back_as_one(
    records: list[TensorRecord], data: st.DataObject
) -> None:
    some = st.lists(st.sampled_from(records), max_size=4).map(tuple)
    calls = tuple(
        replace(CALL, id=number, inputs=data.draw(some), outputs=data.draw(some))
        for number in range(4)
    )
    step = Step(0, calls)
    back = there_and_back(step)
    assert alike(back, step)
    assert _identities(back) == _identities(step)


def _identities(step: Step) -> list[int]:
    """Which record each input and output is, by the order in which they first appear."""
    known: dict[int, int] = {}
    used = [record for call in step.calls for record in (*call.inputs, *call.outputs)]
    return [known.setdefault(id(record), len(known)) for record in used]


def _with(stats: TensorStats | None, **changes: Any) -> Step:
    record = replace(TENSOR, stats=stats, **changes)
    return Step(3, (replace(CALL, inputs=(record, TENSOR)),))


HISTOGRAM = STATS.histogram
assert HISTOGRAM is not None
EMPTY = TensorStats(0, None, None, None, None, None, None, None, 0, None)


@pytest.mark.parametrize(
    "step",
    [
        Step(0, ()),
        Step(2**62, (), STEP.updates, STEP.ledger),
        STEP,
        _with(None),
        _with(EMPTY),
        _with(replace(STATS, histogram=None)),
        _with(replace(STATS, nonfinite=2)),  # of none finite: no share of them
        _with(replace(STATS, nonfinite=1, fraction_zero=1.0)),
        _with(replace(STATS, fraction_zero=1 / 3)),
        _with(replace(STATS, fraction_zero=-0.0)),
        _with(replace(STATS, fraction_zero=math.nan)),
        _with(replace(STATS, fraction_zero=math.inf)),
        _with(replace(STATS, fraction_zero=None)),
        _with(replace(STATS, min=-0.0)),
        _with(replace(STATS, min=None)),
        _with(replace(STATS, mean=math.nan, std=math.inf, norm=1e308)),
        _with(replace(STATS, histogram=Histogram(-0.0, 1.0, (0,) * 32))),
        _with(replace(STATS, histogram=Histogram(-1.0, 2.5, (7,) * 32, 4))),
        _with(replace(STATS, histogram=Histogram(0.0, 1.0, ()))),
        _with(replace(STATS, histogram=Histogram(0.0, 1.0, (2**40, -1, 2**80)))),
        _with(STATS, preview=(True, 0, 1, False, 1.0, -0.0, math.nan, 2**70)),
        _with(STATS, preview=(1, 2, 3)),
        _with(STATS, preview=()),
        _with(STATS, samples=None),
        _with(STATS, samples=Samples((), (0,), b"")),
        _with(STATS, samples=Samples((0, 1), (2, 3), bytes(range(12)))),
        _with(STATS, name="größe \ud800 \x00", note="∞", shape=None, dtype=None, device=None),
    ],
    ids=lambda step: f"{len(step.calls)} calls",
)
def test_odd_steps_come_back(step: Step) -> None:
    assert alike(there_and_back(step), step)


def test_ratios_that_are_no_quotients_come_back() -> None:
    update = STEP.updates[0]
    parameter = update.parameters[0]
    for weight, move, ratio in (
        (0.0, 1.0, None), (0.0, 0.0, 0.0), (None, None, None), (2.0, 1.0, 0.49), (3.0, 1.0, 1 / 3),
        (1.0, 0.0, -0.0),
    ):  # fmt: skip
        own = replace(parameter, weight_norm=weight, update_norm=move, update_ratio=ratio)
        step = replace(STEP, updates=(replace(update, parameters=(own, parameter)),))
        assert alike(there_and_back(step), step)


def test_steps_differ_in_layout_only_in_what_is_no_number() -> None:
    other = replace(
        STEP,
        index=5,
        calls=(replace(CALL, seconds=9.0, inputs=(replace(TENSOR, preview=(3.0, 4.0)),)),),
    )
    assert take_apart(other).layout == take_apart(STEP).layout
    for changes in ({"path": "generator.1"}, {"nth": 2}, {"site": None}, {"outputs": (TENSOR,)}):
        other = replace(STEP, calls=(replace(CALL, **changes),))  # type: ignore[arg-type]
        assert take_apart(other).layout != take_apart(STEP).layout


def test_equal_layouts_give_equal_bytes() -> None:
    again = take_apart(dataclasses.replace(STEP, index=9)).layout
    assert pack_layout(again) == pack_layout(take_apart(STEP).layout)


def test_a_step_too_large_is_refused_when_it_is_written() -> None:
    counts = (2**80,) * (LARGEST // 24)
    step = _with(replace(STATS, histogram=Histogram(0.0, 1.0, counts)))
    with pytest.raises(ValueError, match="more than a recording holds"):
        pack(take_apart(step), DIGEST)


def test_numbers_are_read_with_their_own_layout_and_samples_only() -> None:
    parts = take_apart(STEP)
    packed = pack(parts, DIGEST)
    with pytest.raises(ValueError, match="another layout"):
        unpack(parts.layout, b"x" * 16, packed.numbers, packed.samples)
    with pytest.raises(ValueError, match="checksum"):
        unpack(parts.layout, DIGEST, packed.numbers, packed.samples[:-1])


def test_a_layout_that_leads_nowhere_is_refused() -> None:
    layout = take_apart(STEP).layout
    for changes in (
        {"used": (1,)}, {"used": (-1,)}, {"used": ()}, {"measured": (5, -1, -1)},
        {"measured": (-2, -1, -1)}, {"sizes": ((1, 0, 2),)}, {"sizes": ()}, {"previews": (-1,)},
        {"samples": ((9, (), ()),)}, {"stats": ((1, -5, None),)}, {"calls": ()},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="leads nowhere"):
            read_layout(pack_layout(layout._replace(**changes)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="none"):
        read_layout(pack_layout(layout[:3]))  # type: ignore[arg-type]
