"""What goes wrong around a recording: killed runs, full disks, places that cannot be written."""

from __future__ import annotations

import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ganscope.errors import OutputError, TraceFileError
from ganscope.traces.file import TraceWriter, open_trace
from ganscope.traces.head import NOT_CLOSED
from tests.traces.gan_steps import NETWORKS, gan_steps
from tests.traces.test_file import STEP, beside, recorded, steps_of, write
from tests.traces.test_schema import META

ROOT = Path(__file__).parents[2]

# -- killed --------------------------------------------------------------------------------------

KILLED = """
import pickle, sys
from dataclasses import replace
from pathlib import Path
from ganscope.traces.file import TraceWriter

meta, networks, steps = pickle.loads(Path(sys.argv[1]).read_bytes())
writer = TraceWriter(Path(sys.argv[2]), meta, force=True)
print("ready", flush=True)
for number in range(1_000_000):
    step = steps[number % len(steps)]
    writer.append(replace(step, index=number), networks)
    print(number, flush=True)
    if number % 40 == 39:
        writer.replace_last(2, [replace(step, index=number + shift) for shift in (-1, 0)], networks)
"""


def kill_at_random_moments(folder: Path, times: int) -> None:
    """Each time: start a recording, kill it, and look whether every step is there."""
    import pickle

    steps, path = gan_steps(), folder / "run.gscope"
    (folder / "steps").write_bytes(pickle.dumps((META, NETWORKS, steps)))
    moments = random.Random(times)
    torn = 0
    for _ in range(times):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, folder / "steps", path],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(moments.uniform(0, 0.5))
            process.kill()
            said = [int(line) for line in process.stdout if line.endswith("\n")]
        trace = open_trace(path)
        assert NOT_CLOSED in trace.meta.notes
        assert len(trace.steps) >= len(said)
        kinds = [replace(steps[n % len(steps)], index=n) for n in range(len(trace.steps) + 1)]
        for number, step in enumerate(trace.steps):
            # One regrouping puts a step where its neighbour of the next kind stood.
            regrouped = replace(kinds[number + 1], index=number)
            assert step == kinds[number] or (number % 40 == 38 and step == regrouped)
        assert trace.networks == (NETWORKS if len(trace.steps) else ())
        alone = folder / "alone.gscope"
        shutil.copy(path, alone)
        try:
            kept = list(open_trace(alone).steps)
        except TraceFileError:  # killed while the log was being folded in: one part of it is
            torn += 1
        else:
            assert all(
                step in (trace.steps[place], kinds[place]) for place, step in enumerate(kept)
            )
    assert torn <= max(1, times // 5)


def test_a_killed_run_keeps_every_step_that_had_ended(tmp_path: Path) -> None:
    kill_at_random_moments(tmp_path, 4)


@pytest.mark.slow
def test_a_run_killed_a_hundred_times_keeps_every_step_that_had_ended(tmp_path: Path) -> None:
    kill_at_random_moments(tmp_path, 100)


def test_a_copy_without_its_log_is_a_recording(tmp_path: Path) -> None:
    path, alone = tmp_path / "run.gscope", tmp_path / "alone.gscope"
    writer = TraceWriter(path, META)
    shutil.copy(path, alone)
    assert list(open_trace(alone).steps) == []
    for number in range(3):
        writer.append(steps_of(number)[0], ())
    shutil.copy(path, alone)
    trace = open_trace(alone)
    assert list(trace.steps) == steps_of(0, 1, 2)[: len(trace.steps)]
    assert NOT_CLOSED in trace.meta.notes
    writer.close(META, ())


# -- no room -------------------------------------------------------------------------------------


def test_a_full_disk_is_one_clear_error_and_costs_no_step(tmp_path: Path) -> None:
    path = tmp_path / "run.gscope"
    steps = gan_steps()
    writer = TraceWriter(path, META)
    writer.append(steps[0], ())
    connection = writer._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(OutputError) as caught:
        writer.append(steps[1], ())
    assert str(caught.value) == (
        f"{path} cannot take step 1: the disk is full; the 1 step(s) before are kept"
    )
    assert tuple(recorded(path)) == steps[:1]
    with pytest.raises(OutputError, match="cannot take the regrouped steps: the disk is full"):
        writer.replace_last(1, steps[:4], ())
    assert tuple(recorded(path)) == steps[:1]
    connection.execute("PRAGMA max_page_count=100000")
    writer.append(steps[1], ())
    writer.close(META, ())
    assert tuple(recorded(path)) == steps[:2]


FULL = """
import pickle, resource, sys
from dataclasses import replace
from pathlib import Path
from ganscope.errors import OutputError, TraceFileError
from ganscope.traces.file import TraceWriter

meta, networks, steps = pickle.loads(Path(sys.argv[1]).read_bytes())
writer = TraceWriter(Path(sys.argv[2]), meta)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
for number in range(1000):
    try:
        writer.append(replace(steps[0], index=number), networks)
    except OutputError as error:
        print(number, error)
        break
try:
    writer.close(meta, networks)
except OutputError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_keeps_what_it_has(tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "run.gscope"
    (tmp_path / "steps").write_bytes(pickle.dumps((META, NETWORKS, gan_steps())))
    said = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "steps", path],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.splitlines()
    number, _, words = said[0].partition(" ")
    assert f"cannot take step {number}: " in words
    assert 2 < int(number) < 40
    trace = open_trace(path)
    assert [step.index for step in trace.steps] == list(range(int(number)))


def test_a_step_too_large_for_anyone_to_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "run.gscope"
    writer = TraceWriter(path, META)
    writer.append(STEP, ())
    large = replace(STEP, index=1, calls=(replace(STEP.calls[0], note="x" * (65 << 20)),))
    with pytest.raises(OutputError, match=r"cannot take step 1: .*more than a recording holds"):
        writer.append(large, ())
    writer.close(META, ())
    assert list(recorded(path)) == [STEP]


def test_ctrl_c_leaves_the_writer_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.gscope"
    writer = TraceWriter(path, META)
    writer.append(steps_of(0)[0], ())
    monkeypatch.setattr("ganscope.traces.rows.checksum", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        writer.append(steps_of(1)[0], ())
    monkeypatch.undo()
    writer.append(steps_of(2)[0], ())
    writer.close(META, ())
    assert list(recorded(path)) == steps_of(0, 2)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


# -- no permission -------------------------------------------------------------------------------


def as_nobody(code: str, *arguments: object) -> str:
    """What `code` prints, run by a user who owns nothing here."""
    before = (
        "import os, ganscope.traces.file\n"  # perhaps nobody may look into the repository
        "if os.getuid() == 0:\n    os.setgid(65534); os.setuid(65534)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", before + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


READ = """
import sys
from pathlib import Path
from ganscope.errors import GanscopeError
from ganscope.traces.file import open_trace
try:
    print(len(list(open_trace(Path(sys.argv[1])).steps)))
except GanscopeError as error:
    print(error)
"""


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """A folder that others may look into and that can be locked against writing."""
    readable = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
    for folder in (tmp_path, *tmp_path.parents[:3]):  # a worker of pytest-xdist has its own, too
        mode = folder.stat().st_mode
        if mode & readable != readable:
            folder.chmod(mode | readable)
    place = tmp_path / "locked"
    place.mkdir()

    def lock() -> Path:
        for entry in place.iterdir():
            entry.chmod(0o444)
        place.chmod(0o555)
        return place

    yield lock
    place.chmod(0o755)


def test_a_closed_recording_is_read_where_nothing_can_be_written(
    tmp_path: Path, locked: Callable[[], Path]
) -> None:
    path = write(tmp_path / "locked" / "run.gscope", steps_of(0, 1))
    locked()
    assert as_nobody(READ, path) == "2"
    assert beside(path) == ["run.gscope"]


@pytest.mark.parametrize("endings", [("", "-wal", "-shm"), ("", "-wal")])
def test_a_killed_recording_is_read_where_nothing_can_be_written_or_says_why_not(
    tmp_path: Path, locked: Callable[[], Path], endings: tuple[str, ...]
) -> None:
    path, original = tmp_path / "locked" / "run.gscope", tmp_path / "run.gscope"
    writer = TraceWriter(original, META)
    writer.append(STEP, ())
    for ending in endings:
        shutil.copy(f"{original}{ending}", f"{path}{ending}")
    locked()
    assert as_nobody(READ, path) == (
        "1"
        if "-shm" in endings
        else f"{path} was not closed, and the log run.gscope-wal beside it can only be read where "
        "its folder can be written; copy both to a folder of yours"
    )
    writer.close(META, ())


def test_a_closed_recording_whose_log_is_empty_is_read_where_nothing_can_be_written(
    tmp_path: Path, locked: Callable[[], Path]
) -> None:
    path = write(tmp_path / "locked" / "run.gscope", steps_of(0, 1))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL").fetchone()  # as where readers never look away
    connection.close()
    Path(f"{path}-wal").touch()
    locked()
    assert as_nobody(READ, path) == "2"


def test_places_without_permission(tmp_path: Path, locked: Callable[[], Path]) -> None:
    path = write(tmp_path / "locked" / "run.gscope", steps_of(0))
    locked()
    path.chmod(0o200)
    assert as_nobody(READ, path) == f"{path} cannot be read: no permission"
    code = """
import sys
from pathlib import Path
from ganscope.errors import OutputError, TraceFileError
from ganscope.traces.file import TraceWriter
try:
    TraceWriter(Path(sys.argv[1]), None, force=True)
except OutputError as error:
    print(error)
"""
    assert as_nobody(code, path) == f"{path} cannot be written: no permission in its folder"
