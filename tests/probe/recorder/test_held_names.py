"""Names of what helpers return, and of copies and wrappers that other objects hold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe import source
from ganscope.traces import Trace
from tests.probe.recorder.loops import make_critic, make_generator

bce = nn.BCEWithLogitsLoss()


def of_variables(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    inner_real = bce(real, torch.ones_like(real))
    inner_fake = bce(fake, torch.zeros_like(fake))
    return inner_real, inner_fake


def at_once(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return bce(real, torch.ones_like(real)), bce(fake, torch.zeros_like(fake))


def nested(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    one, other = of_variables(real, fake)
    return one, other


def with_details(logits: Tensor, target: float) -> tuple[Tensor, list[Tensor]]:
    parts = [bce(logits, torch.full_like(logits, target))]
    total_loss = sum(parts, torch.zeros(()))
    return total_loss, parts


def parts_of(loss: Callable[[Tensor, Tensor], Tensor]) -> list[str]:
    D, x, fake = make_critic(), torch.randn(5, 8), torch.randn(5, 8)
    with ganscope.record() as recording:
        loss_D = loss(D(x), D(fake))
        loss_D.backward()
        torch.optim.SGD(D.parameters(), lr=0.1).step()
    (told,) = recording.trace.steps[0].updates[0].losses
    return [part.name for part in told.parts]


@pytest.mark.parametrize("helper", [of_variables, at_once, nested])
def test_parts_in_a_tuple_are_called_as_they_are_taken_apart(helper: Any) -> None:
    def loss(real: Tensor, fake: Tensor) -> Tensor:
        loss_D_real, loss_D_fake = helper(real, fake)
        loss_D: Tensor = loss_D_real + loss_D_fake
        return loss_D

    assert parts_of(loss) == ["loss_D_real", "loss_D_fake"]


def test_the_rest_of_a_tuple_does_not_count() -> None:
    def loss(real: Tensor, fake: Tensor) -> Tensor:
        loss_D_fake, _ = with_details(fake, 0.0)
        loss_D_real, _ = with_details(real, 1.0)
        return loss_D_real + loss_D_fake

    assert parts_of(loss) == ["loss_D_real", "loss_D_fake"]


class Evaluator:
    def __init__(self, generator: nn.Module) -> None:
        self.generator = generator

    def samples(self, z: Tensor) -> Tensor:
        with torch.no_grad():
            made: Tensor = self.generator(z)
        return made


def networks_of(trace: Trace) -> list[str]:
    return [network.name for network in trace.networks]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_copy_in_a_helper_is_called_by_the_variable_of_the_loop(wrapped: bool) -> None:
    generator: nn.Module = make_generator()
    if wrapped:
        generator = nn.DataParallel(generator)
    generator_test = copy.deepcopy(generator)
    evaluator = Evaluator(generator_test)
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(2):
            generator(torch.randn(5, 6)).mean().backward()
            optimizer.step()
            evaluator.samples(torch.randn(5, 6))
    assert networks_of(recording.trace) == ["generator", "generator_test"]


class Typed(nn.Module):
    """Its class writes a call of its own, for the sake of the types."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def __call__(self, x: Tensor) -> Tensor:
        made: Tensor = super().__call__(x)
        return made

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.layer(x)
        return made


class Wrapped(torch.optim.Optimizer):
    """As accelerate and Fabric have it."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def step(self, closure: Any = None) -> Any:
        return self.optimizer.step(closure)


def test_a_class_with_its_own_call_and_an_optimizer_in_another() -> None:
    G, D = Typed(), Typed()
    optG = Wrapped(torch.optim.SGD(G.parameters(), lr=0.1))
    optD = Wrapped(torch.optim.SGD(D.parameters(), lr=0.1))
    with ganscope.record() as recording:
        for _ in range(2):
            D(G(torch.randn(5, 6)).detach()).mean().backward()
            optD.step()
            D(G(torch.randn(5, 6))).mean().backward()
            optG.step()
    assert networks_of(recording.trace) == ["G", "D"]
    names = [
        [each.name for update in step.updates for each in update.optimizers]
        for step in recording.trace.steps
    ]
    assert names == [["optD", "optG"]] * 2


def test_parts_have_their_names_though_the_parsed_file_was_let_go() -> None:
    def loss(real: Tensor, fake: Tensor) -> Tensor:
        loss_D_real, loss_D_fake = of_variables(real, fake)
        source.parsed.cache_clear()  # as where many files are read
        return loss_D_real + loss_D_fake

    assert [parts_of(loss) for _ in range(2)] == [["loss_D_real", "loss_D_fake"]] * 2
