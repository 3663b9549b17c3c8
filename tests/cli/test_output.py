"""Where results go: formats, files, and what stands beside them."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from ganscope.cli import output
from ganscope.errors import OutputError
from ganscope.traces import Trace

from .conftest import Run

NOISY = """
from torch import nn

print("import")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        print("made")
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        print("forward")
        return self.linear(x)
"""


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not strict JSON")


def test_json_is_strict_and_alone(ganscope: Run) -> None:
    outcome = ganscope("trace", "generator", "--format", "json")
    assert outcome.err == ""
    trace = Trace.from_dict(json.loads(outcome.out, parse_constant=refuse))
    assert trace.meta.command == "ganscope trace generator --format json"


def test_csv_has_a_row_per_call(ganscope: Run) -> None:
    table = list(csv.DictReader(io.StringIO(ganscope("trace", "generator", "--format", "csv").out)))
    assert len(table) == 16
    assert table[2]["label"] == "generator.model.0"
    assert table[2]["parameters"] == "12928"


@pytest.mark.parametrize("kind", ["json", "csv", "markdown", "html", "table"])
def test_what_the_user_prints_goes_to_standard_error(ganscope: Run, kind: str) -> None:
    Path("noisy.py").write_text(NOISY, encoding="utf-8")
    outcome = ganscope("trace", "noisy.py:Net", "--format", kind, "-q")
    assert outcome.code == 0
    assert outcome.err.split() == ["import", "made", "forward"]
    assert "made" not in outcome.out


@pytest.mark.parametrize(
    ("ending", "begins"),
    [
        (".json", "{\n"),
        (".csv", "step,id"),
        (".md", "**generator"),
        (".html", "<"),
        (".txt", "generator (Generator)"),
        ("", "generator (Generator)"),
        (".JSON", "{\n"),
    ],
)
def test_the_ending_chooses_the_format(ganscope: Run, ending: str, begins: str) -> None:
    outcome = ganscope("trace", "generator", "--batch", 2, "-o", f"out{ending}")
    assert (outcome.code, outcome.out, outcome.line) == (0, "", f"Wrote out{ending}")
    assert Path(f"out{ending}").read_text(encoding="utf-8").startswith(begins)
    assert [path.name for path in Path().iterdir()] == [f"out{ending}"]


def test_format_wins_over_the_ending(ganscope: Run) -> None:
    ganscope("trace", "generator", "--batch", 2, "--format", "csv", "-o", "out.json")
    assert Path("out.json").read_text(encoding="utf-8").startswith("step,id")


def test_force_overwrites(ganscope: Run) -> None:
    Path("out.json").write_text("old", encoding="utf-8")
    assert ganscope("trace", "generator", "--batch", 2, "-o", "out.json").code == 2
    assert Path("out.json").read_text(encoding="utf-8") == "old"
    assert ganscope("trace", "generator", "--batch", 2, "-o", "out.json", "-f").code == 0
    json.loads(Path("out.json").read_text(encoding="utf-8"))


def test_a_dash_is_the_screen(ganscope: Run) -> None:
    outcome = ganscope("trace", "generator", "--batch", 2, "--format", "csv", "-o", "-")
    assert outcome.out.startswith("step,id")
    assert not Path("-").exists()


def test_devices_are_written_without_force(ganscope: Run) -> None:
    assert ganscope("trace", "generator", "--batch", 2, "-o", "/dev/null").code == 0
    if Path("/dev/full").exists():
        full = ganscope("trace", "generator", "--batch", 2, "-o", "/dev/full")
        assert full.code == 2
        assert full.line == "ganscope: -o /dev/full cannot be written: No space left on device"


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "out.json"
    target.write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OutputError, match="No space left on device"):
        output.write_text(target, "new")
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_that_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        output.write_text(tmp_path / "out.json", "new")
    assert list(tmp_path.iterdir()) == []


def test_no_permission_is_told_before_any_work(
    ganscope: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("ganscope.cli.trace.prepare", lambda *_: pytest.fail("it worked first"))
    outcome = ganscope("trace", "generator", "-o", "out.json")
    assert outcome.code == 2
    assert outcome.line == (
        "ganscope: -o out.json cannot be written: no permission; name another place"
    )


def test_a_note_is_said_once(ganscope: Run) -> None:
    Path("noisy.py").write_text("from torch import nn\nnet = nn.Linear(3, 2)\n", encoding="utf-8")
    note = "input inferred: 64×3, standard normal, as Linear takes it"
    table = ganscope("trace", "noisy.py:net")
    assert (table.err, table.out.count(note)) == ("", 1)
    data = ganscope("trace", "noisy.py:net", "--format", "csv")
    assert data.line == note
    written = ganscope("trace", "noisy.py:net", "-o", "out.json")
    assert written.err.splitlines() == [note, "Wrote out.json"]
    assert ganscope("trace", "noisy.py:net", "--format", "csv", "-q").err == ""


@pytest.mark.parametrize("kind", ["table", "json", "csv", "markdown", "html"])
def test_an_ascii_terminal(ganscope: Run, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ü.py").write_text("from torch import nn\nnet = nn.Linear(3, 2)\n", encoding="utf-8")
    sink = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", sink)
    assert ganscope("trace", "ü.py:net", "--format", kind, "-q").code == 0
    sink.flush()
    text = sink.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "net" in text
    if kind == "json":
        assert json.loads(text)["meta"]["command"].startswith("ganscope trace ü.py:net")
    if kind == "table":
        assert "64x3 -> 64x2" in text


@pytest.mark.parametrize(
    "words",
    [
        "trace NET -o out.json",
        "trace NET -o out.txt",
        "summary NET -o out.txt",
        "diagram NET -o out.png",
        "diagram NET --frames out",
        "step -o out.txt --record out.gscope",
        "step -o out.png",
        "score --model gan -n 500 -o out.json",
    ],
)
def test_quiet_says_nothing_of_what_was_written(ganscope: Run, words: str) -> None:
    Path("nets.py").write_text("from torch import nn\nnet = nn.Linear(3, 2)\n", encoding="utf-8")
    outcome = ganscope(*words.replace("NET", "nets.py:net").split(), "-q")
    assert (outcome.err, outcome.code) == ("", 0)
    assert list(Path().glob("out*"))
