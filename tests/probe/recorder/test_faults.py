"""A fault of ours costs figures or steps, never the loop: same weights, one warning."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import ganscope
from ganscope.analysis import roles
from ganscope.errors import OutputError
from ganscope.probe import (
    earlier,
    flow,
    gradients,
    ledger,
    networks,
    operations,
    optimizer_hooks,
    overwritten,
    recorder,
    rounds,
    steps,
    store,
    training_patches,
    unseen,
    updates,
)
from ganscope.traces import Trace
from ganscope.traces.file import TraceWriter
from tests.probe.recorder import loops
from tests.probe.recorder.loops import assert_gone, optimizers_of, run

OWNERS: tuple[Any, ...] = (
    recorder.Recorder,
    store.StepStore,
    gradients.GradientLog,
    updates.UpdateLog,
    updates.ParameterDraft,
    optimizer_hooks.OptimizerHooks,
    earlier.EarlierOutputs,
    ledger.Ledger,
    steps.StepDraft,
    networks.Networks,
    rounds.Rounds,
    flow.Flow,
    training_patches.TrainingPatches,
    unseen.UnseenMoves,
    overwritten.Steppers,
    roles.Relations,
    operations.Operation,
    TraceWriter,
)

LAST = {
    # What keeps faults in, or takes the hooks away: when these fail as a whole, nothing is left.
    "Recorder": {"_guard", "_pause", "end_backward", "note", "start", "stop"},
    "OptimizerHooks": {"_hook", "are_on", "attach", "removals"},
    "GradientLog": {"_arrived"},
    "TrainingPatches": {"_put_back", "_tell", "end", "take_off"},
}


def _raise(*args: Any, **kwargs: Any) -> Any:
    raise OSError("a fault of ours")


def _places() -> list[tuple[Any, str]]:
    return [
        (owner, name)
        for owner in OWNERS
        for name, value in vars(owner).items()
        if (not name.startswith("__") or (owner is operations.Operation and name == "__init__"))
        and (inspect.isfunction(value) or isinstance(value, property))
        and name not in LAST.get(owner.__name__, ())
    ]


@pytest.fixture(scope="module")
def bare() -> dict[str, Any]:
    return run(loops.generator_first)


PLACES = _places()


@pytest.mark.parametrize(
    ("owner", "name"), PLACES, ids=[f"{owner.__name__}.{name}" for owner, name in PLACES]
)
def test_a_fault_anywhere_leaves_the_loop_as_it_is(
    owner: Any, name: str, bare: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = ganscope.record()
    broken = property(_raise) if isinstance(vars(owner)[name], property) else _raise
    with warnings.catch_warnings(record=True) as said, monkeypatch.context() as patch:
        warnings.simplefilter("always")
        patch.setattr(owner, name, broken)
        watched = run(loops.generator_first, recording)
    assert watched == bare
    assert_gone()
    assert len(said) <= 1
    trace = recording.trace
    if not said:  # what was broken was not needed
        assert len(trace.steps) == loops.STEPS
        return
    assert "a fault of ours" in str(said[0].message)
    assert str(said[0].message).startswith("the recording is not complete: ")


def test_one_fault_in_one_update_costs_that_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    begin, count = updates.UpdateLog.begin, [0]

    def once(self: Any, *args: Any) -> Any:
        count[0] += 1
        return _raise() if count[0] == 5 else begin(self, *args)

    monkeypatch.setattr(updates.UpdateLog, "begin", once)
    recording = ganscope.record()
    with pytest.warns(RuntimeWarning, match="a fault of ours"):
        run(loops.generator_first, recording)
    trace = recording.trace
    assert optimizers_of(trace) == [["optimizer_G", "optimizer_D"]] * loops.STEPS
    empty = [(s.index, u.index) for s in trace.steps for u in s.updates if not u.parameters]
    assert empty == [(2, 0)]
    assert trace.meta.completeness == "partial"


@pytest.mark.parametrize("failing", [{2}, {2, 3}, {0}, {1, 2, 3, 4}, set(range(9))])
def test_steps_that_the_sink_refuses_are_counted_and_the_others_stand_right(
    failing: set[int], bare: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    append, count = TraceWriter.append, [-1]

    def refuse(self: Any, step: Any, seen: Any) -> None:
        count[0] += 1
        if count[0] in failing:
            raise OutputError("the disk is full")
        append(self, step, seen)

    monkeypatch.setattr(TraceWriter, "append", refuse)
    recording = ganscope.record()
    with pytest.warns(RuntimeWarning, match="could not be kept: the disk is full") as said:
        assert run(loops.generator_first, recording) == bare
    assert len(said) == 1
    assert_gone()
    trace: Trace = recording.trace
    assert trace.meta.completeness == "partial"
    for step in trace.steps:
        assert len({update.index for update in step.updates}) == len(step.updates)
    indices = [step.index for step in trace.steps]
    assert indices == sorted(set(indices))
    if 0 not in failing:
        assert optimizers_of(trace)[:1] == [["optimizer_G", "optimizer_D"]]


_FULL = """
import resource, signal, sys, warnings
import torch
sys.path.insert(0, {root!r})
from tests.probe.recorder import loops
import ganscope
bare = loops.run(loops.generator_first)
recording = ganscope.record({path!r}) if {path!r} else ganscope.record()
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    watched = loops.run(loops.generator_first, recording)
loops.assert_gone()
print(watched == bare, len(said), len(recording.trace.steps) < 4)
print(said[0].message if said else "")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("limit", [45_000])
def test_a_full_disk_ends_the_recording_and_not_the_loop(limit: int, tmp_path: Path) -> None:
    root = str(Path(ganscope.__file__).parents[1])
    code = _FULL.format(root=root, path=str(tmp_path / "run.gscope"), limit=limit)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    first, _, rest = done.stdout.partition("\n")
    assert first == "True 1 True", done.stdout + done.stderr
    assert "could not be kept" in rest
