"""Damaged, foreign and hostile files: a clear line or a correct read, whatever the bytes."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ganscope
from ganscope.errors import TraceFileError
from ganscope.traces.file import TraceWriter, open_trace
from ganscope.traces.layout import pack_layout, take_apart
from ganscope.traces.tables import SCHEMA
from tests.traces.gan_steps import NETWORKS, gan_steps
from tests.traces.test_file import STEP, recorded, steps_of, write
from tests.traces.test_schema import GOLDEN, META

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.gscope"


def refusal(path: Path) -> str:
    """The one line with which `path` is refused, without its name; steps are read too."""
    with pytest.raises(TraceFileError) as caught:
        list(open_trace(path).steps)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path} ")
    return text.removeprefix(f"{path} ")


def change(path: Path, *statements: str) -> None:
    """Edit a recording in SQL, as anybody can."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


# -- mutations -----------------------------------------------------------------------------------

MOST_MEMORY = """
def most_memory():  # of this process alone: what getrusage says may be its parent's
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
"""
"""Largest resident memory so far, in MB."""

MUTATE = """
import collections, pickle, random, sys, time
from pathlib import Path
from ganscope.errors import TraceFileError
from ganscope.traces.file import open_trace

folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
whole, steps, main, log = pickle.loads((folder / "original").read_bytes())
random = random.Random(seed)
path = folder / "mutant.gscope"
beside = [path.with_name(path.name + ending) for ending in ("-wal", "-shm")]

def mutate(data):
    data, kind = bytearray(data), random.randrange(6)
    place, other = random.randrange(len(data)), random.randrange(len(data))
    length = random.randrange(1, 4096)
    if kind == 0:  # cut off
        del data[place:]
    elif kind == 1:  # bits flipped
        for _ in range(random.choice((1, 1, 1, 2, 8))):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif kind == 2:  # bytes changed
        for _ in range(random.choice((1, 2, 16))):
            data[random.randrange(len(data))] = random.randrange(256)
    elif kind == 3:  # heads of pages changed
        data[min(len(data) - 1, place // 2048 * 2048 + random.randrange(100))] = other % 256
    elif kind == 4:  # a piece of it elsewhere
        data[place : place + length] = data[other : other + length]
    else:  # a piece wiped out
        data[place : place + length] = bytes([random.choice((0, 255))]) * length
    return bytes(data)

found = collections.Counter()
slowest = 0.0
for number in range(count):
    logged = number % 3 == 0
    if logged:
        which = random.randrange(3)
        path.write_bytes(mutate(main) if which != 0 else main)
        beside[0].write_bytes(mutate(log) if which != 1 else log)
    else:
        path.write_bytes(mutate(whole))
        beside[0].unlink(missing_ok=True)
    beside[1].unlink(missing_ok=True)
    started = time.perf_counter()
    try:
        trace = open_trace(path)
        read = tuple(trace.steps)
    except TraceFileError as error:
        assert "\\n" not in str(error) and len(str(error)) < 500, error
        found["refused"] += 1
    else:
        right = steps[: len(read)] if logged else steps
        assert read == right, (seed, number)
        assert logged or (trace.meta, trace.networks) == original_head, (seed, number)
        found["read"] += 1
    slowest = max(slowest, time.perf_counter() - started)
print(found["refused"], found["read"], slowest, most_memory())
"""


def mutate(folder: Path, count: int) -> None:
    """Read `count` mutants of a closed recording and of a killed one."""
    steps = gan_steps()[:3]
    whole = write(folder / "whole.gscope", steps).read_bytes()
    killed = folder / "killed.gscope"
    writer = TraceWriter(killed, META)
    for step in steps:
        writer.append(step, NETWORKS)
    log = killed.with_name(killed.name + "-wal").read_bytes()
    original = (whole, steps, killed.read_bytes(), log)
    writer.close(META, NETWORKS)
    (folder / "original").write_bytes(pickle.dumps(original))
    (folder / "head").write_bytes(pickle.dumps((GOLDEN.meta, GOLDEN.networks)))
    head = "import pickle, pathlib, sys\n" + (
        "original_head = pickle.loads((pathlib.Path(sys.argv[1]) / 'head').read_bytes())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", MOST_MEMORY + head + MUTATE, str(folder), "1", str(count)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    refused, read, slowest, memory = map(float, done.stdout.split())
    assert refused + read == count
    assert refused > count / 4
    assert read > count / 4
    assert slowest < 60.0, "no mutant hangs"
    assert memory < 500


def test_mutants_are_refused_or_read_as_they_were(tmp_path: Path) -> None:
    mutate(tmp_path, 300)


@pytest.mark.slow
def test_ten_thousand_mutants_are_refused_or_read_as_they_were(tmp_path: Path) -> None:
    mutate(tmp_path, 10_000)


# -- what it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"step,loss\n1,2\n", "it is text"),
        ("größe → ∞".encode() * 100, "it is text"),
        (b"\x00\x01\x02\xff" * 300, "it is of an unknown kind"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "it is a PNG image"),
        (b"PK\x03\x04" + bytes(200), "it is a zip archive, such as weights saved by torch.save"),
        (b"\x80\x02}q\x00.", "it is a Python pickle"),
        (b"SQLite format 3\x00" + bytes(500), "it is an SQLite database of another kind"),
        (b'{"schema": 1}', "it is JSON"),
    ],
)
def test_a_foreign_file_is_told_for_what_it_is(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    assert refusal(path) == f"is no recording of ganscope: {words}"


def test_another_database_is_no_recording(path: Path) -> None:
    change(path, "CREATE TABLE recording(id)")
    words = "it is an SQLite database of another kind"
    assert refusal(path) == f"is no recording of ganscope: {words}"


def test_what_is_no_file(path: Path) -> None:
    assert refusal(path) == "is not there"
    write(path, [])
    near = path.with_name("rum.gscope")
    assert refusal(near) == "is not there; did you mean 'run.gscope'?"
    assert refusal(path.parent) == "is a folder; name a recording in it"
    assert refusal(Path("/dev/null")) == "is no ordinary file; name a recording"
    assert refusal(path / "more").startswith("cannot be read: Not a directory")
    assert refusal(path.with_name("x" * 300)).startswith("cannot be read: File name too long")
    assert "null" in refusal(path.with_name("a\0b"))


def test_a_newer_recording_says_so(path: Path) -> None:
    change(write(path, steps_of(0)), "PRAGMA user_version=9")
    assert refusal(path) == (
        "was recorded by a newer ganscope (its tables are of version 9, this one reads up to 3); "
        "upgrade ganscope"
    )
    change(path, "PRAGMA user_version=-3")
    assert refusal(path) == "is damaged (version -3); copy it again, or record anew"


def test_a_file_cut_short_says_that_it_is_damaged(path: Path) -> None:
    write(path, gan_steps())
    path.write_bytes(path.read_bytes()[:-30_000])
    assert refusal(path).startswith("is damaged")


def test_a_damaged_step_leaves_the_others(path: Path) -> None:
    write(path, steps_of(*range(5)))
    change(path, "UPDATE step_data SET numbers = zeroblob(40) WHERE position = 2")
    steps = recorded(path)
    with pytest.raises(TraceFileError) as caught:
        steps[2]
    assert str(caught.value) == (
        f"{path} is damaged in step 2 (bytes that have changed since they were written); "
        "other steps may be whole, or record anew"
    )
    assert [steps[place].index for place in (0, 1, 3, 4)] == [0, 1, 3, 4]


# -- what was done to it -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW more AS SELECT * FROM recording",
        "CREATE TRIGGER more AFTER INSERT ON recording BEGIN SELECT 1; END",
        "CREATE TABLE more(x)",
        "CREATE INDEX more ON step_list(step)",
        "CREATE VIRTUAL TABLE more USING fts4(x)",
    ],
)
def test_what_somebody_added_is_not_trusted(path: Path, statement: str) -> None:
    change(write(path, steps_of(0)), statement)
    assert "added, changed or lost, so it is not read" in refusal(path)


def test_a_view_in_place_of_a_table_is_not_read(path: Path) -> None:
    change(
        write(path, steps_of(0)),
        "ALTER TABLE step_list RENAME TO other",
        "CREATE VIEW step_list AS SELECT 0 AS position, 0 AS step, 1 AS layout",
    )
    assert "added, changed or lost" in refusal(path)


def test_a_file_without_tables_or_head(path: Path) -> None:
    write(path, steps_of(0))
    change(path, "DELETE FROM recording")
    assert refusal(path) == "is damaged (no head); copy it again, or record anew"
    change(path, *(f"DROP VIEW {name}" for name in ("steps", "calls", "losses")))
    assert refusal(path).startswith("is not as ganscope made it: ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recording SET head = 'text'",
        "UPDATE recording SET head = 7",
        "UPDATE recording SET head = x'00'",
        "UPDATE recording SET token = NULL",
        "UPDATE recording SET closed = 'yes'",
        "UPDATE recording SET steps = 3",
        "UPDATE recording SET steps = NULL",
        "UPDATE step_list SET position = 5 WHERE position = 1",
        "UPDATE step_list SET step = 'two'",
        "UPDATE step_list SET step = NULL",
        "UPDATE step_list SET step = 1.5",
        "UPDATE step_list SET step = 7",
        "UPDATE step_list SET layout = 99",
        "UPDATE step_list SET layout = NULL",
        "UPDATE step_data SET numbers = NULL",
        "UPDATE step_data SET numbers = 'text'",
        "UPDATE step_data SET numbers = 1.5",
        "DELETE FROM step_data",
        "DELETE FROM step_list",
        "UPDATE sample_data SET data = 'text'",
        "UPDATE sample_data SET data = x'00'",
        "UPDATE sample_data SET data = NULL",
        "DELETE FROM sample_data",
        "INSERT INTO sample_data VALUES(1048577, x'00')",
        "UPDATE layouts SET body = 'text'",
        "UPDATE layouts SET body = NULL",
        "UPDATE layouts SET digest = x'00'",
        "DELETE FROM layouts",
    ],
)
def test_values_that_cannot_be_are_refused(path: Path, statement: str) -> None:
    change(write(path, steps_of(0, 1)), statement)
    assert refusal(path).startswith("is damaged")


BOMB = """
import sys
from pathlib import Path
from ganscope.errors import TraceFileError
from ganscope.traces.file import open_trace
try:
    print(len(list(open_trace(Path(sys.argv[1])).steps)))
except TraceFileError as error:
    print(error)
print(most_memory())
"""


def _layout(**changes: object) -> bytes:
    return pack_layout(take_apart(STEP).layout._replace(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "bomb"),
    [
        ("UPDATE recording SET head = ?", lambda: zlib.compress(bytes(1 << 29), 1)),
        ("UPDATE recording SET head = ?", lambda: zlib.compress(b"[" * (1 << 26))),
        ("UPDATE recording SET head = ?", lambda: zlib.compress(b"[" * 900_000)),
        ("UPDATE recording SET head = ?", lambda: zlib.compress(b"[" + b"[]," * (1 << 24))),
        ("UPDATE recording SET head = ?", lambda: zlib.compress(b"9" * (1 << 25))),
        ("UPDATE layouts SET body = ?", lambda: zlib.compress(bytes(1 << 29), 1)),
        ("UPDATE layouts SET body = ?", lambda: zlib.compress(b"[" + b"[]," * 900_000 + b"1]")),
        ("UPDATE layouts SET body = ?", lambda: _layout(previews=(1 << 60,))),
        ("UPDATE layouts SET body = ?", lambda: _layout(stats=((1, 1 << 60, None),))),
        ("UPDATE step_data SET numbers = ?", lambda: zlib.compress(bytes(1 << 29), 1)),
        ("UPDATE step_data SET numbers = ?", lambda: zlib.compress(b"\x02" * (12 << 20), 1)),
    ],
)
def test_a_small_file_never_becomes_a_large_memory(
    path: Path, statement: str, bomb: Callable[[], bytes]
) -> None:
    write(path, steps_of(0))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement, (bomb(),))
    connection.close()
    done = subprocess.run(
        [sys.executable, "-c", MOST_MEMORY + BOMB, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said, memory = done.stdout.splitlines()
    assert "is damaged" in said
    assert int(memory) < 500


def test_the_bins_of_a_histogram_are_bounded_too(path: Path) -> None:
    """The worst that numbers within the limit can become."""
    from ganscope.traces.columns import pack_integers

    stats = STEP.calls[0].inputs[0].stats
    assert stats is not None
    assert stats.histogram is not None
    counts = (1000,) * (5 << 20)
    assert len(pack_integers(counts)) > 10 << 20
    large = replace(stats, histogram=replace(stats.histogram, counts=counts))
    record = replace(STEP.calls[0].inputs[0], stats=large)
    step = replace(STEP, calls=(replace(STEP.calls[0], inputs=(record,)),))
    write(path, [step])
    done = subprocess.run(
        [sys.executable, "-c", MOST_MEMORY + BOMB, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    said, memory = done.stdout.splitlines()
    assert said == "1"
    assert int(memory) < 500


# -- load ----------------------------------------------------------------------------------------


def test_load_takes_a_recording_and_json(path: Path) -> None:
    trace = replace(GOLDEN, steps=tuple(steps_of(0, 1)))
    write(path, steps_of(0, 1))
    assert ganscope.load(path) == trace
    assert ganscope.load(str(path)) == trace
    path.write_text("\n " + json.dumps(trace.to_dict()), encoding="utf-8")
    assert ganscope.load(path) == trace


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "is JSON, but no trace: a trace is an object, this is a list"),
        ('{"schema": "x"}', "is JSON, but no trace: schema 'x' is not 'ganscope.trace/1'"),
        ('{"schema": ', "is JSON, but no trace: Expecting value"),
        ('{"schema": "ganscope.trace/1"}', "is JSON, but no trace: trace.meta is missing"),
        ("[" * 100_000, "is JSON, but no trace: "),
        ("1", "is no recording of ganscope: it is text"),
    ],
)
def test_load_says_what_is_wrong_with_json(path: Path, text: str, words: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TraceFileError) as caught:
        ganscope.load(path)
    assert str(caught.value).startswith(f"{path} {words}")
    assert "\n" not in str(caught.value)


def test_the_schema_of_a_recording_is_what_readers_expect(path: Path) -> None:
    write(path, [])
    connection = sqlite3.connect(path)
    stored = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql != ''")]
    connection.close()
    assert stored == list(SCHEMA)
