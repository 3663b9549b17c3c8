"""Loops that make networks or optimizers anew in every turn, as unrolled GANs do."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe import search
from ganscope.probe.living import Living
from tests.probe.recorder.loops import make_critic, make_generator
from tests.probe.recorder.test_control import optimizers_of


class Unrolled:
    """A copy of the critic, one step ahead of it, trains the generator."""

    def __init__(self) -> None:
        self.generator, self.critic = make_generator(), make_critic()
        self.opt_g = torch.optim.SGD(self.generator.parameters(), lr=0.1)
        self.opt_c = torch.optim.Adam(self.critic.parameters())

    def turn(self) -> None:
        real, fake = torch.randn(5, 8), self.generator(torch.randn(5, 6))
        self.opt_c.zero_grad()
        (self.critic(fake.detach()) - self.critic(real)).mean().backward()
        self.opt_c.step()
        ahead = copy.deepcopy(self.critic)
        opt_ahead = torch.optim.SGD(ahead.parameters(), lr=0.1)
        opt_ahead.zero_grad()
        (ahead(fake.detach()) - ahead(real)).mean().backward()
        opt_ahead.step()
        self.opt_g.zero_grad()
        (-ahead(fake)).mean().backward()
        self.opt_g.step()


def test_a_copy_made_in_each_turn_is_one_network() -> None:
    unrolled = Unrolled()
    with ganscope.record() as recording:
        for _ in range(6):
            unrolled.turn()
    trace = recording.trace
    assert [network.name for network in trace.networks] == ["generator", "critic", "ahead"]
    assert optimizers_of(trace) == [["opt_c", "opt_ahead", "opt_g"]] * 6
    moved = [[update.networks for update in step.updates] for step in trace.steps]
    assert moved == [[("critic",), ("ahead",), ("generator",)]] * 6
    names = {each.name for each in trace.steps[-1].updates[1].parameters}
    assert names == {"ahead.0.weight", "ahead.0.bias", "ahead.2.weight", "ahead.2.bias"}


def test_what_dies_in_each_turn_leaves_nothing_behind() -> None:
    def kept() -> list[int]:
        gc.collect()
        things = gc.get_objects()
        return [
            sum(issubclass(type(each), Tensor) for each in things),
            sum(len(each) for each in things if type(each) is Living),
        ]

    unrolled = Unrolled()
    with ganscope.record(every=2):
        for _ in range(6):
            unrolled.turn()
        before = kept()
        for _ in range(10):
            unrolled.turn()
        assert kept() == before


def test_optimizers_made_in_each_turn_make_rounds() -> None:
    generator, critic = make_generator(), make_critic()

    def turn() -> None:
        optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (critic, generator)]
        for sign, optimizer in zip((1, -1), optimizers, strict=True):
            optimizer.zero_grad()
            (sign * critic(generator(torch.randn(5, 6)))).mean().backward()
            optimizer.step()

    with ganscope.record() as recording:
        for _ in range(8):
            turn()
    moved = [[update.networks for update in step.updates] for step in recording.trace.steps]
    assert moved == [[("critic",), ("generator",)]] * 8
    assert optimizers_of(recording.trace) == [["optimizers_0", "optimizers_1"]] * 8


def test_the_living_keep_their_names_to_themselves() -> None:
    """Earlier generators that are kept, as some loops do, are networks of their own."""
    past: list[nn.Module] = []
    critic = make_critic()

    def turn() -> None:
        generator = make_generator()
        past.append(generator)
        optimizer = torch.optim.SGD([*generator.parameters(), *critic.parameters()], lr=0.1)
        critic(generator(torch.randn(5, 6))).mean().backward()
        optimizer.step()

    with ganscope.record() as recording:
        for _ in range(3):
            turn()
    names = [network.name for network in recording.trace.networks]
    assert len(set(names)) == 4
    assert {"generator", "critic"} <= set(names)


class Looks:
    """Counts how often a function is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, *names: str) -> None:
        self.count = 0
        for name in names:
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, look: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return look(*args, **kwargs)

        return counted


def test_no_name_is_looked_for_while_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    unrolled, past = Unrolled(), []
    with ganscope.record(every=1000) as recording:
        for _ in range(3):
            unrolled.turn()
        looks = Looks(monkeypatch, search, "name_of", "optimizers", "first_argument")
        for _ in range(5):
            past.append(copy.deepcopy(unrolled.critic))
            optimizers = [torch.optim.SGD(past[-1].parameters(), lr=0.1)]
            past[-1](torch.randn(5, 8)).mean().backward()
            optimizers[0].step()
            unrolled.turn()
    assert looks.count == 0
    assert len(recording.trace.steps) == 1


def test_each_is_looked_for_once_and_the_heap_never_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heap, past = Looks(monkeypatch, gc, "get_referrers", "get_objects"), []
    looks = Looks(monkeypatch, search, "name_of")
    with ganscope.record() as recording:
        for _ in range(100):
            past.append(nn.Linear(2, 2))
            for _ in range(2):
                past[-1](torch.ones(1, 2)).sum().backward()
    assert heap.count == 0
    assert looks.count == 100
    names = [network.name for network in recording.trace.networks]
    assert len(set(names)) == 100
    assert names[:2] == ["past_0", "past_1"]
