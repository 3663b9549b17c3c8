"""Damaged, foreign and hostile files: a clear line or a correct read, whatever the bytes."""

from __future__ import annotations

import json
import pickle
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import ganscope
from ganscope.errors import TraceFileError
from ganscope.traces import Step, database
from ganscope.traces.file import TraceWriter, open_trace
from ganscope.traces.table import OF_INTERVALS, OF_RECORDING, SCHEMA, tables
from tests.traces.gan_steps import NETWORKS, gan_steps
from tests.traces.test_file import STEP, recorded, steps_of, write
from tests.traces.test_schema import GOLDEN, META

ROOT = Path(__file__).parents[2]
VIEWS = re.findall(r"^CREATE VIEW (\w+)", SCHEMA, re.M)


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
        data[min(len(data) - 1, place // PAGE * PAGE + random.randrange(100))] = other % 256
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
    head = f"import pickle, pathlib, sys\nPAGE = {database.PAGE_SIZE}\n" + (
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
        "was recorded by a newer ganscope (its tables are of version 9, this one reads up to 1); "
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
    change(path, "UPDATE call SET seconds = 0.5 WHERE interval = 2")
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
        "CREATE INDEX more ON interval(step)",
        "CREATE VIRTUAL TABLE more USING fts4(x)",
        "ALTER TABLE call ADD COLUMN more INTEGER GENERATED ALWAYS AS (id + 1)",
        "DROP INDEX call_of_interval",
    ],
)
def test_what_somebody_added_is_not_trusted(path: Path, statement: str) -> None:
    change(write(path, steps_of(0)), statement)
    assert "added, changed or lost, so it is not read" in refusal(path)


def test_a_view_in_place_of_a_table_is_not_read(path: Path) -> None:
    change(
        write(path, steps_of(0)),
        *(f"DROP VIEW {name}" for name in VIEWS),
        "ALTER TABLE interval RENAME TO other",
        "CREATE VIEW interval AS SELECT * FROM other",
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
        "UPDATE recording SET checksum = 7",
        "UPDATE recording SET checksum = NULL",
        "UPDATE recording SET token = NULL",
        "UPDATE recording SET closed = 'yes'",
        "UPDATE recording SET intervals = 3",
        "UPDATE recording SET intervals = NULL",
        "UPDATE recording SET notes = 'no list'",
        "UPDATE recording SET ganscope = x'ff'",
        "DELETE FROM network",
        'INSERT INTO finding SELECT 1, code, severity, "where", evidence, why, mend FROM finding',
        "UPDATE interval SET id = 5 WHERE id = 1",
        "UPDATE interval SET step = 'two'",
        "UPDATE interval SET step = NULL",
        "UPDATE interval SET step = 1.5",
        "UPDATE interval SET step = 7",
        "UPDATE interval SET step = 0",
        "UPDATE interval SET checksum = NULL",
        "UPDATE interval SET form = 9",
        "UPDATE interval SET call = 99",
        "UPDATE interval SET call = -1",
        "UPDATE interval SET call = 1 << 40",
        "UPDATE interval SET call = NULL",
        "UPDATE interval SET call = 'text'",
        "DELETE FROM interval",
        "DELETE FROM text",
        "DELETE FROM site",
        "UPDATE text SET text = 'text'",
        "UPDATE text SET text = x'ff'",
        "UPDATE text SET text = CAST(x'ff' AS TEXT)",
        "UPDATE text SET text = NULL",
        "UPDATE site SET line = 1.5",
        "UPDATE site SET file = 99",
        "INSERT INTO odd_value VALUES(0, 'call', 'seconds', 0, 'nan')",
        "INSERT INTO odd_value VALUES(0, 'call', 'seconds', 9, 'nan')",
        "INSERT INTO odd_value VALUES(0, 'call', 'nothing', 0, 'nan')",
        "INSERT INTO odd_value VALUES(0, 'call', 'id', 0, 'many')",
    ],
)
def test_values_that_cannot_be_are_refused(path: Path, statement: str) -> None:
    change(write(path, steps_of(0, 1)), statement)
    assert refusal(path).startswith("is damaged")


def _cells() -> list[tuple[str, str]]:
    """Every column of every table with rows of an interval or of the recording."""
    return [
        (table.name, column)
        for table in tables().values()
        for column in (*table.keys, *(field.name for field in table.fields))
        # The first only counts for open readers; the others are order alone.
        if column != "regrouped" and not (table.name in OF_RECORDING and column in ("id", "key"))
    ]


def _whole_steps(*indices: int) -> list[Step]:
    """Steps with rows in every table."""
    return [
        replace(step, calls=tuple(replace(call, outputs=call.inputs) for call in step.calls))
        for step in steps_of(*indices)
    ]


@pytest.mark.parametrize(("table", "column"), _cells())
def test_a_value_that_was_changed_is_noticed_wherever_it_stands(
    path: Path, table: str, column: str
) -> None:
    write(path, _whole_steps(0, 1, 2))
    connection = sqlite3.connect(path, isolation_level=None)
    (given, row) = connection.execute(
        f'SELECT "{column}", count(*) FROM {table} LIMIT 1'
    ).fetchone()
    assert row, f"no row of {table} to change"
    other = (
        given + 1
        if isinstance(given, int | float)
        else b"other"
        if isinstance(given, bytes)
        else "0"
    )
    (first,) = connection.execute(f"SELECT min({tables()[table].keys[0]}) FROM {table}").fetchone()
    connection.execute(
        f'UPDATE OR REPLACE {table} SET "{column}" = ? WHERE {tables()[table].keys[0]} = ?',
        (other, first),
    )
    connection.close()
    with pytest.raises(TraceFileError):
        list(open_trace(path).steps)


def test_every_table_has_rows_in_the_test_of_changed_values(path: Path) -> None:
    write(path, _whole_steps(0))
    connection = sqlite3.connect(path)
    for name in (*OF_INTERVALS, *OF_RECORDING):
        (rows,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
        assert rows, name
    connection.close()


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


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "[" + "[]," * 2_700_000 + "[]]",
        "{" + ",".join(f'"{number}":[]' for number in range(600_000)) + "}",
        "9" * (8 << 20),
    ],
    ids=["deep", "wide", "many keys", "long number"],
)
def test_a_file_never_becomes_a_large_memory(
    path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganscope.traces.table._dumped", lambda value: text)
    monkeypatch.setattr("ganscope.traces.table._known", {})
    arguments = replace(STEP.calls[0], arguments={"a": 1}, inputs=())
    write(path, [replace(STEP, calls=(arguments,), updates=(), ledger=(), judgements=())])
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
    assert "is damaged" in said or said == "1"
    assert int(memory) < 500


def test_the_bins_of_a_histogram_are_bounded_too(path: Path) -> None:
    """The worst that numbers within the limit can become."""
    stats = STEP.calls[0].inputs[0].stats
    assert stats is not None
    assert stats.histogram is not None
    counts = (1000,) * (5 << 20)
    large = replace(stats, histogram=replace(stats.histogram, counts=counts))
    record = replace(STEP.calls[0].inputs[0], stats=large)
    step = replace(STEP, calls=(replace(STEP.calls[0], inputs=(record,)),))
    write(path, [step])
    assert path.stat().st_size > 10 << 20
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
    versions = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("user_version", "application_id")
    ]
    connection.close()
    assert versions == [1, int.from_bytes(b"GSCP", "big")]
    plain = "\n".join(line.partition("--")[0].rstrip() for line in SCHEMA.splitlines())
    own = [statement.strip() for statement in plain.split(";") if statement.strip()]
    assert [
        "\n".join(line.partition("--")[0].rstrip() for line in sql.splitlines()) for sql in stored
    ] == own
