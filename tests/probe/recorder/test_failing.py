"""A loop that fails: which call did, and what the step before it still shows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import Trace
from tests.probe.recorder.loops import make_critic, make_generator


def failing(*, log: bool, spoil: bool) -> Trace:
    """A loop whose third turn fails as the critic is shown the generator's images.

    Args:
        log: Whether figures are computed between the updates that feed no loss.
        spoil: Whether the images are of another type then; else there are too few noise values.
    """
    torch.manual_seed(0)
    generator, critic = make_generator(), make_critic()
    g_opt = torch.optim.SGD(generator.parameters(), lr=0.01)
    d_opt = torch.optim.SGD(critic.parameters(), lr=0.01)
    with pytest.raises(RuntimeError), ganscope.record() as recording:
        for turn in range(4):
            d_opt.zero_grad()
            fake = generator(torch.randn(5, 6))
            scores = critic(torch.randn(5, 8))
            (critic(fake.detach()).mean() - scores.mean()).backward()
            d_opt.step()
            if log:
                assert (scores > 0).float().mean() + scores.std() / scores.abs().mean() > -9
            g_opt.zero_grad()
            if turn == 2 and not spoil:
                fake = generator(torch.randn(5, 5))
            (-critic(fake.double() if turn == 2 and spoil else fake).mean()).backward()
            g_opt.step()
    return recording.trace


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("spoil", [False, True])
def test_the_call_that_failed_is_the_one_that_is_named(*, log: bool, spoil: bool) -> None:
    trace = failing(log=log, spoil=spoil)
    step = trace.steps[-1]
    assert trace.failure is not None
    assert (trace.failure.step, trace.failure.update) == (2, 1)
    left = [call for call in step.calls if not call.outputs]
    assert trace.failure.call == left[-1].id
    assert left[-1].path == ("critic.0" if spoil else "generator.0")


def test_what_led_to_a_failure_is_kept_though_it_fed_no_loss() -> None:
    step = failing(log=True, spoil=True).steps[-1]
    changed = [call for call in step.calls if call.type in ("double", "to")]
    assert [call.outputs[0].dtype for call in changed] == ["float64"]


class _Unsteady(torch.optim.SGD):
    """Fails where it is told to."""

    fails = False

    def step(self, closure: Any = None) -> Any:
        if self.fails:
            raise RuntimeError("a bad step")
        return super().step(closure)


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.layer(x)
        return made.relu().view(-1)


def test_operations_are_seen_after_an_optimizer_failed() -> None:
    torch.manual_seed(0)
    net = _Net()
    optimizer = _Unsteady(net.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for turn in range(3):
            optimizer.zero_grad()
            net(torch.randn(2, 4)).mean().backward()
            optimizer.fails = turn == 1
            try:
                optimizer.step()
            except RuntimeError:
                continue
    first, second = recording.trace.steps
    assert [call.label for call in first.calls] == [
        "net",
        "net.layer",
        "net/relu",
        "net/view",
        "mean",
    ]
    assert len(second.calls) == 2 * len(first.calls)  # the turn that failed, and the next one
