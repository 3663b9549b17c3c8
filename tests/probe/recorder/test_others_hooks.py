"""What others hook, patch and compile inside a recording stays theirs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.nn.modules import module
from torch.optim import optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

import ganscope

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, of what it compiles


@pytest.fixture(autouse=True)
def _without_what_was_compiled() -> Iterator[None]:
    """What the compiler still holds as the interpreter ends makes it complain."""
    yield
    torch._dynamo.reset()
    gc.collect()


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


def test_a_compiled_step_of_an_optimizer_has_the_graphs_that_it_has_without_us() -> None:
    def graphs() -> int:
        torch._dynamo.reset()
        counters.clear()
        net, sgd = made()
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


class _Trainer(nn.Module):
    """Trains in its own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.sgd = made()

    def forward(self, x: Tensor) -> Tensor:
        self.sgd.zero_grad()
        loss: Tensor = self.net(x).mean()
        loss.backward()
        torch._dynamo.disable(self.sgd.step)()
        return loss.detach()


def test_a_recording_that_ends_inside_a_compiled_call_leaves_no_hook() -> None:
    torch._dynamo.reset()
    trainer = torch.compile(_Trainer(), backend="eager")
    with ganscope.record(steps=2) as recording:
        for _ in range(20):
            trainer(torch.ones(2, 4))
        assert not module._global_forward_hooks
        assert not module._global_forward_pre_hooks
    assert len(recording.trace.steps) == 2
    assert torch._C._len_torch_function_stack() == 0
