"""``ganscope run`` on scripts that train GANs: what is recorded, and what the report says."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import ganscope as library
from ganscope.probe.recorder import Recorder
from ganscope.traces import Step, Trace
from ganscope.traces.file import TraceWriter
from ganscope.views.step import StepView
from tests.cli.conftest import Run
from tests.cli.test_run_faithful import Done, python

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(autouse=True)
def scripts(elsewhere: None, tmp_path: Path) -> None:
    for script in SCRIPTS.glob("*.py"):
        shutil.copy(script, tmp_path)


@cache
def plain(*words: str) -> Done:
    """What python makes of a script; run once."""
    return python(str(SCRIPTS / words[0]), *words[1:])


def processed(*words: str, **environment: str) -> Done:
    """``ganscope run`` in a process of its own."""
    return python("-m", "ganscope", "run", *words, **environment)


def optimizers(step: Step) -> list[str]:
    return [each.name for update in step.updates for each in update.optimizers]


def roles(trace: Trace) -> dict[str, str]:
    return {network.name: network.role for network in trace.networks}


def test_the_walkthroughs_script() -> None:
    alone = python("walkthrough.py", "--save", "plain.pt")
    done = processed("walkthrough.py", "--save", "watched.pt")
    assert (done.stdout, done.returncode) == (alone.stdout, alone.returncode)
    for one, other in zip(torch.load("plain.pt"), torch.load("watched.pt"), strict=True):
        pairs = zip(one.values(), other.values(), strict=True) if isinstance(one, dict) else []
        assert all(torch.equal(first, second) for first, second in pairs)
    assert torch.equal(torch.load("plain.pt")[2], torch.load("watched.pt")[2])
    trace = library.load("walkthrough.gscope")
    assert [step.index for step in trace.steps] == [0, 1, 2]
    assert roles(trace) == {"generator": "generator", "discriminator": "discriminator"}
    step = trace.steps[2]
    assert optimizers(step) == ["optimizer_G", "optimizer_D"]
    assert [loss.name for update in step.updates for loss in update.losses] == ["g_loss", "d_loss"]
    assert {call.network or call.path for call in step.calls} >= {"adversarial_loss"}
    fates = {(entry.network, entry.fate) for entry in step.ledger}
    assert ("discriminator", "cleared") in fates
    lines = done.stderr.splitlines()
    assert lines[0] == "── ganscope: walkthrough.py, the last of 3 steps"
    assert lines[1].startswith("training step 2 · generator (Generator)")
    assert lines[-5:] == [
        "Wrote walkthrough.gscope: steps 0 to 2",
        "walkthrough.py goes on to its end, and nothing of it is hooked any more",
        "next  ganscope show walkthrough.gscope",
        "next  ganscope diff walkthrough.gscope:0 walkthrough.gscope:2",
        "next  ganscope run --after 1000 --steps 1 --stop --show-grads walkthrough.py "
        "--save watched.pt",
    ]


def test_the_next_commands_that_are_named_run(ganscope: Run, watched: Run) -> None:
    done = watched("--steps", "2", "walkthrough.py")
    lines = [line.split()[2:] for line in done.err.splitlines() if line.startswith("next  ")]
    assert [(words[0], ganscope(*words).code) for words in lines[:2]] == [("show", 0), ("diff", 1)]


def test_the_report_comes_when_the_last_step_ends_and_the_script_goes_on() -> None:
    process = subprocess.run(
        [sys.executable, "-u", "-m", "ganscope", "run", "walkthrough.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(library.__file__).parents[1])},
    )
    lines = process.stdout.splitlines()
    report = next(place for place, line in enumerate(lines) if "── ganscope" in line)
    assert [line[:8] for line in lines[:report]] == ["[Batch 0", "[Batch 1"]
    assert lines[-1] == "done"


def test_stop_ends_the_script_at_the_boundary_of_the_last_step(watched: Run) -> None:
    done = watched("--stop", "walkthrough.py", "--save", "watched.pt")
    assert done.code == 0
    assert [line[:8] for line in done.out.splitlines()] == ["[Batch 0", "[Batch 1"]
    assert not Path("watched.pt").exists()
    assert "may have saved a model of 3 steps" in done.err
    assert "Traceback" not in done.err


def test_a_script_that_catches_the_stop(watched: Run) -> None:
    Path("stubborn.py").write_text(
        "import runpy\ntry:\n    runpy.run_path('walkthrough.py')\n"
        "except BaseException as error:\n    print('caught', type(error).__name__)\n"
        "finally:\n    print('saved')\n"
    )
    done = watched("--stop", "--steps", "2", "stubborn.py")
    assert done.out.splitlines()[-2:] == ["caught Stopped", "saved"]
    assert done.err.endswith("stubborn.py caught the stop and went on to its own end\n")
    assert done.code == 0


@pytest.mark.parametrize(
    ("flags", "indices"),
    [
        (["--steps", "2", "--after", "1"], [1, 2]),
        (["--steps", "1", "--after", "3"], [3]),
        (["--steps", "2", "--every", "2"], [0, 2]),
        (["--steps", "2", "--every", "2", "--after", "1"], [1, 3]),
        (["--steps", "10"], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_which_steps_are_recorded(flags: list[str], indices: list[int], watched: Run) -> None:
    done = watched(*flags, "-o", "some.gscope", "--report", "report.txt", "walkthrough.py")
    assert [step.index for step in library.load("some.gscope").steps] == indices
    assert done.err == "ganscope: wrote report.txt\n"
    assert done.out == plain("walkthrough.py").stdout
    report = Path("report.txt").read_text(encoding="utf-8")
    assert f"training step {indices[-1]} " in report
    assert ("10 steps were wanted, 6 came" in report) is ("10" in flags)


def test_nothing_is_hooked_once_the_last_step_has_ended(watched: Run) -> None:
    Path("looks.py").write_text(
        "import runpy, sys, warnings\nrunpy.run_path('walkthrough.py')\n"
        "from torch.nn.modules import module\nfrom torch.optim import optimizer\n"
        "from torch._C import _len_torch_function_stack\nimport torch\n"
        "print(bool(module._has_any_global_hook()), _len_torch_function_stack(),\n"
        "      len(optimizer._global_optimizer_pre_hooks),\n"
        "      len(optimizer._global_optimizer_post_hooks),\n"
        "      torch.autograd._engine_run_backward.__module__, warnings._showwarnmsg.__module__,\n"
        "      [each for each in sys.meta_path if 'ganscope' in type(each).__module__])\n"
    )
    last = watched("looks.py").out.splitlines()[-1]
    assert last == "False 0 0 0 torch.autograd.graph warnings []"


def test_a_killed_script_keeps_what_was_recorded() -> None:
    Path("sleeps.py").write_text(
        "import runpy, time\nrunpy.run_path('walkthrough.py')\n"
        "print('there', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "ganscope", "run", "--steps", "50", "sleeps.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(library.__file__).parents[1])},
    )
    assert process.stdout is not None
    assert "there\n" in iter(process.stdout.readline, "")
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-signal.SIGTERM, "", "")
    assert len(library.load("sleeps.gscope").steps) >= 5


def test_a_critic(watched: Run) -> None:
    assert watched("critic.py").out == plain("critic.py").stdout
    trace = library.load("critic.gscope")
    assert [optimizers(step) for step in trace.steps] == [["opt_c", "opt_c", "opt_g"]] * 3
    assert roles(trace) == {"G": "generator", "C": "discriminator"}


def test_attributes_and_spawned_workers() -> None:
    done = processed("trainer.py")
    assert (done.stdout, done.returncode) == (plain("trainer.py").stdout, 0)
    trace = library.load("trainer.gscope")
    assert [optimizers(step) for step in trace.steps] == [["optimizerD", "optimizerG"]] * 3
    assert roles(trace) == {"netD": "discriminator", "netG": "generator"}
    losses = [loss.name for update in trace.steps[1].updates for loss in update.losses]
    assert losses == ["errD_real", "errD_fake", "errG"]


@pytest.mark.parametrize(
    ("where", "update", "call"),
    [("layer", 1, "generator.model.4"), ("operation", 2, None), ("twice", 2, "backward")],
)
def test_a_script_that_fails(where: str, update: int, call: str | None) -> None:
    words = ["walkthrough.py", "--fail", where]
    alone, done = python(*words), processed("--steps", "20", *words)
    assert (done.stdout, done.returncode) == (alone.stdout, 1)
    assert done.stderr.endswith(alone.stderr[alone.stderr.index("Traceback") :])
    headline = f"walkthrough.py failed in training step 4, update {update} of it"
    assert headline in done.stderr.partition("Traceback")[0]
    trace = library.load("walkthrough.gscope")
    assert len(trace.steps) == 5
    assert trace.failure is not None
    assert trace.failure.site is not None
    assert Path(trace.failure.site.file).name == "walkthrough.py"
    if call is not None:
        assert call in done.stderr
    if where == "layer":
        assert "8×3" in done.stderr
        assert "16 numbers in the last dimension (8×16)" in done.stderr


def test_a_weight_that_was_overwritten_before_its_backward() -> None:
    alone, done = python("overwritten.py"), processed("overwritten.py")
    assert done.returncode == 1
    assert done.stderr.endswith(alone.stderr)
    failure = library.load("overwritten.gscope").failure
    assert failure is not None
    assert failure.got == "D.2.weight (1×8) after opt_D.step() (overwritten.py:21) had changed it"
    assert failure.expected is not None
    assert "run the forward again after opt_D.step(), and g_loss.backward() on" in failure.expected


@pytest.mark.parametrize(("how", "code"), [("interrupt", -2), ("exit", 3)])
def test_a_script_that_is_left(how: str, code: int) -> None:
    words = ["walkthrough.py", "--fail", how]
    alone, done = python(*words), processed("--steps", "20", *words)
    assert alone.returncode == done.returncode == code
    assert done.stdout == alone.stdout
    assert done.stderr.endswith(alone.stderr)
    assert len(library.load("walkthrough.gscope").steps) >= 4


def test_a_script_without_training(watched: Run) -> None:
    done = watched("no_gan.py")
    assert (done.out, done.code) == ("torch.Size([2, 3])\n", 0)
    assert done.err.splitlines() == [
        "── ganscope: no training step of no_gan.py was seen",
        "networks ran (net), but no optimizer of torch stepped",
        "nothing was recorded, and no file was written",
    ]
    assert not Path("no_gan.gscope").exists()


def test_a_script_that_ends_before_the_steps_that_were_wanted(watched: Run) -> None:
    done = watched("--after", "1000", "walkthrough.py")
    assert done.code == 0
    assert done.err.splitlines() == [
        "── ganscope: no training step of walkthrough.py was seen",
        "networks ran (generator, discriminator) and were trained for 6 steps, of which "
        "--after 1000 leaves none; --after 5 would record the last",
        "nothing was recorded, and no file was written",
    ]


def test_every_rank_writes_a_file_of_its_own(watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = watched("walkthrough.py")
    assert Path("walkthrough-rank1.gscope").exists()
    assert done.err.splitlines()[0] == "ganscope: Wrote walkthrough-rank1.gscope: steps 0 to 2"


def test_a_module_of_a_package(watched: Run) -> None:
    Path("lab").mkdir()
    Path("lab", "__init__.py").touch()
    shutil.copy("walkthrough.py", "lab/train.py")
    done = watched("-m", "lab.train", "--", "--batches", "3")
    assert done.out.endswith("done\n")
    assert len(library.load("train.gscope").steps) == 3


def test_view_flags_shape_the_report(watched: Run) -> None:
    done = watched("--width", "90", "--show-updates", "--depth", "1", "walkthrough.py")
    report = done.err.splitlines()
    assert max(map(len, report[1:-3])) <= 90
    assert any("generator.model.0.weight" in line for line in report)


# -- files and flags -------------------------------------------------------------------------------


def test_nothing_is_overwritten(ganscope: Run, watched: Run) -> None:
    Path("walkthrough.gscope").write_text("mine")
    done = watched("--stop", "walkthrough.py")
    assert "Wrote walkthrough-2.gscope" in done.err
    assert Path("walkthrough.gscope").read_text() == "mine"
    outcome = ganscope("run", "-o", "walkthrough.gscope", "walkthrough.py")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.line == (
        "ganscope: -o walkthrough.gscope exists already; add -f to overwrite it, or name another"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["walkthru.py"], "there is no script walkthru.py; did you mean 'walkthrough.py'?"),
        (["."], ". is a folder without a __main__.py; name a script"),
        (["--steps", "0", "critic.py"], "--steps 0: give a number of steps, at least 1"),
        (["--after", "-1", "critic.py"], "--after -1: give a number of steps, at least 0"),
        (["-o", "no/where.gscope", "critic.py"], "-o no/where.gscope: there is no folder no; "),
        (["--stepps", "3", "critic.py"], "there is no flag --stepps; did you mean '--steps'?"),
        ([], "missing argument 'SCRIPT'; see ganscope run --help"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_script_runs(
    words: list[str], message: str, ganscope: Run
) -> None:
    outcome = ganscope("run", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.line.startswith(f"ganscope: {message}")


# -- whatever goes wrong in the probe --------------------------------------------------------------


def broken(*_: Any, **__: Any) -> Any:
    raise ValueError("broken on purpose")


FAULTS: dict[str, list[tuple[Any, str]]] = {
    "recorder": [(Recorder, "__init__")],
    "start": [(Recorder, "start")],
    "steps": [(Recorder, "begin_step"), (Recorder, "end_step")],
    "turn": [(Recorder, "_turn")],
    "file": [(TraceWriter, "__init__")],
    "append": [(TraceWriter, "append"), (TraceWriter, "replace_last")],
    "close": [(TraceWriter, "close")],
    "view": [(StepView, "__rich_console__")],
}


@pytest.mark.parametrize("where", FAULTS)
def test_a_fault_of_ours_leaves_the_script_alone(
    where: str, watched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for owner, name in FAULTS[where]:
            patch.setattr(owner, name, broken)
        done = watched("walkthrough.py")
    assert (done.out, done.code) == (plain("walkthrough.py").stdout, 0)
    assert "Traceback" not in done.err
    assert "broken on purpose" in done.err
    assert watched("-f", "walkthrough.py").err.startswith("── ganscope: walkthrough.py, the last")


def test_a_closed_standard_error_is_no_fault() -> None:
    command = f"{sys.executable} -m ganscope run walkthrough.py 2>&-"
    done = subprocess.run(
        ["sh", "-c", command],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(library.__file__).parents[1])},
    )
    assert (done.stdout, done.returncode) == (plain("walkthrough.py").stdout, 0)
    assert len(library.load("walkthrough.gscope").steps) == 3


def test_the_recording_knows_the_command(watched: Run) -> None:
    watched("--stop", "--steps", "1", "walkthrough.py", "--batches", "3")
    meta = library.load("walkthrough.gscope").meta
    assert meta.command == "ganscope run --stop --steps 1 walkthrough.py --batches 3"
    assert meta.notes == ()
