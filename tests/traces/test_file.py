"""The `.gscope` file: what is written is read, step by step, by whoever may look at it."""

from __future__ import annotations

import gc
import os
import sqlite3
import stat
import tracemalloc
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganscope.errors import OutputError, TraceFileError, UsageError
from ganscope.traces import Step, Trace
from ganscope.traces.file import TraceWriter, open_trace
from ganscope.traces.head import NOT_CLOSED
from ganscope.traces.recorded import RecordedSteps
from tests.traces.gan_steps import NETWORKS, gan_steps
from tests.traces.strategies import alike, of
from tests.traces.test_schema import CALL, GOLDEN, META
from tests.traces.test_schema import STEP as NAN_STEP

ROOT = Path(__file__).parents[2]
G, D = NETWORKS
_UPDATE = NAN_STEP.updates[0]
STEP = replace(
    NAN_STEP, updates=(replace(_UPDATE, losses=(replace(_UPDATE.losses[0], value=0.5),)),)
)
"""Equal to itself, which one with NaN is not."""


def steps_of(*indices: int) -> list[Step]:
    return [
        replace(STEP, index=index, calls=(replace(CALL, seconds=index / 7),)) for index in indices
    ]


def beside(path: Path) -> list[str]:
    """Names of all files in the folder."""
    return sorted(entry.name for entry in path.parent.iterdir())


def write(path: Path, steps: Sequence[Step], trace: Trace = GOLDEN) -> Path:
    writer = TraceWriter(path, trace.meta)
    for step in steps:
        writer.append(step, trace.networks)
    writer.close(
        trace.meta,
        trace.networks,
        trace.failure,
        trace.findings,
        optimizers=trace.optimizers,
        sources=trace.sources,
    )
    return path


def recorded(path: Path) -> RecordedSteps:
    steps = open_trace(path).steps
    assert isinstance(steps, RecordedSteps)
    return steps


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.gscope"


# -- there and back ------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(of(Trace), st.data())
def test_any_trace_comes_back(path: Path, trace: Trace, data: st.DataObject) -> None:
    steps = [replace(step, index=index) for index, step in enumerate(trace.steps)]
    path.unlink(missing_ok=True)
    back = open_trace(write(path, steps, trace))
    assert alike(tuple(back.steps), tuple(steps))
    assert alike(replace(back, steps=()), replace(trace, steps=()))


def test_recorded_steps_equal_those_written(path: Path) -> None:
    steps = gan_steps()
    back = open_trace(write(path, steps))
    assert tuple(back.steps) == steps
    assert back == replace(GOLDEN, steps=steps)
    assert replace(GOLDEN, steps=steps) == back
    assert back != replace(GOLDEN, steps=steps[1:])
    assert back.steps != "steps"


def test_a_recording_as_json_follows_the_contract(path: Path) -> None:
    trace = open_trace(write(path, gan_steps()[:2]))
    assert trace.to_dict() == replace(GOLDEN, steps=gan_steps()[:2]).to_dict()
    assert Trace.from_dict(trace.to_dict()).steps == gan_steps()[:2]


def test_one_plain_file_is_left(path: Path) -> None:
    write(path, steps_of(0, 1))
    open_trace(path).steps[0]
    assert beside(path) == [path.name]
    assert b"ganscope" not in path.read_bytes()[:100]
    assert path.read_bytes()[68:72] == b"GSCP"


def test_a_recording_without_steps(path: Path) -> None:
    back = open_trace(write(path, []))
    assert (len(back.steps), list(back.steps)) == (0, [])
    with pytest.raises(IndexError):
        back.steps[0]
    assert repr(back) == "<Trace of generator: 0 step(s), failed>"


# -- a sequence ----------------------------------------------------------------------------------


def test_steps_by_place(path: Path) -> None:
    written = steps_of(*range(0, 200, 10))
    steps = recorded(write(path, written))
    assert len(steps) == 20
    assert steps[0] == written[0]
    assert steps[-1] == written[-1]
    assert list(steps) == written
    assert list(reversed(steps)) == written[::-1]
    assert written[3] in steps
    assert steps.index(written[3]) == 3
    for place in (20, -21):
        with pytest.raises(IndexError):
            steps[place]


def test_slices_are_sequences_of_their_own(path: Path) -> None:
    written = steps_of(*range(12))
    steps = recorded(write(path, written))
    for some in (slice(2, 5), slice(None, None, -1), slice(-3, None), slice(0, 99, 5), slice(5, 2)):
        part = steps[some]
        assert isinstance(part, RecordedSteps)
        assert list(part) == written[some]
        assert list(part[1:]) == written[some][1:]
        assert list(part.indices) == [step.index for step in written[some]]
        assert part.refresh() == len(part)
    assert replace(open_trace(path), steps=steps[2:4]).to_dict()["steps"][1]["index"] == 3


def test_steps_by_index(path: Path) -> None:
    steps = recorded(write(path, steps_of(*range(0, 200, 10))))
    assert steps.by_index(150).index == 150
    assert steps[2:5].by_index(30).index == 30
    with pytest.raises(UsageError) as caught:
        steps.by_index(154)
    assert str(caught.value) == (
        "there is no step 154; recorded are 0 to 190, every 10th; the nearest is 150"
    )


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([], "there is no step 5: none was recorded"),
        ([0, 1], "there is no step 5; recorded are 0, 1; the nearest is 1"),
        (range(10, 90), "there is no step 5; recorded are 10 to 89; the nearest is 10"),
        (
            range(99, 9, -1),
            "there is no step 5; recorded are 90 steps from 99 to 10; the nearest is 10",
        ),
        (
            [*range(10, 50), *range(60, 90)],
            "there is no step 5; recorded are 70 steps from 10 to 89; the nearest is 10",
        ),
    ],
)
def test_wording_of_a_step_that_is_not_there(path: Path, there: Sequence[int], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        recorded(write(path, steps_of(*there))).by_index(5)
    assert str(caught.value) == words


def test_few_steps_are_held_in_memory(path: Path) -> None:
    steps = recorded(write(path, gan_steps() * 5))
    first = steps[0]
    assert steps[0] is first
    tracemalloc.start()
    try:
        held = []
        for _ in steps:
            gc.collect()  # also empties the interpreter's lists of freed tuples
            held.append(tracemalloc.get_traced_memory()[0])
        assert held[-1] < 1.2 * held[10]
    finally:
        tracemalloc.stop()
    assert steps[0] is not first
    assert steps[0] == first


# -- writing -------------------------------------------------------------------------------------


def test_the_last_steps_can_be_replaced(path: Path) -> None:
    writer = TraceWriter(path, META)
    for step in steps_of(0, 1, 2, 3):
        writer.append(step, (G,))
    seen = recorded(path)
    writer.replace_last(3, steps_of(1, 2), (G, D))
    writer.append(steps_of(3)[0], (G, D))
    assert list(recorded(path)) == steps_of(0, 1, 2, 3)
    writer.replace_last(4, steps_of(7), (G, D))
    writer.replace_last(0, steps_of(8, 9), (G, D))
    writer.replace_last(1, [], (G, D))
    assert list(recorded(path)) == steps_of(7, 8)
    assert open_trace(path).networks == (G, D)
    with pytest.raises(TraceFileError, match=r"step 2 has been regrouped.*open it again"):
        seen[2]
    assert seen.refresh() == 2
    assert list(seen) == steps_of(7, 8)
    for count in (-1, 3):
        with pytest.raises(ValueError, match="cannot be replaced"):
            writer.replace_last(count, [], ())
    writer.close(META, (G, D))
    assert list(recorded(path)) == steps_of(7, 8)
    with sqlite3.connect(path) as connection:
        for view, rows in (("steps", 2), ("calls", 2), ("losses", 2), ("parameter_updates", 2)):
            assert connection.execute(f"SELECT count(*) FROM {view}").fetchone() == (rows,)
    connection.close()


def test_networks_and_the_end_are_told(path: Path) -> None:
    writer = TraceWriter(path, META)
    assert open_trace(path).networks == ()
    writer.append(STEP, [G])
    writer.append(STEP, [G])
    open_one = open_trace(path)
    assert open_one.networks == (G,)
    assert open_one.meta == replace(META, notes=(*META.notes, NOT_CLOSED))
    final = replace(META, completeness="partial")
    writer.close(final, [G, D], GOLDEN.failure, GOLDEN.findings)
    closed = open_trace(path)
    assert closed.meta == final
    assert closed.networks == (G, D)
    assert (closed.failure, closed.findings) == (GOLDEN.failure, GOLDEN.findings)


def test_a_closed_writer_takes_no_more(path: Path) -> None:
    writer = TraceWriter(path, META)
    writer.append(STEP, ())
    writer.close(META, (G,))
    writer.close(META, ())
    for late in (
        lambda: writer.append(STEP, ()),
        lambda: writer.replace_last(1, [], ()),
    ):
        with pytest.raises(OutputError, match=r"takes no .*: it is closed"):
            late()
    assert open_trace(path).networks == (G,)


def test_a_step_that_cannot_be_written_leaves_the_others(path: Path) -> None:
    writer = TraceWriter(path, META)
    writer.append(steps_of(0)[0], ())
    broken = replace(STEP, calls=(replace(CALL, seconds="fast"),))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="float"):
        writer.append(broken, ())
    writer.append(steps_of(1)[0], ())
    writer.close(META, ())
    assert list(recorded(path)) == steps_of(0, 1)


def test_texts_and_sites_are_kept_once(path: Path) -> None:
    writer = TraceWriter(path, META)
    kinds = [replace(STEP, calls=(replace(CALL, nth=number),)) for number in range(20)]
    counts = []
    for index, step in enumerate(kinds * 3):
        writer.append(replace(step, index=index), ())
        with closing(sqlite3.connect(path)) as connection:
            tables = ("text", "site", "call")
            rows = [connection.execute(f"SELECT count(*) FROM {name}") for name in tables]
            counts.append([row.fetchone()[0] for row in rows])
    writer.close(META, ())
    assert [step.calls[0].nth for step in recorded(path)] == list(range(20)) * 3
    own = (CALL.site, STEP.updates[0].backwards[0].site, STEP.events[0].site)
    assert counts[0][1] == len(set(own)) == 3
    assert [count[:2] for count in counts] == [counts[0][:2]] * 60
    assert [count[2] for count in counts] == list(range(1, 61))


def test_a_label_makes_several_intervals_one_step(path: Path) -> None:
    """Regrouping is one statement, and the intervals' rows stay as they are."""
    steps = gan_steps()[:4]
    write(path, steps)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "UPDATE interval SET checksum = checksum - step + 1, step = 1 WHERE id IN (1, 2)"
        )
        connection.commit()
        counts = connection.execute("SELECT step, calls, updates FROM steps").fetchall()
    back = recorded(path)
    assert list(back.indices) == [0, 1, 3]
    assert (back[0], back[2]) == (steps[0], steps[3])
    assert back[1].calls == steps[1].calls + steps[2].calls
    assert back[1].updates == steps[1].updates + steps[2].updates
    assert back[1].ledger == steps[1].ledger + steps[2].ledger
    assert counts == [
        (i, len(step.calls), len(step.updates)) for i, step in zip((0, 1, 3), back, strict=True)
    ]


def test_a_step_that_grows_is_read_anew(path: Path) -> None:
    writer = TraceWriter(path, META)
    writer.append(steps_of(0)[0], ())
    seen = recorded(path)
    assert len(seen[0].calls) == 1
    writer.append(steps_of(0)[0], ())
    assert len(seen[0].calls) == 1
    assert seen.refresh() == 1
    assert len(seen[0].calls) == 2
    writer.append(steps_of(1)[0], ())
    assert seen.refresh() == 2
    writer.close(META, ())


# -- what is there already -----------------------------------------------------------------------


def test_nothing_is_overwritten_unless_forced(path: Path) -> None:
    write(path, steps_of(0))
    before = path.read_bytes()
    with pytest.raises(OutputError) as caught:
        TraceWriter(path, META)
    assert str(caught.value) == (
        f"{path} exists already; add -f (force=True) to overwrite it, or name another"
    )
    assert path.read_bytes() == before
    writer = TraceWriter(path, META, force=True)
    writer.append(steps_of(5)[0], ())
    assert list(recorded(path)) == steps_of(5)
    writer.close(META, ())
    assert list(recorded(path)) == steps_of(5)


def test_the_old_recording_stays_until_the_new_one_is_ready(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, steps_of(0))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("ganscope.traces.database.create", fail)
    with pytest.raises(OutputError, match=r"run\.gscope cannot be written: the disk is full"):
        TraceWriter(path, META, force=True)
    assert list(recorded(path)) == steps_of(0)
    assert beside(path) == [path.name]


def test_the_log_of_a_killed_recording_does_not_get_into_the_next(path: Path) -> None:
    killed = TraceWriter(path, META)
    killed.append(steps_of(0)[0], ())
    log = path.with_name(path.name + "-wal")
    left = log.read_bytes()
    killed.close(META, ())
    log.write_bytes(left)
    writer = TraceWriter(path, META, force=True)
    writer.append(steps_of(1)[0], ())
    writer.close(META, ())
    assert list(recorded(path)) == steps_of(1)


def test_a_link_stays_one_and_permissions_stay(path: Path) -> None:
    real = path.with_name("real.gscope")
    write(real, steps_of(0))
    real.chmod(0o640)
    path.symlink_to(real)
    TraceWriter(path, META, force=True).close(META, ())
    assert path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert len(recorded(real)) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is a folder; name a file in it"),
        ("missing/run.gscope", "there is no folder"),
        ("pipe", "is no ordinary file"),
        ("x" * 300, "cannot be written: file name too long"),
    ],
)
def test_where_nothing_can_be_written(tmp_path: Path, name: str, words: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError) as caught:
        TraceWriter(tmp_path / name, META, force=True)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# -- what it costs -------------------------------------------------------------------------------


def test_a_step_of_a_gan_takes_few_bytes(path: Path) -> None:
    steps = gan_steps() * 20
    write(path, steps)
    assert path.stat().st_size / len(steps) < 30_000


def test_opening_reads_no_step(path: Path) -> None:
    write(path, steps_of(*range(100)))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM call")
    connection.close()
    steps = recorded(path)
    assert len(steps) == 100
    assert len(steps[10:20]) == 10


def test_the_memory_of_a_writer_does_not_grow(path: Path) -> None:
    writer = TraceWriter(path, META)
    tracemalloc.start()
    try:
        held = []
        for number in range(600):  # each step has a layout of its own
            writer.append(replace(STEP, calls=(replace(CALL, nth=number),)), (G,))
            held.append(tracemalloc.get_traced_memory()[0])
        assert max(held[300:]) < max(held[100:300]) + 20_000
    finally:
        tracemalloc.stop()
    writer.close(META, (G,))
