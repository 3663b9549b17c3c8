"""Optimizers that step inside a backward, one for each parameter: one update at its end."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module

import ganscope
from ganscope.probe.updates import Stepped, together
from ganscope.traces import Optimizer
from tests.probe.recorder.loops import ledger_of, make_critic, make_generator


class Fused:
    """A network whose parameters are each moved as soon as their gradient is there."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.norms: list[float] = []
        self.is_on = True
        self.optimizers = {each: torch.optim.SGD([each], lr=0.1) for each in network.parameters()}
        for each in network.parameters():
            each.register_post_accumulate_grad_hook(partial(self._move, self.optimizers[each]))

    def _move(self, optimizer: torch.optim.Optimizer, parameter: Tensor) -> None:
        assert parameter.grad is not None
        if self.is_on:
            self.norms.append(float(parameter.grad.double().norm()))
            optimizer.step()
        optimizer.zero_grad()


def train(turns: int, steps: int | None = None) -> tuple[ganscope.Trace, Fused, Fused]:
    torch.manual_seed(0)
    generator, critic = make_generator(), make_critic()
    one, other = Fused(generator), Fused(critic)
    with ganscope.record(steps=steps) as recording:
        for _ in range(turns):
            one.is_on, other.is_on = False, True
            d_loss = critic(generator(torch.randn(5, 6)).detach()).mean()
            d_loss = d_loss - critic(torch.randn(5, 8)).mean()
            d_loss.backward()
            one.is_on, other.is_on = True, False
            g_loss = -critic(generator(torch.randn(5, 6))).mean()
            g_loss.backward()
        if steps is not None:
            assert not module._global_forward_hooks
            assert torch._C._len_torch_function_stack() == 0
    return recording.trace, one, other


def test_every_backward_with_the_steps_inside_it_is_an_update() -> None:
    trace, generator, critic = train(3)
    assert len(trace.steps) == 3
    sizes = [len(each.optimizers) for each in (critic, generator)]
    norms = (
        iter(zip(*[iter(critic.norms)] * sizes[0], strict=True)),
        iter(zip(*[iter(generator.norms)] * sizes[1], strict=True)),
    )
    for step in trace.steps:
        assert [update.networks for update in step.updates] == [("critic",), ("generator",)]
        assert [[loss.name for loss in update.losses] for update in step.updates] == [
            ["d_loss"], ["g_loss"],
        ]  # fmt: skip
        for update, expected, size in zip(step.updates, norms, sizes, strict=True):
            (optimizer,) = update.optimizers
            assert (optimizer.type, optimizer.learning_rates) == ("SGD", (0.1,))
            assert len(update.parameters) == size
            assert {each.optimizer for each in update.parameters} == {optimizer.name}
            stats = [each.gradient for each in update.parameters if each.gradient is not None]
            found = [each.norm for each in stats if each.norm is not None]
            assert sorted(found) == pytest.approx(sorted(next(expected)), rel=1e-5, abs=1e-6)
            moved = [each.update_norm for each in update.parameters]
            assert moved == pytest.approx([0.1 * norm for norm in found], rel=1e-3, abs=1e-6)
        assert ("critic", 0, sizes[0], "used", 0) in ledger_of(step)
        assert ("generator", 1, sizes[1], "used", 1) in ledger_of(step)
        assert step.updates[0].backwards[0].reached == {"critic": sizes[0]}


def test_a_recording_that_is_full_inside_a_backward_ends() -> None:
    trace, _, _ = train(8, steps=2)
    assert len(trace.steps) == 2


def test_optimizers_of_one_kind_are_told_as_one() -> None:
    kinds = [("SGD", 0.1), ("SGD", 0.1), ("Adam", 0.1), ("SGD", 0.2)]
    every = [
        Stepped(Optimizer(f"o{place}", kind, (rate,)), place, (f"n{place}",), [])
        for place, (kind, rate) in enumerate(kinds)
    ]
    assert [(each.optimizer.name, each.networks) for each in together(every)] == [
        ("o0", ("n0", "n1")), ("o2", ("n2",)), ("o3", ("n3",)),
    ]  # fmt: skip
