"""A recording answers questions in SQL, as docs/gscope.md says it does."""

from __future__ import annotations

import copy
import json
import math
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganscope.errors import TraceFileError
from ganscope.traces import Call
from ganscope.traces.table import view_columns
from tests.traces.gan_steps import gan_steps
from tests.traces.test_file import recorded, write
from tests.traces.test_schema import GOLDEN

PAGE = (Path(__file__).parents[2] / "docs" / "gscope.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE, re.M | re.S)
STEPS = tuple(replace(step, index=10 * step.index) for step in gan_steps())


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("sql") / "run.gscope"
    connection = sqlite3.connect(write(path, STEPS))
    yield connection
    connection.close()


def test_every_view_is_documented_with_its_columns(database: sqlite3.Connection) -> None:
    views = database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
    documented = dict(re.findall(r"^\| `(\w+)` \| [\w ]+ \| (`.*`) \|$", PAGE, re.M))
    assert sorted(documented) == sorted(name for (name,) in views)
    for name, columns in documented.items():
        given = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
        assert re.findall(r"`(\w+)`", columns) == given, name


def test_every_table_is_named(database: sqlite3.Connection) -> None:
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        assert f"`{name}`" in PAGE


def test_the_views_show_the_steps_own_numbers(database: sqlite3.Connection) -> None:
    assert database.execute("SELECT * FROM steps").fetchall() == [
        (step.index, len(step.calls), len(step.updates)) for step in STEPS
    ]
    assert database.execute("SELECT * FROM losses").fetchall() == [
        (step.index, update.index, loss.name, loss.value, loss.call)
        for step in STEPS
        for update in step.updates
        for loss in update.losses
    ]
    assert database.execute("SELECT * FROM parameter_updates").fetchall() == [
        (
            step.index,
            update.index,
            one.name,
            one.optimizer,
            json.dumps(one.shape),
            one.gradient.norm if one.gradient else None,
            one.weight_norm,
            one.update_norm,
            one.update_ratio,
        )
        for step in STEPS
        for update in step.updates
        for one in update.parameters
    ]
    assert database.execute("SELECT * FROM calls").fetchall() == [
        (step.index, *_call_row(call)) for step in STEPS for call in step.calls
    ]


def _call_row(call: Call) -> tuple[object, ...]:
    output, gradient = call.outputs[0].stats, call.gradients[0].stats
    assert output is not None
    assert gradient is not None
    return (
        call.id, call.parent, call.update, call.purpose, call.kind, call.network, call.path,
        call.type, call.nth, call.parameters, call.seconds, call.site and call.site.file,
        call.site and call.site.line, json.dumps(call.arguments),
        json.dumps(call.outputs[0].shape), output.mean, output.std, gradient.norm,
    )  # fmt: skip


def test_every_tensor_gradient_and_backward_is_shown(database: sqlite3.Connection) -> None:
    assert database.execute(
        "SELECT step, call, path, direction, place, id, shape, mean, nonfinite FROM tensors "
        "ORDER BY step, call, direction, place"
    ).fetchall() == [
        (step.index, call.id, call.path, direction, place, record.id, json.dumps(record.shape),
         record.stats and record.stats.mean, record.stats and record.stats.nonfinite)
        for step in STEPS
        for call in step.calls
        for direction, records in (("input", call.inputs), ("output", call.outputs))
        for place, record in enumerate(records)
    ]  # fmt: skip
    assert database.execute("SELECT step, backward, call, norm FROM gradients").fetchall() == [
        (step.index, each.backward, call.id, each.stats and each.stats.norm)
        for step in STEPS
        for call in step.calls
        for each in call.gradients
    ]
    assert database.execute("SELECT * FROM backwards").fetchall() == [
        (step.index, update.index, run.id, run.loss, run.kind, json.dumps(run.reached), None)
        for step in STEPS
        for update in step.updates
        for run in update.backwards
    ]
    assert database.execute("SELECT * FROM optimizers").fetchall() == [
        (step.index, update.index, one.name, one.type, json.dumps(one.learning_rates))
        for step in STEPS
        for update in step.updates
        for one in update.optimizers
    ]
    assert database.execute("SELECT * FROM ledger").fetchall() == [
        (step.index, one.network, one.backward, one.tensors, one.fate, one.update)
        for step in STEPS
        for one in step.ledger
    ]


def test_what_was_not_measured_is_null(tmp_path: Path) -> None:
    connection = sqlite3.connect(write(tmp_path / "run.gscope", GOLDEN.steps))
    call = connection.execute(
        "SELECT output_shape, output_mean, output_std, gradient_norm FROM calls"
    ).fetchone()
    assert call == (None, None, None, None)
    assert connection.execute("SELECT value FROM losses").fetchone() == (None,)  # it is NaN
    figures = connection.execute("SELECT gradient_norm, update_ratio FROM parameter_updates")
    assert figures.fetchone() == (None, 0.5)
    connection.close()


QUESTIONS = re.findall(r"^([A-Z][^\n]*\n?[^\n]*\?)\n\n```sql\n(.*?)^```", PAGE, re.M | re.S)


def answer(connection: sqlite3.Connection, question: str) -> list[tuple[Any, ...]]:
    """What the documented query says to the question that begins so."""
    (query,) = [query for words, query in QUESTIONS if words.startswith(question)]
    return connection.execute(query).fetchall()


def test_every_documented_query_has_a_question_and_runs(database: sqlite3.Connection) -> None:
    assert [query for _, query in QUESTIONS] == QUERIES
    assert len(QUERIES) >= 12
    for query in QUERIES:
        database.execute(query).fetchall()


def test_documented_queries_about_losses_gradients_and_updates(
    database: sqlite3.Connection,
) -> None:
    losses = answer(database, "How did the losses develop")
    assert [row[:2] for row in losses] == [(0, "d_loss"), (0, "g_loss")]
    mean = sum(step.updates[0].losses[0].value for step in STEPS) / len(STEPS)
    assert losses[1][2] == round(mean, 4)
    paths = [call.path for call in STEPS[0].calls if call.kind == "module" and call.update == 0]
    assert [row[0] for row in answer(database, "Where does the gradient vanish")] == [
        path for path in dict.fromkeys(paths) if path.startswith("generator")
    ]
    ratios = answer(database, "Which parameters does a step change most")
    largest = max(one.update_ratio or 0 for step in STEPS for one in step.updates[0].parameters)
    assert ratios[0][1] >= largest
    assert len(ratios) == 5
    rates = answer(database, "How did the learning rates change")
    assert rates == [("optimizer_D", "[0.0002]", 0), ("optimizer_G", "[0.0002]", 0)]
    reached = answer(database, "Which networks did each backward reach")
    assert reached == [
        (update.index, run.loss, *run.reached.popitem())
        for update in copy.deepcopy(STEPS[0].updates)
        for run in update.backwards
    ]
    ledger = answer(database, "Which gradients were cleared or left")
    assert ledger == [("discriminator", "cleared", len(STEPS), 0)]


def test_documented_queries_about_calls_and_tensors(database: sqlite3.Connection) -> None:
    inactive = {
        call.path: [one.outputs[0].stats.fraction_zero for step in STEPS for one in step.calls
                    if one.path == call.path and one.outputs[0].stats]
        for call in STEPS[0].calls
    }  # fmt: skip
    assert {path for path, _ in answer(database, "Which layers are mostly inactive")} == {
        path for path, zero in inactive.items() if round(sum(zero) / len(zero), 3) > 0.5
    }
    made = {(call.id, record.id) for call in STEPS[0].calls for record in call.outputs}
    pairs = {(by, call.id) for by, one in made for call in STEPS[0].calls
             for record in call.inputs if record.id == one and call.id > by}  # fmt: skip
    assert len(pairs) > 30
    paths = {call.id: call.path for call in STEPS[0].calls}
    uses = answer(database, "Which calls use the output of which other call")
    assert uses == [(paths[by], paths[user]) for by, user in sorted(pairs)]
    time = answer(database, "Where is the time spent")
    parents = {call.parent for call in STEPS[0].calls}
    leaves = [call for step in STEPS for call in step.calls if call.id not in parents]
    assert sum(row[1] for row in time) == len(leaves)
    sites = answer(database, "From which lines of the code")
    modules = [call.site for step in STEPS for call in step.calls if call.kind == "module"]
    assert sum(row[2] for row in sites) == sum(site is not None for site in modules)
    narrow = [
        (step.index, call.path, call.outputs[0].stats.std)
        for step in STEPS
        for call in step.calls
        if call.path == "generator" and call.outputs[0].stats
    ]
    assert max(std or 0 for *_, std in narrow) < 0.05, "an untrained generator"
    assert (
        answer(database, "Which outputs are so narrow")
        == sorted(narrow, key=lambda row: row[2] or 0)[:5]
    )


def test_documented_queries_about_values_that_are_not_finite(tmp_path: Path) -> None:
    steps = list(gan_steps()[:3])
    update = steps[1].updates[0]
    loss = replace(update.losses[0], value=math.nan)
    steps[1] = replace(steps[1], updates=(replace(update, losses=(loss,)), *steps[1].updates[1:]))
    call = steps[2].calls[4]
    assert call.outputs[0].stats is not None
    sick = replace(call.outputs[0], stats=replace(call.outputs[0].stats, nonfinite=3))
    calls = [*steps[2].calls[:4], replace(call, outputs=(sick,)), *steps[2].calls[5:]]
    steps[2] = replace(steps[2], calls=tuple(calls))
    connection = sqlite3.connect(write(tmp_path / "run.gscope", steps))
    assert answer(connection, "In which steps was a loss NaN") == [(1, "g_loss")]
    first = answer(connection, "Which module first gives values")
    assert first == [(2, call.path, call.outputs[0].name, 3)]
    connection.close()


def rows_of(connection: sqlite3.Connection, view: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT * FROM {view} ORDER BY step").fetchall()


def test_figures_of_all_steps_are_read_without_the_steps(tmp_path: Path) -> None:
    path = write(tmp_path / "run.gscope", STEPS)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE interval SET checksum = 0")
    steps = recorded(path)
    for view, columns in view_columns().items():
        assert steps.table(view, columns) == rows_of(connection, view)
    assert steps.table("calls", ["step", "output_mean"], path="discriminator", nth=2) == [
        (step.index, call.outputs[0].stats.mean)
        for step in STEPS
        for call in step.calls
        if call.path == "discriminator" and call.nth == 2 and call.outputs[0].stats
    ]
    assert steps.table("losses", ["value"], name="no_such_loss") == []
    for wrong in (("losses", ["nothing"]), ("nothing", ["step"]), ("losses", ["1; DROP TABLE x"])):
        with pytest.raises(ValueError, match="no view"):
            steps.table(*wrong)
    connection.execute("UPDATE loss SET value = 'text'")
    with pytest.raises(TraceFileError, match=r"damaged in the figures of its losses \(value"):
        recorded(path).table("losses", ["value"])
    connection.close()


def test_one_step_is_found_without_looking_through_all(database: sqlite3.Connection) -> None:
    plan = database.execute("EXPLAIN QUERY PLAN SELECT * FROM calls WHERE step = 30").fetchall()
    assert any(row[3].startswith("SEARCH c USING INDEX call_of_interval") for row in plan)
