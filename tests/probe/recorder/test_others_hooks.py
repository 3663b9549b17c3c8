"""What others hook, patch and compile inside a recording stays theirs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

import ganscope

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, of what it compiles


def made() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    net = nn.Linear(4, 1)
    return net, torch.optim.SGD(net.parameters(), lr=0.1)


def turn(net: nn.Module, sgd: torch.optim.Optimizer) -> None:
    sgd.zero_grad()
    net(torch.ones(2, 4)).mean().backward()
    sgd.step()


def test_a_hook_behind_ours_is_run_as_the_recording_ends_by_itself() -> None:
    net, sgd = made()
    seen: list[int] = []
    with ganscope.record(steps=2) as recording:
        handle = register_optimizer_step_post_hook(lambda *_: seen.append(1))
        for _ in range(30):
            turn(net, sgd)
    assert list(optimizer._global_optimizer_post_hooks) == [handle.id]
    assert not optimizer._global_optimizer_pre_hooks
    handle.remove()
    assert len(seen) == 30
    assert len(recording.trace.steps) == 2


def test_patches_that_are_laid_over_ours_stay() -> None:
    engine, scaler, compile = (
        torch.autograd._engine_run_backward,
        torch.amp.GradScaler.step,
        torch.compile,
    )
    net, sgd = made()
    try:
        with ganscope.record(steps=2):
            ours = torch.amp.GradScaler.step, torch.compile

            def theirs(*args: Any, **kwargs: Any) -> Any:
                return ours[0](*args, **kwargs)

            def also_theirs(*args: Any, **kwargs: Any) -> Any:
                return ours[1](*args, **kwargs)

            torch.amp.GradScaler.step, torch.compile = theirs, also_theirs  # type: ignore[assignment,method-assign]
            for _ in range(20):
                turn(net, sgd)
        assert torch.amp.GradScaler.step is theirs
        assert torch.compile is also_theirs
        assert torch.autograd._engine_run_backward is engine
        scaled = torch.amp.GradScaler("cpu", init_scale=4.0)
        scaled.scale(net(torch.ones(2, 4)).mean()).backward()
        scaled.step(sgd)  # passes through what is left of ours
    finally:
        torch.amp.GradScaler.step, torch.compile = scaler, compile  # type: ignore[method-assign]


_COMPILED_STEP = """
import torch
from torch import nn
from torch._dynamo.utils import counters
import ganscope

def graphs():
    torch._dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    net = nn.Linear(4, 1)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    step = torch.compile(lambda: sgd.step(), backend="eager")
    for _ in range(3):
        sgd.zero_grad()
        net(torch.ones(2, 4)).mean().backward()
        step()
    return counters["stats"]["unique_graphs"]

bare = graphs()
with ganscope.record() as recording:
    assert graphs() == bare
assert any("compiled is not seen" in note for note in recording.trace.meta.notes)
"""

_COMPILED_TRAINER = """
import torch
from torch import nn
from torch.nn.modules import module
import ganscope

class Trainer(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 1)
        self.sgd = torch.optim.SGD(self.net.parameters(), lr=0.1)

    def forward(self, x):
        self.sgd.zero_grad()
        loss = self.net(x).mean()
        loss.backward()
        torch._dynamo.disable(self.sgd.step)()
        return loss.detach()

trainer = torch.compile(Trainer(), backend="eager")
with ganscope.record(steps=2) as recording:
    for _ in range(20):
        trainer(torch.ones(2, 4))
    assert not module._global_forward_hooks
    assert not module._global_forward_pre_hooks
assert len(recording.trace.steps) == 2
assert torch._C._len_torch_function_stack() == 0
"""


@pytest.mark.parametrize("script", [_COMPILED_STEP, _COMPILED_TRAINER], ids=["step", "trainer"])
def test_what_is_compiled_is_compiled_as_without_us(script: str) -> None:
    """Graphs are as many, and a recording that ends inside a compiled call leaves no hook.

    In a process of its own: once torch compiles, it keeps account of every module there is.
    """
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
