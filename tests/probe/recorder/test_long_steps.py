"""Steps with very many operations: nothing is lost, and nothing takes longer than its share."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

import ganscope
from ganscope.probe import source
from ganscope.probe.source import position_of
from ganscope.traces import Loss, Trace
from tests.probe.recorder.loops import make_critic, make_generator, roles_of


def long_way(made: Tensor, operations: int) -> Tensor:
    for _ in range(operations):
        made = made * 0.999
    return made


def test_thousands_of_operations_may_stand_between_two_networks() -> None:
    torch.manual_seed(0)
    generator, critic = make_generator(), make_critic()
    opt_g = torch.optim.SGD(generator.parameters(), lr=0.01)
    opt_c = torch.optim.SGD(critic.parameters(), lr=0.01)
    with ganscope.record() as recording:
        for _ in range(2):
            fake = long_way(generator(torch.randn(5, 6)), 1200)
            c_loss = critic(fake.detach()).mean() - critic(torch.randn(5, 8)).mean()
            opt_c.zero_grad()
            c_loss.backward()
            opt_c.step()
            g_loss = -critic(fake).mean()
            opt_g.zero_grad()
            g_loss.backward()
            opt_g.step()
    trace = recording.trace
    assert trace.meta.notes == ()
    assert len(trace.steps) == 2
    assert roles_of(trace) == {"generator": "generator", "critic": "discriminator"}


def trace_of_terms(count: int) -> Trace:
    torch.manual_seed(0)
    critic = make_critic()
    opt = torch.optim.SGD(critic.parameters(), lr=0.01)
    with ganscope.record() as recording:
        score = critic(torch.randn(5, 8))
        loss = torch.zeros(())
        for _ in range(count):
            loss = loss + score.mean()
        loss.backward()
        opt.step()
    return recording.trace


def loss_of(count: int) -> Loss:
    (loss,) = trace_of_terms(count).steps[0].updates[0].losses
    return loss


def test_of_very_many_parts_the_last_are_told_as_their_sum() -> None:
    whole = loss_of(64)
    assert len(whole.parts) == 64
    assert whole.parts[-1].name == "score.mean() #64"
    loss = loss_of(500)
    assert len(loss.parts) == 64
    assert [part.name for part in loss.parts[61:]] == [
        "score.mean() #62",
        "score.mean() #63",
        "sum of 437 more",
    ]
    assert loss.parts[-1].value == pytest.approx(437 * loss.parts[0].value, rel=1e-6)
    assert math.fsum(part.value for part in loss.parts) == pytest.approx(loss.value, rel=1e-4)


def test_a_position_in_the_source_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gone_through: list[int] = []

    def counted(positions: Any, *bounds: Any) -> Any:
        gone_through.append(bounds[0])
        return islice(positions, *bounds)

    def function(value: int) -> int:
        return value + 1

    other: Callable[[int], int] = lambda value: value + 1  # noqa: E731
    monkeypatch.setattr(source, "islice", counted)
    for _ in range(3):
        for code in (function.__code__, other.__code__):
            for instruction in (2, 4):
                place = list(code.co_positions())[instruction // 2]
                assert position_of(code, instruction) == place
    assert gone_through == [1, 2, 1, 2]
