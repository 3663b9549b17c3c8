"""Others read a recording while it is written, and what they leave behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ganscope.errors import OutputError, TraceFileError
from ganscope.traces.file import TraceWriter, open_trace
from tests.traces.gan_steps import NETWORKS
from tests.traces.test_file import STEP, beside, recorded, steps_of, write
from tests.traces.test_schema import META

ROOT = Path(__file__).parents[2]
G, D = NETWORKS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.gscope"


def test_a_reader_sees_more_steps_when_it_asks(path: Path) -> None:
    writer = TraceWriter(path, META)
    steps = recorded(path)
    assert len(steps) == 0
    for number in range(5):
        writer.append(steps_of(number)[0], ())
    assert len(steps) == 0
    assert steps.refresh() == 5
    assert list(steps) == steps_of(*range(5))
    writer.append(steps_of(5)[0], ())
    assert list(steps) == steps_of(*range(5))
    writer.close(META, ())
    assert steps.refresh() == 6
    assert steps[-1] == steps_of(5)[0]
    assert beside(path) == [path.name]


CONVERT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
try:
    print(connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0])
except sqlite3.OperationalError as error:
    print(error)
"""


def test_looking_in_does_not_loosen_the_writers_hold(path: Path) -> None:
    # Closing a file drops every lock that the process has on it, unless SQLite sees to it; and
    # without its lock anybody could take the log away.
    writer = TraceWriter(path, META)
    for _ in range(2):
        assert list(recorded(path)) == []
        with _python(CONVERT, path) as other:
            assert other.stdout is not None
            assert other.stdout.read() == "database is locked\n"
    writer.append(STEP, (G,))
    writer.close(META, (G,))
    assert list(recorded(path)) == [STEP]


def test_another_recording_in_its_place_is_noticed(path: Path) -> None:
    writer = TraceWriter(path, META)
    writer.append(STEP, ())
    steps = recorded(path)
    writer.close(META, ())
    write_again = TraceWriter(path, META, force=True)
    with pytest.raises(TraceFileError, match="replaced by another recording; open it again"):
        steps.refresh()
    write_again.close(META, ())


def test_a_closed_recording_can_be_replaced_under_a_reader(path: Path) -> None:
    steps = recorded(write(path, steps_of(0, 1)))
    TraceWriter(path, META, force=True).close(META, ())
    assert list(steps) == steps_of(0, 1)


READER = """
import sys
from pathlib import Path
from ganscope.traces.file import open_trace

steps = open_trace(Path(sys.argv[1])).steps
seen = 0
print("ready", flush=True)
for line in sys.stdin:
    count = steps.refresh()
    for place in range(seen, count):
        step = steps[place]
        assert (step.index, step.calls[0].seconds) == (place, place / 7), step
    seen = count
    print(count, flush=True)
"""


def _python(code: str, *arguments: object, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        **more,  # type: ignore[call-overload]
    )


def _ask(process: subprocess.Popen[str], line: str = "") -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_another_process_reads_while_this_one_writes(path: Path) -> None:
    writer = TraceWriter(path, META)
    with _python(READER, path) as reader:
        assert _ask(reader) == "ready"
        for number in range(300):
            writer.append(steps_of(number)[0], (G,))
            if number % 50 == 49:
                assert int(reader.stdout.readline()) <= number + 1  # type: ignore[union-attr]
                assert reader.stdin is not None
                reader.stdin.write("\n")
                reader.stdin.flush()
        started = time.monotonic()
        writer.close(META, (G,))
        # SQLite itself would wait 5 s for a reader before it gives up.
        assert time.monotonic() - started < 4.0, "closing waits for nobody"
        reader.stdout.readline()  # type: ignore[union-attr]
        assert _ask(reader) == "300"
        reader.stdin.close()  # type: ignore[union-attr]
    assert reader.returncode == 0
    assert beside(path) == [path.name]


def test_a_reader_that_never_looks_away_does_not_keep_the_end_from_being_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganscope.traces.file._CLOSING_PATIENCE", 0.05)
    writer = TraceWriter(path, META)
    writer.append(STEP, (G,))
    other = sqlite3.connect(path)
    other.execute("SELECT count(*) FROM steps").fetchone()
    writer.close(META, (G,))
    alone = path.with_name("copy.gscope")
    shutil.copy(path, alone)
    for place in (path, alone):
        trace = open_trace(place)
        assert (trace.meta, list(trace.steps)) == (META, [STEP])
    other.close()


def test_a_process_forked_off_neither_writes_nor_takes_the_log_away(path: Path) -> None:
    writer = TraceWriter(path, META)
    writer.append(STEP, (G,))
    child = os.fork()
    if child == 0:  # no test runner in here
        code = 1
        try:
            writer.append(STEP, (G,))
        except OutputError as error:
            code = 0 if "another process" in str(error) else 2
        assert writer._connection is not None
        writer._connection.close()  # as at the end of a process that ends in order
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    more = replace(STEP, index=1)
    assert list(recorded(path)) == [STEP]
    writer.append(more, (G,))
    assert list(recorded(path)) == [STEP, more]
    writer.close(META, (G,))
    assert list(recorded(path)) == [STEP, more]
