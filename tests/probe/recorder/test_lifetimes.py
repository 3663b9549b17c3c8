"""Nothing is retained: no activation after its step, no network, no memory over many steps."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe import earlier
from tests.probe.recorder.test_control import Duel


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    """What is let go only by the collector of cycles counts as kept."""
    Duel().turn()  # what torch imports for its first optimizer holds on to frames
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_activations_and_gradients_die_when_the_loop_lets_them_go() -> None:
    duel = Duel()
    alive: list[weakref.ref[Tensor]] = []

    def keep(module: object, args: object, output: Tensor) -> None:
        alive.append(weakref.ref(output))

    for part in (*duel.generator.modules(), *duel.discriminator.modules()):
        part.register_forward_hook(keep)
    with ganscope.record() as recording:
        for _ in range(4):
            duel.turn()
            assert not [each() for each in alive if each() is not None]
    assert len(recording.trace.steps) == 4


class _Hungry(nn.Module):
    """Fails on more rows than it has memory for, as on a device that is full."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.kept: weakref.ref[Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.layer(x)
        self.kept = weakref.ref(hidden)
        if len(x) > 8:
            raise RuntimeError("out of memory")
        return hidden.mean()


def test_an_exception_that_is_caught_takes_its_frames_with_it() -> None:
    """Whoever catches it makes room so, and tries again with less."""
    net = _Hungry()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def attempt(rows: int) -> None:
        net(torch.randn(rows, 4)).backward()

    with ganscope.record() as recording:
        for _ in range(3):
            optimizer.zero_grad()
            try:
                attempt(16)
            except RuntimeError:
                attempt_again = True
            assert attempt_again
            assert net.kept is not None
            assert net.kept() is None
            attempt(4)
            optimizer.step()
    assert len(recording.trace.steps) == 3
    assert recording.trace.failure is None


def test_networks_and_optimizers_die_with_the_last_name_of_the_user() -> None:
    def inside() -> list[weakref.ref[object]]:
        duel = Duel()
        for _ in range(4):
            duel.turn()
        weight = duel.generator[0].weight
        return [weakref.ref(each) for each in (duel.generator, duel.discriminator, weight)]

    with ganscope.record() as recording:
        watched = inside()
        assert [each() for each in watched] == [None] * 3
        again = inside()
        assert [each() for each in again] == [None] * 3
    names = [network.name for network in recording.trace.networks]
    assert names == ["generator", "discriminator"]  # made anew at the same place


def test_looking_for_names_keeps_nothing_alive() -> None:
    """Where only what holds them tells, the calling frames are looked through."""

    def inside() -> list[weakref.ref[object]]:
        duel = Duel()
        networks = [duel.generator, duel.discriminator]
        optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in networks]
        for _ in range(2):
            for optimizer in optimizers:
                optimizer.zero_grad()
                x = torch.randn(4, 6)
                for network in networks:
                    x = network(x) if network is networks[0] else network.forward(x)
                x.mean().backward()
                optimizer.step()
        return [weakref.ref(each) for each in (*networks, *optimizers)]

    with ganscope.record() as recording:
        watched = inside()
        assert [each() for each in watched] == [None] * 4
    names = [each.name for update in recording.trace.steps[0].updates for each in update.optimizers]
    assert names == ["optimizers_0", "optimizers_1"]


def test_memory_is_flat_over_three_hundred_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "ROWS", 64)  # what is kept of rows is full from the start
    duel = Duel()
    tracemalloc.start()
    try:
        with ganscope.record() as recording:
            for _ in range(60):  # traced too, so that the free lists of Python are filled by now
                duel.turn()
            gc.collect()
            tensors, before = _tensors(), tracemalloc.get_traced_memory()[0]
            for _ in range(240):
                duel.turn()
            gc.collect()
            after = tracemalloc.get_traced_memory()[0]
            assert _tensors() == tensors
    finally:
        tracemalloc.stop()
    assert after - before < 90_000  # what is kept of one step alone is more than 400 bytes
    assert len(recording.trace.steps) == 300


def _tensors() -> int:
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


def test_a_recording_that_has_ended_holds_no_weights() -> None:
    duel = Duel()
    before = _tensors()
    recording = ganscope.record()
    with recording:
        for _ in range(3):
            duel.turn()
    duel.opt_g.state.clear()
    duel.opt_d.state.clear()
    duel.generator.zero_grad()
    duel.discriminator.zero_grad()
    assert _tensors() == before


_CHILD = """
import os, sys, torch, ganscope
recording = ganscope.record()
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
def turn():
    optimizer.zero_grad(); model(torch.ones(1, 2)).sum().backward(); optimizer.step()
with recording:
    turn()
    child = os.fork()
    if child == 0:
        turn()
        sys.exit(0)
    os.waitpid(child, 0)
    turn()
print(len(recording.trace.steps), recording.trace.meta.completeness)
folder = recording.path.parent
del recording
print(folder.exists())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_process_leaves_the_recording_alone() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(ganscope.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CHILD],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.stdout.split() == ["2", "complete", "False"], done.stderr
    assert done.returncode == 0
