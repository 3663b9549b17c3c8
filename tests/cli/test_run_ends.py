"""However a script ends, and whatever is lost of the recording: as under python, trace kept."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import ganscope as library
from ganscope.errors import OutputError
from ganscope.probe.calls import CallLog
from ganscope.probe.gradients import GradientLog
from ganscope.probe.observer import Observer
from ganscope.probe.recorder import Recorder
from ganscope.probe.updates import UpdateLog
from ganscope.traces.file import TraceWriter
from tests.cli.conftest import Run
from tests.cli.test_run_faithful import ROOT, python

SCRIPTS = Path(__file__).parents[1] / "scripts"
WALKTHROUGH = SCRIPTS / "walkthrough.py"


def broken(*_: Any, **__: Any) -> Any:
    raise ValueError("broken on purpose")


def full(*_: Any, **__: Any) -> Any:
    raise OutputError("the disk is full")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the script prints under python, and the weights that it ends with."""
    weights = tmp_path_factory.mktemp("plain") / "plain.pt"
    return python(str(WALKTHROUGH), "--save", str(weights)).stdout, weights


@pytest.fixture
def plain(watched: Run, ran: tuple[str, Path], tmp_path: Path) -> str:
    """What the script prints, with its weights saved beside."""
    shutil.copy(ran[1], tmp_path / "plain.pt")
    return ran[0]


def same_weights(one: str, other: str) -> bool:
    def tensors(value: Any) -> list[torch.Tensor]:
        if isinstance(value, torch.Tensor):
            return [value]
        inner = value.values() if isinstance(value, dict) else value
        return [tensor for each in inner for tensor in tensors(each)]

    pairs = zip(tensors(torch.load(one)), tensors(torch.load(other)), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


HOOKS: list[tuple[Any, str]] = [
    (Recorder, "begin_step"),
    (Recorder, "end_step"),
    (Recorder, "begin_backward"),
    (Recorder, "end_backward"),
    (Recorder, "begin_loading"),
    (CallLog, "begin"),
    (CallLog, "end"),
    (CallLog, "begin_operation"),
    (CallLog, "end_operation"),
    (GradientLog, "watch"),
    (UpdateLog, "begin"),
    (UpdateLog, "end"),
]


def test_every_hook_raises(plain: str, watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for owner, name in HOOKS:
            patch.setattr(owner, name, broken)
        done = watched(WALKTHROUGH, "--save", "watched.pt")
    assert (done.out, done.code) == (plain, 0)
    assert same_weights("plain.pt", "watched.pt")
    assert "Traceback" not in done.err
    told = [line for line in done.err.splitlines() if "broken on purpose" in line]
    assert len(told) == 1
    assert told[0].startswith("ganscope: the recording is not complete: ")
    assert Observer._at_work is None


@pytest.mark.parametrize(("broken_after", "left"), [(0, []), (2, [0, 1]), (3, [0, 1, 2])])
def test_steps_that_cannot_be_kept_have_had_their_turn(
    broken_after: int, left: list[int], plain: str, watched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, count = TraceWriter.append, [0]

    def fills(*words: Any) -> None:
        count[0] += 1
        return full() if count[0] > broken_after else append(*words)

    with monkeypatch.context() as patch:
        patch.setattr(TraceWriter, "append", fills)
        done = watched("--steps", "4", "--stop", WALKTHROUGH)
    assert done.code == 0
    assert done.out.splitlines() == plain.splitlines()[:3]  # the fourth step ends before it prints
    told = [line for line in done.err.splitlines() if line.startswith("ganscope: ")]
    assert len(told) == 1
    assert "the disk is full" in told[0]
    assert "walkthrough.py is stopped here (--stop)" in done.err
    kept = library.load("walkthrough.gscope").steps if Path("walkthrough.gscope").exists() else ()
    assert [step.index for step in kept] == left


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit")
@pytest.mark.parametrize("blocks", [20, 110])
def test_a_full_disk(blocks: int, plain: str) -> None:
    command = (
        f"ulimit -f {blocks}; exec {sys.executable} -m ganscope run {WALKTHROUGH} --save watched.pt"
    )
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert (done.stdout, done.returncode) == (plain, 0), done.stderr
    assert same_weights("plain.pt", "watched.pt")
    told = [line for line in done.stderr.splitlines() if line.startswith("ganscope: ")]
    assert len(told) == 1, done.stderr
    assert told[0].startswith("ganscope: the recording is not complete: ")
    assert "Traceback" not in done.stderr
    left = {path.name for path in Path().iterdir()} - {"plain.pt", "watched.pt"}
    assert left <= (
        {"walkthrough.gscope"} | {f"walkthrough.gscope-{end}" for end in ("wal", "shm")}
    )


def test_a_worker_of_a_loader_that_raises() -> None:
    words = [str(SCRIPTS / "workers.py"), "--fail"]
    alone, done = python(*words), python("-m", "ganscope", "run", "--steps", "20", *words)
    assert (done.stdout, done.returncode) == (alone.stdout, 1)

    # Which of two workers is first decides from which line torch hands the exception on.
    def plain_lines(text: str) -> str:
        return re.sub(r'(dataloader\.py", line )\d+', r"\1#", text)

    assert plain_lines(done.stderr).endswith(plain_lines(alone.stderr))
    trace = library.load("workers.gscope")
    assert len(trace.steps) == 4
    assert trace.failure is not None
    assert trace.failure.message.startswith(
        "RuntimeError: Caught RuntimeError in DataLoader worker"
    )
    report = done.stderr.partition("Traceback")[0]
    assert "workers.py failed between two training steps, the last of 4 steps" in report
    assert (
        "RuntimeError: Caught RuntimeError in DataLoader worker process 0, workers.py:25" in report
    )


def test_an_exit_in_the_middle_of_a_step_keeps_what_came_before_it_apart(watched: Run) -> None:
    with pytest.raises(SystemExit, match="3"):
        watched("--steps", "20", "--report", "report.txt", WALKTHROUGH, "--fail", "exit")
    first, *_, before, left = library.load("walkthrough.gscope").steps
    assert len(before.calls) == len(first.calls)
    assert len(before.updates) == 2
    assert left.updates == ()
    assert [call.path for call in left.calls if call.parent is None][:2] == [
        "generator",
        "discriminator",
    ]
    report = Path("report.txt").read_text(encoding="utf-8")
    assert report.splitlines()[0] == (
        "── ganscope: walkthrough.py has left by sys.exit in the middle of a step, the one before"
    )
    assert "training step 3" in report


def test_an_exit_before_the_first_step_says_no_more_than_that(watched: Run) -> None:
    with pytest.raises(SystemExit, match="2"):
        watched("--report", "report.txt", WALKTHROUGH, "--no-such-flag")
    assert Path("report.txt").read_text(encoding="utf-8").splitlines() == [
        "── ganscope: walkthrough.py has left by sys.exit before any training step was seen",
        "nothing was recorded, and no file was written",
    ]


def test_ctrl_c_while_steps_are_recorded() -> None:
    words = ["run", "--steps", "1000000", "-o", "run.gscope", WALKTHROUGH, "--batches", "100000"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ganscope", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    for _ in range(5):
        assert process.stdout.readline().startswith("[Batch")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    report, _, traceback = err.partition("Traceback (most recent call last):\n")
    assert "walkthrough.py was interrupted" in report
    assert traceback.rstrip().endswith("KeyboardInterrupt")
    files = re.findall(r'File "(.*?)", line', traceback)
    assert str(WALKTHROUGH) in files
    assert not [each for each in files if Path(each).is_relative_to(ROOT / "ganscope")]
    assert not [each for each in files if Path(each).name == "ganscope"]
    assert len(library.load("run.gscope").steps) >= 5


@pytest.mark.slow
def test_two_ranks(ganscope: Run) -> None:
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    done = python(*launch, "-m", "ganscope", "run", str(SCRIPTS / "distributed.py"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("weights ")
    assert done.stderr.count("── ganscope: distributed.py, the last of 3 steps") == 1
    files = [f"distributed-rank{rank}.gscope" for rank in (0, 1)]
    assert f"next  ganscope show {' '.join(files)}" in done.stderr
    for file in files:
        roles = {network.name: network.role for network in library.load(file).networks}
        assert roles == {"G": "generator", "D": "discriminator"}
    shown = ganscope("show", *files)
    assert shown.code == 0
    assert shown.out.splitlines()[-1] == (
        f"{files[1]} beside {files[0]}: the same steps, and every weight moves alike; losses "
        "differ (d_loss, g_loss), as each has its own data"
    )
    refused = ganscope("show", *files, "--plot", "loss")
    assert refused.code == 2
    assert refused.line.startswith("ganscope: several files are only shown beside each other")


def test_ranks_that_have_drifted_apart(watched: Run, ganscope: Run) -> None:
    watched("--stop", "-o", "a.gscope", WALKTHROUGH)
    watched("--stop", "-o", "b.gscope", WALKTHROUGH, "--lr", "0.02")
    last = ganscope("show", "a.gscope", "b.gscope", "a.gscope").out.splitlines()[-2:]
    assert last[0].startswith(
        "b.gscope beside a.gscope: weights or updates differ from step 0 on: "
    )
    assert last[1] == "a.gscope beside a.gscope: the same steps, and every weight moves alike"
    one = ganscope("show", "a.gscope", "b.gscope", "--step", "2").out.splitlines()[-1]
    assert "weights or updates differ from step 2 on: " in one
    assert "steps only" not in one
