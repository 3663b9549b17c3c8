"""A recording answers questions in SQL, as docs/gscope.md says it does."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ganscope.errors import TraceFileError
from ganscope.traces import Call
from ganscope.traces.tables import COLUMNS
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
        (step.index, update.index, loss.name, loss.value)
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
            "x".join(map(str, one.shape)),
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
        call.type, call.nth, call.parameters, "x".join(map(str, call.outputs[0].shape or ())),
        output.mean, output.std, gradient.norm,
    )  # fmt: skip


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


def test_documented_queries_run_and_answer(database: sqlite3.Connection) -> None:
    assert len(QUERIES) == 3
    losses, gradients, ratios = [database.execute(query).fetchall() for query in QUERIES]
    assert [row[:2] for row in losses] == [(0, "d_loss"), (0, "g_loss")]
    mean = sum(step.updates[0].losses[0].value for step in STEPS) / len(STEPS)
    assert losses[1][2] == round(mean, 4)
    paths = [call.path for call in STEPS[0].calls if call.kind == "module" and call.update == 0]
    assert [row[0] for row in gradients] == [
        path for path in dict.fromkeys(paths) if path.startswith("generator")
    ]
    largest = max(one.update_ratio or 0 for step in STEPS for one in step.updates[0].parameters)
    assert ratios[0][1] >= largest
    assert len(ratios) == 5


def test_figures_of_all_steps_are_read_without_the_steps(tmp_path: Path) -> None:
    path = write(tmp_path / "run.gscope", STEPS)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM step_data")
    steps = recorded(path)
    for view, columns in COLUMNS.items():
        assert steps.table(view, columns) == connection.execute(f"SELECT * FROM {view}").fetchall()
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
    connection.execute("UPDATE loss_figures SET value = 'text'")
    with pytest.raises(TraceFileError, match=r"damaged in the figures of its losses \(value"):
        recorded(path).table("losses", ["value"])
    connection.close()


def test_one_step_is_found_without_looking_through_all(database: sqlite3.Connection) -> None:
    plan = database.execute("EXPLAIN QUERY PLAN SELECT * FROM calls WHERE step = 30").fetchall()
    assert any(row[3].startswith("SEARCH f USING INTEGER PRIMARY KEY") for row in plan)
