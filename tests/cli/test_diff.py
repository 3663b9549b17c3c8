"""``ganscope diff A B``: equal or not, what differs, in every format, and without torch."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ganscope.traces import Failure, Step
from tests.traces.gan_steps import gan_steps
from tests.traces.test_file import write
from tests.traces.test_schema import GOLDEN

from .conftest import Run

ROOT = Path(__file__).parents[2]
STEPS = gan_steps()[:4]


def changed(step: Step) -> Step:
    """With another mean out of one layer, another loss, and one call less."""
    calls = list(step.calls)
    record = calls[3].outputs[0]
    assert record.stats is not None
    assert record.stats.mean is not None
    stats = replace(record.stats, mean=record.stats.mean * 1.001)
    calls[3] = replace(calls[3], outputs=(replace(record, stats=stats),))
    update = step.updates[0]
    losses = (replace(update.losses[0], value=2 * update.losses[0].value),)
    return replace(
        step,
        calls=(*calls[:20], *calls[21:]),
        updates=(replace(update, losses=losses), *step.updates[1:]),
    )


@pytest.fixture(autouse=True)
def recordings(elsewhere: None) -> None:
    write(Path("one.gscope"), STEPS)
    write(Path("same.gscope"), STEPS, replace(GOLDEN, meta=replace(GOLDEN.meta, seed=7)))
    last = replace(STEPS[3], index=30)
    write(Path("other.gscope"), (*STEPS[:2], changed(STEPS[2]), last))
    plain = replace(GOLDEN, steps=STEPS).to_dict()
    Path("one.json").write_text(json.dumps(plain), encoding="utf-8")


def test_equal_ones_say_so(ganscope: Run) -> None:
    outcome = ganscope("diff", "one.gscope", "same.gscope")
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out.splitlines() == [
        "A                 one.gscope",
        "B                 same.gscope",
        "seed              A 0 · B 7",
        "compared          4 steps · 172 calls",
        "result            equal to the last bit",
    ]
    near = ganscope("diff", "one.gscope", "one.json", "--tolerance", "1e-5")
    assert near.code == 0
    assert near.out.splitlines()[-1] == "result            equal within the tolerance"


def test_different_ones_tell_the_first_and_the_largest(ganscope: Run) -> None:
    outcome = ganscope("diff", "one.gscope", "other.gscope")
    assert outcome.code == 1
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[3] == "first difference  step 2 · generator.model.1 (LeakyReLU)"
    assert lines[4].startswith("                  mean: A ")
    assert "gan.py:50 images: Tensor = self.model(z)" in lines[5]
    assert lines[7].split() == [
        "relative",
        "what",
        "where",
        "figure",
        "A",
        "B",
        "step",
        "in",
        "steps",
    ]
    assert lines[8].split()[:4] == ["0.500", "loss", "g_loss", "value"]
    assert lines[9].split()[1:4] == ["output", "generator.model.1", "mean"]
    assert lines[9].split()[-2:] == ["2", "1"]
    assert lines[11:] == [
        "only in A         discriminator.model.1 (LeakyReLU), in step 2",
        "only in A         step 3",
        "only in B         step 30",
    ]


def test_two_steps_of_one(ganscope: Run) -> None:
    assert ganscope("diff", "one.gscope:1", "one.json:1").code == 0
    outcome = ganscope("diff", "one.gscope:0", "one.gscope:3", "--limit", 2)
    assert outcome.code == 1
    assert outcome.out.splitlines()[2] == "compared          1 step · 43 calls"
    assert "step 0 · generator (Generator)" in outcome.out
    assert "more; --limit 0 shows all" in outcome.out
    everything = ganscope("diff", "one.gscope:0", "one.gscope:3", "--limit", 0).out
    assert "more; --limit" not in everything
    assert len(everything.splitlines()) > 80


def test_a_failure_counts_in_the_step_in_which_it_was(ganscope: Run) -> None:
    failure = Failure(3, 0, None, "RuntimeError: boom", None, None, None)
    failed = replace(GOLDEN, steps=STEPS, failure=failure).to_dict()
    Path("failed.json").write_text(json.dumps(failed), encoding="utf-8")
    whole = replace(GOLDEN, steps=STEPS, failure=None).to_dict()
    Path("whole.json").write_text(json.dumps(whole), encoding="utf-8")
    assert ganscope("diff", "failed.json:0", "whole.json:0").code == 0
    for one, other in (("failed.json", "whole.json"), ("failed.json:3", "whole.json:3")):
        outcome = ganscope("diff", one, other)
        assert outcome.code == 1
        assert "failure  step 3  failure  RuntimeError: boom" in outcome.out


def test_a_file_whose_name_has_a_colon(ganscope: Run) -> None:
    Path("one.gscope").rename("run:5")
    assert ganscope("diff", "run:5", "one.json").code == 0
    assert ganscope("diff", "run:5:2", "one.json:2").code == 0


def test_json(ganscope: Run) -> None:
    outcome = ganscope("diff", "one.gscope", "other.gscope", "--format", "json")
    assert outcome.code == 1
    found = json.loads(outcome.out)
    assert list(found) == [
        "schema", "equal", "first", "second", "tolerance", "steps", "calls", "first_call",
        "differences", "only_first", "only_second", "steps_only_first", "steps_only_second",
        "circumstances",
    ]  # fmt: skip
    assert (found["schema"], found["equal"]) == ("ganscope.diff/1", False)
    assert found["first_call"]["label"] == "generator.model.1"
    assert [one["where"] for one in found["differences"]] == ["g_loss", "generator.model.1"]
    assert found["only_first"] == [
        {"label": "discriminator.model.1", "type": "LeakyReLU", "since": 2, "steps": 1}
    ]
    assert found["steps_only_second"] == [30]
    few = json.loads(ganscope("diff", "one.gscope", "other.gscope", "--format", "json",
                              "--limit", 1).out)  # fmt: skip
    assert len(few["differences"]) == 1


def test_csv(ganscope: Run) -> None:
    outcome = ganscope("diff", "one.gscope", "other.gscope", "-o", "diff.csv")
    assert (outcome.code, outcome.err, outcome.out) == (1, "Wrote diff.csv\n", "")
    rows = list(csv.DictReader(io.StringIO(Path("diff.csv").read_text(encoding="utf-8"))))
    assert [row["what"] for row in rows] == [
        "loss", "output", "only_first", "step_only_first", "step_only_second",
    ]  # fmt: skip
    loss = STEPS[2].updates[0].losses[0].value
    assert (float(rows[0]["first"]), float(rows[0]["second"])) == (loss, 2 * loss)
    assert rows[2]["where"] == "discriminator.model.1"
    assert (rows[4]["step"], rows[4]["steps"]) == ("30", "1")


def test_markdown(ganscope: Run) -> None:
    lines = ganscope("diff", "one.gscope", "other.gscope", "--format", "markdown").out.splitlines()
    assert lines[0] == "- A: one.gscope"
    assert "| 0.500 | loss | g\\_loss | value | " in "\n".join(lines)
    assert lines[-1] == "- only in B: step 30"


def test_a_table_in_a_file(ganscope: Run) -> None:
    outcome = ganscope("diff", "one.gscope", "other.gscope", "-o", "diff.txt")
    assert outcome.code == 1
    screen = ganscope("diff", "one.gscope", "other.gscope").out
    assert Path("diff.txt").read_text(encoding="utf-8") == screen
    again = ganscope("diff", "one.gscope", "other.gscope", "-o", "diff.txt")
    assert again.code == 2
    assert "exists already; add -f" in again.line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["one.gscop", "one.gscope"], "one.gscop is not there; did you mean 'one.gscope'?"),
        (["one.gscope:9", "one.gscope:0"],
         "one.gscope: there is no step 9; recorded are 0, 1, 2, 3; the nearest is 3"),
        (["one.gscope:x", "one.gscope"],
         "one.gscope:x: behind the colon stands the number of a training step, such as "
         "one.gscope:0"),
        (["one.gscope:0", "same.gscope"],
         "one.gscope:0 is one step and same.gscope a recording of 4; name a step of it too, such "
         "as same.gscope:0"),
        (["text.txt", "one.gscope"], "text.txt is no recording of ganscope: it is text"),
        (["one.gscope", "one.gscope", "--tolerance", "-1"],
         "--tolerance -1: give a relative difference from 0 (to the last bit) on, such as 1e-5"),
        (["one.gscope", "one.gscope", "--tolerance", "much"],
         "--tolerance much: give a relative difference from 0 (to the last bit) on, such as "
         "1e-5"),
        (["one.gscope", "one.gscope", "--tolerance", "nan"],
         "--tolerance nan: give a relative difference from 0 (to the last bit) on, such as 1e-5"),
        (["one.gscope", "one.gscope", "--limit", "-1"],
         "--limit -1: give how many differences to show; 0 shows all"),
        (["one.gscope", "one.gscope", "--format", "html"],
         "a comparison is shown as table, json, csv, markdown, not html"),
        (["one.gscope", "one.gscope", "--format", "jsn"],
         "a comparison is shown as table, json, csv, markdown, not jsn; did you mean 'json'?"),
        (["one.gscope", "one.gscope", "-o", "x.html"],
         "a comparison is shown as table, json, csv, markdown, not html"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(ganscope: Run, arguments: list[str], words: str) -> None:
    Path("text.txt").write_text("text", encoding="utf-8")
    outcome = ganscope("diff", *arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.line == f"ganscope: {words}"


def test_a_damaged_step_is_told_once(ganscope: Run) -> None:
    connection = sqlite3.connect("one.gscope", isolation_level=None)
    connection.execute("DELETE FROM call WHERE interval = 1")
    connection.close()
    outcome = ganscope("diff", "one.gscope:1", "same.gscope:1")
    assert outcome.code == 2
    assert outcome.line.startswith("ganscope: one.gscope is damaged in step 1 (")


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_asked_for(ganscope: Run, width: int) -> None:
    outcome = ganscope("diff", "one.gscope:0", "one.gscope:3", "--width", width)
    assert max(map(len, outcome.out.splitlines())) <= width
    assert "relative" in outcome.out


WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "torchinfo"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, Refuse())
from ganscope.cli.app import run

sys.exit(run(sys.argv[1:]))
"""


def test_it_needs_no_torch() -> None:
    for other, code in (("same.gscope", 0), ("other.gscope", 1), ("nothing", 2)):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, "diff", "one.gscope", other],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"},
        )
        assert done.returncode == code, done.stderr
        assert ("compared" in done.stdout) == (code != 2)
