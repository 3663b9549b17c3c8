"""Nouns as rows: whatever they hold comes back, and what a row is follows from their fields."""

from __future__ import annotations

import dataclasses
import math
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ganscope.traces import Call, CallSite, Histogram, Samples, Step, TensorRecord, TensorStats
from ganscope.traces.blobs import pack_histogram, pack_preview, read_histogram, read_preview
from ganscope.traces.database import create
from ganscope.traces.reading import StepReader
from ganscope.traces.rows import StepRows
from ganscope.traces.table import OF_INTERVALS, OF_RECORDING, SCHEMA, tables
from tests.traces.gan_steps import gan_steps
from tests.traces.strategies import alike, of
from tests.traces.test_schema import CALL, STATS, STEP, TENSOR

ANY = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def there_and_back(*steps: Step, schema: str = SCHEMA) -> tuple[Step, ...]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema)
        rows, reader = StepRows(), StepReader()
        for number, step in enumerate(steps):
            rows.add(connection, number, step)
        back = [
            reader.read(connection, range(number, number + 1), step.index)
            for number, step in enumerate(steps)
        ]
    assert all(back)
    return tuple(step for step in back if step is not None)


def form_of(step: Step) -> int:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        StepRows().add(connection, 0, step)
        form: int = connection.execute("SELECT form FROM interval").fetchone()[0]
        return form


# -- steps ---------------------------------------------------------------------------------------


@ANY
@given(of(Step), of(Step))
def test_any_steps_come_back_to_the_last_bit(step: Step, next_one: Step) -> None:
    steps = [replace(step, index=step.index % 2**62), replace(next_one, index=5)]
    assert alike(there_and_back(*steps), tuple(steps))


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
    (back,) = there_and_back(step)
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
        _with(replace(STATS, fraction_zero=-math.nan)),
        _with(replace(STATS, fraction_zero=math.inf)),
        _with(replace(STATS, fraction_zero=None)),
        _with(replace(STATS, min=-0.0)),
        _with(replace(STATS, min=None)),
        _with(replace(STATS, count=2**63 - 1)),
        _with(replace(STATS, count=2**63)),
        _with(replace(STATS, count=-(2**63))),
        _with(replace(STATS, count=-(2**63) - 1)),
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
        replace(STEP, calls=(replace(CALL, site=CallSite("\udcff.py", 2**70, "\x00")),)),
        replace(STEP, calls=(replace(CALL, arguments={"\ud800": [None, True, 1, 1.0, "1", {}]}),)),
    ],
    ids=lambda step: f"{len(step.calls)} calls",
)
def test_odd_steps_come_back(step: Step) -> None:
    assert alike(there_and_back(step), (step,))


def test_values_that_are_equal_and_differ_in_type_stay_what_they_are() -> None:
    """Texts are kept by their value, and what is JSON by its bytes."""
    rates = [(0.0,), (-0.0,), (1.0,), (2.0,)]
    update = STEP.updates[0]
    steps = []
    for index, rate in enumerate(rates):
        optimizer = replace(update.optimizers[0], learning_rates=rate)
        step = replace(STEP, index=index, updates=(replace(update, optimizers=(optimizer,)),))
        one = replace(CALL, arguments={"a": [1, 1.0, True, rate[0]]}, nth=index)
        steps.append(replace(step, calls=(one,)))
    assert alike(there_and_back(*steps), tuple(steps))


def test_a_mapping_that_is_no_dictionary_is_stored_too() -> None:
    from types import MappingProxyType

    call = replace(CALL, arguments=MappingProxyType({"a": 1}))
    (back,) = there_and_back(replace(STEP, calls=(call,)))
    assert back.calls[0].arguments == {"a": 1}


def test_numbers_of_other_types_are_stored_in_their_fields_type() -> None:
    import numpy as np

    stats = replace(STATS, count=np.int64(4), mean=np.float64(0.5), std=1, norm=np.float32(2))  # type: ignore[arg-type]
    (back,) = there_and_back(_with(stats))
    found = back.calls[0].inputs[0].stats
    assert alike(found, replace(STATS, count=4, mean=0.5, std=1.0, norm=2.0))


@pytest.mark.parametrize(
    "change", [{"seconds": "fast"}, {"nth": 1.5}, {"path": 7}, {"site": "here"}, {"mode": b"eval"}]
)
def test_what_a_field_cannot_hold_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises((TypeError, AttributeError)):
        there_and_back(replace(STEP, calls=(replace(CALL, **change),)))


# -- forms ---------------------------------------------------------------------------------------


def test_steps_are_of_one_form_where_they_differ_in_numbers_alone() -> None:
    other = replace(
        STEP,
        index=5,
        calls=(replace(CALL, seconds=9.0, inputs=(replace(TENSOR, preview=(3.0, 4.0), id=99),)),),
    )
    assert form_of(other) == form_of(STEP)
    steps = gan_steps()
    assert len({form_of(step) for step in steps}) == 1
    for changes in (
        {"path": "generator.1"}, {"site": None}, {"outputs": (TENSOR,)}, {"update": None},
        {"inputs": (replace(TENSOR, stats=None),)}, {"inputs": (TENSOR, TENSOR)},
        {"inputs": (replace(TENSOR, shape=(3, 2)),)}, {"gradients": ()},
    ):  # fmt: skip
        assert form_of(replace(STEP, calls=(replace(CALL, **changes),))) != form_of(STEP)  # type: ignore[arg-type]
    assert form_of(replace(STEP, updates=())) != form_of(STEP)


def test_which_tensor_is_used_is_part_of_the_form() -> None:
    one, other = replace(TENSOR), replace(TENSOR)
    calls = [replace(CALL, inputs=inputs) for inputs in ((one, other), (one, one))]
    forms = {
        form_of(replace(STEP, calls=(replace(CALL, outputs=(other, one)), call))) for call in calls
    }
    assert len(forms) == 2


# -- blobs ---------------------------------------------------------------------------------------

HISTOGRAMS = st.builds(
    Histogram,
    low=st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False),
    high=st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False),
    counts=st.lists(st.integers(-1, 2**66) | st.integers(0, 300), max_size=40).map(tuple)
    | st.lists(st.integers(0, 2**16), min_size=32, max_size=32).map(tuple),
    sampled=st.none() | st.integers(-1, 2**65),
)
NUMBERS = st.floats() | st.floats(width=32) | st.integers(-(2**70), 2**70) | st.booleans()


@ANY
@given(HISTOGRAMS)
@example(Histogram(0.0, 1.0, (65_535,) * 32))
@example(Histogram(0.0, 1.0, (65_536,) * 32))
@example(Histogram(0.1, 1.0, (2**32 - 1, 2**32), 2**63 - 1))
@example(Histogram(0.0, 1.0, (1,) * 32, 0))
@example(Histogram(-0.0, 1e308, (1,) * 32))
def test_any_histogram_comes_back(histogram: Histogram) -> None:
    assert alike(read_histogram(pack_histogram(histogram)), histogram)


@ANY
@given(st.lists(NUMBERS, max_size=9) | st.lists(st.floats(width=32), max_size=9))
def test_any_preview_comes_back(values: list[Any]) -> None:
    assert alike(read_preview(pack_preview(values)), tuple(values))


def test_blobs_are_what_the_page_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gscope.md").read_text(encoding="utf-8")
    (code,) = [part for part in page.split("```python\n") if part.startswith("edges, counts")]
    for low, letters in ((0.5, "fH"), (0.1, "dH")):
        histogram = Histogram(low, 2.0, tuple(range(32)), 4096)
        names: dict[str, Any] = {"blob": pack_histogram(histogram), "struct": __import__("struct")}
        exec(code.partition("```")[0], names)
        assert names["blob"][:2].decode() == letters
        assert (names["low"], names["high"], names["sampled"]) == (low, 2.0, 4096)
        assert names["bins"] == list(range(32))
    assert pack_preview((0.5, 1.0)) == b"f\x00\x00\x00?\x00\x00\x80?"
    assert [pack_preview(values)[:1] for values in ((0.1,), (1, 2), (True,), (1, 2.0), ())] == [
        b"d", b"q", b"?", b"j", b"",
    ]  # fmt: skip


# -- fields --------------------------------------------------------------------------------------


def test_every_field_has_a_column_or_is_a_noun_with_a_table() -> None:
    nouns = {noun for noun in {**OF_RECORDING, **OF_INTERVALS}.values() if noun}
    for table in tables().values():
        if table.noun is None:
            continue
        columns = {field.name for field in table.fields}
        for field in dataclasses.fields(table.noun):
            text = str(field.type)
            nested = any(re.search(rf"\b{noun.__name__}\b", text) for noun in nouns)
            assert (field.name in columns) != nested, (table.name, field.name)


def test_a_field_without_a_column_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganscope.traces import table

    monkeypatch.setattr(table, "SCHEMA", SCHEMA.replace("    nth INTEGER,\n", ""))
    with pytest.raises(TypeError, match=r"table call in schema\.sql has no column nth"):
        table.tables.__wrapped__()


def test_a_field_is_added_by_a_column_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As schema.sql says at its top."""
    from ganscope.traces import table

    Wider = dataclasses.make_dataclass(
        "Wider",
        [("betas", tuple[float, float] | None, None), ("held", Mapping[str, Any], None)],
        bases=(Call,),
        frozen=True,
        slots=True,
    )
    wider = SCHEMA.replace(
        "    arguments INTEGER REFERENCES text,\n",
        "    arguments INTEGER REFERENCES text,\n    betas INTEGER REFERENCES text,\n"
        "    held INTEGER REFERENCES text,\n",
    )
    assert wider != SCHEMA
    monkeypatch.setattr(table, "SCHEMA", wider)
    monkeypatch.setattr(table, "OF_INTERVALS", {**OF_INTERVALS, "call": Wider})
    found = table.tables.__wrapped__()
    monkeypatch.setattr(table, "tables", lambda: found)
    for room in ("rows", "reading"):
        monkeypatch.setattr(f"ganscope.traces.{room}.tables", lambda: found)
    values = {field.name: getattr(CALL, field.name) for field in dataclasses.fields(Call)}
    call = Wider(**values, betas=(0.5, 0.999), held={"a": [1]})
    (back,) = there_and_back(replace(STEP, calls=(call,)), schema=wider)
    assert alike(back.calls[0], call)


def test_a_recording_is_made_of_the_schema(tmp_path: Path) -> None:
    create(tmp_path / "run.gscope", lambda connection: None)
    with closing(sqlite3.connect(tmp_path / "run.gscope")) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert {*OF_INTERVALS, *OF_RECORDING, "text", "site", "odd_value", "interval"} <= names
