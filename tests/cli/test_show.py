"""``ganscope show FILE``: the overview, a step, a figure over steps, every bad input."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ganscope.traces import Trace
from ganscope.traces.file import TraceWriter
from tests.views.builders import generator_trace
from tests.views.steps import recorded
from tests.views.test_metrics import many, written

from .conftest import Run

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def files(elsewhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    written(many(count=8), Path())
    Path("one.json").write_text(json.dumps(recorded().to_dict()), encoding="utf-8")
    Path("run.json").write_text(json.dumps(many(count=8).to_dict()), encoding="utf-8")
    Path("forward.json").write_text(json.dumps(generator_trace().to_dict()), encoding="utf-8")


# -- the overview --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.gscope", "run.json"])
def test_without_flags_it_says_what_is_there(name: str, ganscope: Run) -> None:
    outcome = ganscope("show", name)
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out.startswith(f"{name} · ")
    assert "steps       0 to 70, every 10th" in outcome.out
    assert f"ganscope show {name} --plot loss" in outcome.out


def test_the_commands_that_it_names_work(ganscope: Run) -> None:
    for name in ("run.gscope", "one.json", "forward.json"):
        lines = [
            line[12:] for line in ganscope("show", name).out.splitlines() if "ganscope show" in line
        ]
        assert lines
        for line in lines:
            words = [word.strip("'") for word in line.replace("'grad ", "'grad\t").split(" ")]
            outcome = ganscope(*(word.replace("\t", " ") for word in words[1:]))
            assert outcome.code == 0, line
            assert outcome.err == ""


def test_the_overview_as_a_file(ganscope: Run) -> None:
    outcome = ganscope("show", "run.gscope", "-o", "overview.txt")
    assert outcome.line == "Wrote overview.txt"
    assert (
        Path("overview.txt").read_text(encoding="utf-8").startswith("run.gscope · recording of 8")
    )


# -- one step ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "shown"), [("0", 0), ("30", 30), ("70", 70), ("-1", 70), ("-8", 0), ("-3", 50)]
)
def test_a_step(number: str, shown: int, ganscope: Run) -> None:
    for name in ("run.gscope", "run.json"):
        outcome = ganscope("show", name, "--step", number)
        assert outcome.code == 0
        assert outcome.out.startswith(f"training step {shown} · ")


def test_a_step_with_its_flags(ganscope: Run) -> None:
    plain = ganscope("show", "run.gscope", "--step", 0).out
    for flag, words in (
        ("--show-grads", "1e-2"),
        ("--show-updates", "generator.model.0.bias"),
        ("--show-calls", "adversarial_loss #2"),
        ("--explain", "That is why both received gradients"),
    ):
        assert words not in plain
        assert words in ganscope("show", "run.gscope", "--step", 0, flag).out
    assert "· view" not in ganscope("show", "run.gscope", "--step", 0, "--no-ops").out
    assert "model.0" not in ganscope("show", "run.gscope", "--step", 0, "--depth", 1).out
    only = ganscope("show", "run.gscope", "--step", 0, "--only", "generator.model.0").out
    assert "generator.model.0" in only
    assert "model.3" not in only
    narrow = ganscope("show", "run.gscope", "--step", 0, "--width", 60).out
    assert max(map(len, narrow.splitlines())) <= 60


def test_a_step_as_json_is_the_head_with_that_step(ganscope: Run) -> None:
    data = json.loads(ganscope("show", "run.gscope", "--step", 30, "--format", "json").out)
    trace = Trace.from_dict(data)
    assert trace.steps == (many(count=8).steps[3],)
    assert trace.networks == recorded().networks


@pytest.mark.parametrize("ending", ["csv", "md", "html", "json", "txt"])
def test_a_step_as_a_file(ending: str, ganscope: Run) -> None:
    outcome = ganscope("show", "run.gscope", "--step", -1, "-o", f"step.{ending}")
    assert outcome.line == f"Wrote step.{ending}"
    assert "model.0" in Path(f"step.{ending}").read_text(encoding="utf-8").replace("\\", "")
    assert ganscope("show", "run.gscope", "--step", -1, "-o", f"step.{ending}").code == 2
    assert ganscope("show", "run.gscope", "--step", -1, "-f", "-o", f"step.{ending}").code == 0


def test_flags_of_a_step_are_enough_where_there_is_one(ganscope: Run) -> None:
    assert "1e-2" in ganscope("show", "one.json", "--show-grads").out
    assert "Each of the 64 rows" in ganscope("show", "forward.json", "--explain").out


def test_a_forward_is_shown_as_trace_shows_it(ganscope: Run) -> None:
    out = ganscope("show", "forward.json", "--step", 0).out
    assert out.startswith("generator (Generator), 1,510,032 parameters")
    assert "1 forward pass" in ganscope("show", "forward.json").out


# -- all steps -----------------------------------------------------------------------------------


def test_the_whole_recording_as_json(ganscope: Run) -> None:
    out = ganscope("show", "run.gscope", "--format", "json").out
    assert Trace.from_dict(json.loads(out)) == many(count=8)
    assert ganscope("show", "run.gscope", "-o", "all.json").line == "Wrote all.json"
    assert Path("all.json").read_text(encoding="utf-8") == out


def test_the_tables_of_the_whole_recording(ganscope: Run) -> None:
    out = ganscope("show", "run.gscope", "--format", "csv", "--only", "generator.model.*").out
    lines = list(csv.DictReader(io.StringIO(out)))
    assert {line["step"] for line in lines} == {str(step) for step in range(0, 80, 10)}
    assert {line["network"] for line in lines} == {"generator"}
    markdown = ganscope("show", "run.gscope", "--format", "markdown").out
    assert markdown.count("## Training step") == 8


def test_nothing_is_written_where_a_selection_fails(ganscope: Run) -> None:
    outcome = ganscope("show", "run.gscope", "--only", "x.y", "-o", "all.csv")
    assert outcome.code == 2
    assert "matches no path" in outcome.line
    assert not Path("all.csv").exists()
    assert not list(Path().glob(".*"))


# -- figures over steps --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.gscope", "run.json"])
def test_a_chart(name: str, ganscope: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    outcome = ganscope("show", name, "--plot", "loss", "--plot", "D(x)")
    assert outcome.code == 0
    for words in ("● g_loss  0.608 → 7.608", "▲ d_loss  0.706 → 7.706", "■ D(x)", "step"):
        assert words in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 60
    assert "\x1b" not in outcome.out


def test_a_picture(ganscope: Run) -> None:
    outcome = ganscope("show", "run.gscope", "--plot", "grad generator.model.0", "-o", "chart.png")
    assert outcome.line == "Wrote chart.png"
    assert Path("chart.png").read_bytes().startswith(PNG)
    assert ganscope("show", "run.gscope", "--plot", "loss", "-o", "chart.png").code == 2
    assert ganscope("show", "run.gscope", "--plot", "loss", "-o", "chart.svg").code == 0


def test_figures_as_data(ganscope: Run) -> None:
    out = ganscope("show", "run.gscope", "--plot", "g_loss", "--format", "csv").out
    lines = list(csv.DictReader(io.StringIO(out)))
    expected = [step.updates[0].losses[0].value for step in many(count=8).steps]
    assert [float(line["value"]) for line in lines] == expected
    assert ganscope("show", "run.gscope", "--plot", "g_loss", "-o", "g.json").code == 0
    assert json.loads(Path("g.json").read_text())["metrics"][0]["steps"] == list(range(0, 80, 10))
    assert ganscope("show", "run.gscope", "--plot", "g_loss", "-o", "g.txt").code == 0
    assert "g_loss" in Path("g.txt").read_text(encoding="utf-8")


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.gscope"], "nothing.gscope is not there"),
        (["rum.gscope"], "is not there; did you mean 'run.gscope'?"),
        (["."], "is a folder"),
        (["text.txt"], "is no recording of ganscope: it is text"),
        (["broken.json"], "is JSON, but no trace"),
        (["run.gscope", "--step", "35"], "there is no step 35; recorded are 0, 10, 20, 30"),
        (["run.gscope", "--step", "-9"], "run.gscope: there is no step -9: 8 are recorded"),
        (["run.gscope", "--step", "x"], "'x' is no whole number; see ganscope show --help"),
        (["run.gscope", "--step", "0", "--only", "generatr.model.0"], "did you mean 'generator.m"),
        (["run.gscope", "--step", "0", "--depth", "0"], "--depth 0 shows nothing"),
        (["run.gscope", "--show-grads"], "holds 8 steps, and --show-grads shows one: say which"),
        (["run.gscope", "--format", "cvs"], "--format cvs is not known; there are table, json"),
        (["run.gscope", "-o", "x.xyz"], "names no format"),
        (["run.gscope", "-o", "run.json"], "exists already; add -f"),
        (["run.gscope", "--plot", "gloss"], "names no figure; there are loss, g_loss"),
        (["run.gscope", "--plot", "std *"], "a chart shows up to 6"),
        (["run.gscope", "--plot", "loss", "--step", "0"], "leave one out"),
        (["run.gscope", "--plot", "loss", "--explain"], "--explain one step: leave one out"),
        (["run.gscope", "--plot", "loss", "--format", "html"], "is shown as table, csv, json"),
        (["run.gscope", "--plot", "loss", "--format", "csv", "-o", "x.png"], "is a picture"),
        (["forward.json", "--plot", "loss"], "holds no training steps"),
        (["run.gscope", "--format", "csv", "--show-calls", "--show-updates"], "one table"),
        (["run.gscope", "-o", "x.png"], "drawn by 'ganscope step -o' and by 'ganscope show --plot"),
        (["run.gscope", "--plot", "loss", "-o", "x.gif"], "or draw a picture: .png, .svg, .pdf"),
        (["run.gscope", "--step", "10", "--values"], "--show-calls shows every call"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, ganscope: Run) -> None:
    Path("text.txt").write_text("hello")
    Path("broken.json").write_text('{"schema": "other"}')
    outcome = ganscope("show", *arguments)
    assert outcome.code == 2
    assert words in outcome.line
    assert outcome.out == ""


def test_a_step_that_is_damaged_is_one_line(ganscope: Run) -> None:
    data = bytearray(Path("run.gscope").read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 6000):
        data[place] ^= 0x55
    Path("run.gscope").write_bytes(bytes(data))
    for arguments in (["--step", "40"], ["--plot", "loss"], []):
        outcome = ganscope("show", "run.gscope", *arguments)
        assert outcome.code in (0, 2)
        assert len(outcome.err.splitlines()) == (outcome.code == 2)


# -- while it is written, and by itself ----------------------------------------------------------


def test_a_recording_is_followed_while_it_is_written(ganscope: Run) -> None:
    steps = many(count=5).steps
    writer = TraceWriter(Path("live.gscope"), recorded().meta)
    for step in steps[:3]:
        writer.append(step, recorded().networks)
    out = ganscope("show", "live.gscope").out
    assert "recording of 3 training steps" in out
    assert "the recording was not closed: the run was killed or still goes on" in " ".join(
        out.split()
    )
    assert ganscope("show", "live.gscope", "--step", -1).out.startswith("training step 20 ")
    writer.append(steps[3], recorded().networks)
    assert ganscope("show", "live.gscope", "--step", -1).out.startswith("training step 30 ")
    chart = ganscope("show", "live.gscope", "--plot", "g_loss", "--format", "csv").out
    assert len(chart.splitlines()) == 5
    writer.close(recorded().meta, recorded().networks)
    assert "not closed" not in ganscope("show", "live.gscope").out


WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "torchinfo"):
            raise ImportError(f"{name} is not to be imported here")
sys.meta_path.insert(0, Refuse())
from ganscope.cli.app import run
for words in (
    ["show", "run.gscope"],
    ["show", "run.gscope", "--step", "0", "--show-grads", "--explain", "--show-updates"],
    ["show", "run.json", "--step", "-1", "--format", "html"],
    ["show", "run.gscope", "--plot", "loss"],
    ["show", "run.gscope", "--plot", "loss", "-o", "chart.svg"],
):
    assert run(words) == 0, words
"""


def test_torch_is_never_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "Wrote chart.svg\n"


def test_a_longer_recording_is_shown_at_once(ganscope: Run) -> None:
    step = recorded().steps[0]
    writer = TraceWriter(Path("long.gscope"), recorded().meta)
    for index in range(2000):
        writer.append(replace(step, index=index), recorded().networks)
    writer.close(recorded().meta, recorded().networks)
    for arguments in (["--step", "1000"], ["--plot", "grad generator.model.0"], []):
        before = os.times()
        assert ganscope("show", "long.gscope", *arguments).code == 0
        after = os.times()
        assert after.user + after.system - before.user - before.system < 0.5, arguments
