"""What a GradScaler multiplies is told without its factor, and nothing else is divided by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import ganscope
from ganscope.traces import Trace

SCALE = 1024.0


def critic() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(), nn.Linear(8, 1))


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("unscaled_before", [False, True])
def test_gradients_are_those_that_the_optimizer_used(*, fused: bool, unscaled_before: bool) -> None:
    net = critic()
    adam = torch.optim.Adam(net.parameters(), lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    expected = []
    with ganscope.record() as recording:
        for _ in range(2):
            adam.zero_grad()
            loss = net(torch.ones(2, 6)).mean()
            scaler.scale(loss).backward()
            weights = list(net.parameters())
            expected.append(
                [
                    float(each.grad.double().norm()) / SCALE
                    for each in weights
                    if each.grad is not None
                ]
            )
            if unscaled_before:
                scaler.unscale_(adam)
            scaler.step(adam)
            scaler.update()
    for step, norms in zip(recording.trace.steps, expected, strict=True):
        (update,) = step.updates
        assert update.gradient_scale == SCALE
        found = [each.gradient.norm for each in update.parameters if each.gradient is not None]
        assert found == pytest.approx(norms, rel=1e-5)


def _penalised(*, scaled_root: bool) -> Trace:
    net = critic()
    sgd = torch.optim.SGD(net.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    with ganscope.record() as recording:
        for _ in range(2):
            x = torch.ones(5, 6, requires_grad=True)
            sgd.zero_grad()
            out = net(x)
            total = scaler.scale(out.sum()) if scaled_root else out.sum()
            (grad,) = torch.autograd.grad(total, x, create_graph=True)
            grad = grad / SCALE if scaled_root else grad
            loss = out.mean() + (grad.norm(dim=1) - 1).square().mean()
            scaler.scale(loss).backward()
            scaler.step(sgd)
            scaler.update()
    return recording.trace


@pytest.mark.parametrize("scaled_root", [False, True])
def test_a_gradient_that_was_asked_for_is_divided_only_if_it_was_scaled(
    *, scaled_root: bool
) -> None:
    for step in _penalised(scaled_root=scaled_root).steps:
        kinds = {run.id: run.kind for update in step.updates for run in update.backwards}
        (call,) = [call for call in step.calls if call.path == "net"]
        means = {kinds[each.backward]: each.stats and each.stats.mean for each in call.gradients}
        assert means == {"grad": pytest.approx(1.0), "backward": pytest.approx(1 / 5)}
        (loss,) = step.updates[0].losses
        assert loss.value < 2.0


def _losses_of(
    backward: Callable[[nn.Module, torch.amp.GradScaler], None],
) -> list[dict[str, float]]:
    """The losses of two steps by name."""
    net = critic()
    sgd = torch.optim.SGD(net.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    with ganscope.record() as recording:
        for _ in range(2):
            sgd.zero_grad()
            backward(net, scaler)
            scaler.step(sgd)
            scaler.update()
    return [
        {loss.name: loss.value for loss in step.updates[0].losses} for step in recording.trace.steps
    ]


def test_a_loss_beside_a_scaled_one_keeps_its_value() -> None:
    def backward(net: nn.Module, scaler: torch.amp.GradScaler) -> None:
        plain = net(torch.ones(5, 6)).square().mean() + 3.0
        plain.backward()
        scaled = net(torch.ones(5, 6)).mean() + 3.0
        scaler.scale(scaled).backward()

    for values in _losses_of(backward):
        assert values.keys() == {"plain", "scaled"}
        assert all(2 < value < 5 for value in values.values())


def test_the_sum_of_scaled_losses_is_scaled() -> None:
    def backward(net: nn.Module, scaler: torch.amp.GradScaler) -> None:
        one, other = net(torch.ones(5, 6)).mean() + 1, net(torch.zeros(5, 6)).mean() + 1
        (scaler.scale(one) + scaler.scale(other)).backward()

    for values in _losses_of(backward):
        (value,) = values.values()
        assert value < 5
