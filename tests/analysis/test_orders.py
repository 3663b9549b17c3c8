"""Loops whose flow was once guessed wrong from equal statistics, and what is right of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

import ganscope
from ganscope.analysis.forwards import FAKE, REAL
from ganscope.analysis.roles import DISCRIMINATOR
from ganscope.traces import Trace
from ganscope.views import ViewOptions
from ganscope.views.steps.heading import flow_lines
from ganscope.views.steps.story import Story, tell

BATCH = 8
_bce = functional.binary_cross_entropy_with_logits


def mlp(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Linear(before, 12), nn.ReLU(), nn.Linear(12, after))


def ones(value: float = 1.0) -> Tensor:
    return torch.full((BATCH, 1), float(value))


def recorded(
    networks: tuple[tuple[nn.Module, ...], ...], losses: Callable[[int], Tensor], steps: int = 3
) -> Trace:
    """Steps in which the networks of each group are updated on the loss of their number."""
    optimizers = [
        torch.optim.Adam([weight for each in group for weight in each.parameters()], 1e-3)
        for group in networks
    ]
    with ganscope.record() as recorder:
        for _ in range(steps):
            for number, optimizer in enumerate(optimizers):
                loss = losses(number)
                for every in optimizers:
                    every.zero_grad()
                loss.backward()
                optimizer.step()
    return recorder.trace


def told(trace: Trace) -> Story:
    step = trace.steps[-1]
    return tell(trace, step, ViewOptions())


def lines(trace: Trace, update: int) -> list[str]:
    story = told(trace)
    ran = story.ran(story.step.updates[update])
    found = flow_lines(ran, story.forwards, story.outputs, story.cast)
    return [line.whole.rpartition(" — ")[0] or line.whole for line in found]


def symbols(trace: Trace, update: int) -> list[str]:
    story = told(trace)
    return [one.symbol for one in story.outputs_in(story.step.updates[update])]


def test_detach_stands_where_it_was_called() -> None:
    G, D = mlp(4, 6), nn.Linear(6, 1)

    def losses(number: int) -> Tensor:
        made = G(torch.randn(BATCH, 4))
        if number:
            return -D(torch.tanh(made)).mean()
        before, after = torch.tanh(made.detach()), torch.tanh(made).detach()
        return D(before).mean() + D(after).mean() - D(torch.randn(BATCH, 6)).mean()

    trace = recorded(((D,), (G,)), losses)
    assert lines(trace, 0)[:2] == [
        "z 8×4 → G → 8×6 → detach → tanh → D → 8×1",
        "G(z) 8×6 → tanh → detach → D → 8×1",
    ]
    assert lines(trace, 1) == ["z 8×4 → G → 8×6 → tanh → D → 8×1"]


def test_of_many_operations_detach_is_named_in_its_place() -> None:
    G, D = mlp(4, 6), nn.Linear(6, 1)

    def losses(number: int) -> Tensor:
        made = G(torch.randn(BATCH, 4)).mul(2).tanh()
        if number:
            return -D(made).mean()
        cut = made.detach().add(1).exp().neg()
        return D(cut).mean() - D(torch.randn(BATCH, 6)).mean()

    assert "→ mul → … → detach → … → neg → D" in lines(recorded(((D,), (G,)), losses), 0)[0]


def test_a_pair_is_joined_and_then_detached() -> None:
    G, D = mlp(6, 6), nn.Linear(12, 1)

    def losses(number: int) -> Tensor:
        given, wanted = torch.rand(BATCH, 6), torch.rand(BATCH, 6)
        pair = torch.cat([given, G(given)], 1)
        if number:
            return _bce(D(pair), ones())
        real = D(torch.cat([given, wanted], 1))
        return _bce(D(pair.detach()), ones(0)) + _bce(real, ones())

    trace = recorded(((D,), (G,)), losses)
    assert lines(trace, 0) == ["input 8×6 → G → 8×6 → cat → detach → D → 8×1", "x 8×12 → D → 8×1"]
    assert symbols(trace, 1) == ["D(G(input))"]


def test_of_what_another_update_made_its_own_shape_is_shown() -> None:
    G, D = mlp(6, 6), nn.Linear(12, 1)
    kept: list[Tensor] = []

    def losses(number: int) -> Tensor:
        if number:
            return _bce(D(torch.cat(kept, 1)), ones())
        given = torch.rand(BATCH, 6)
        kept[:] = [given, G(given)]
        real = D(torch.rand(BATCH, 12))
        return _bce(D(torch.cat(kept, 1).detach()), ones(0)) + _bce(real, ones())

    trace = recorded(((D,), (G,)), losses)
    assert lines(trace, 1) == ["G(input) of ① 8×6 → cat → D → 8×1"]


def test_what_stands_where_noise_stands_elsewhere_is_made_of_data() -> None:
    E, G, D = mlp(6, 3), mlp(3, 6), mlp(6, 1)

    def losses(number: int) -> Tensor:
        x, z = torch.rand(BATCH, 6), torch.randn(BATCH, 3)
        if number == 0:
            return _bce(D(x), ones()) + _bce(D(G(z)), ones(0))
        again = G(E(torch.rand(BATCH, 6)))
        adversarial = _bce(D(again), ones())
        return adversarial + _bce(D(G(z)), ones()) if number == 1 else adversarial

    trace = recorded(((D,), (G,), (E,)), losses)
    assert symbols(trace, 0) == ["D(x)", "D(G(z))"]
    assert symbols(trace, 1) == ["D(G(E(x)))", "D(G(z))"]


def test_what_a_generator_is_made_to_take_by_a_mapping_network_is_noise() -> None:
    mapping, G, D = mlp(3, 3), mlp(3, 6), mlp(6, 1)

    def losses(number: int) -> Tensor:
        fake = G(mapping(torch.randn(BATCH, 3)))
        if number:
            return _bce(D(fake), ones())
        return _bce(D(torch.rand(BATCH, 6)), ones()) + _bce(D(fake.detach()), ones(0))

    assert symbols(recorded(((D,), (G, mapping)), losses), 0)[-1] == "D(G(mapping(z)))"


def test_statistics_of_generated_images_are_generated() -> None:
    G, D = mlp(1, 1), mlp(2, 1)

    def moments(values: Tensor) -> Tensor:
        return torch.cat([values.mean().reshape(1, 1), values.std().reshape(1, 1)], 1)

    def losses(number: int) -> Tensor:
        fake = G(torch.rand(50, 1))
        if number:
            return _bce(D(moments(fake)), torch.ones(1, 1))
        real = D(moments(torch.randn(50, 1)))
        return _bce(real, torch.ones(1, 1)) + _bce(D(moments(fake.detach())), torch.zeros(1, 1))

    trace = recorded(((D,), (G,)), losses)
    story = told(trace)
    shown = [one.shown for one in story.forwards if one.role == DISCRIMINATOR]
    assert shown == [REAL, FAKE, FAKE]
    assert symbols(trace, 1) == ["D(G(z))"]
    assert "z 50×1 → G → 50×1 → detach → mean → … → cat → D → 1×1" in lines(trace, 0)


def test_of_a_sum_each_part_keeps_its_own_operations() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.mean, self.deviation = mlp(6, 16), nn.Linear(16, 3), nn.Linear(16, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            inner = self.body(x)
            return self.mean(inner), self.deviation(inner)

    E, G, D = Encoder(), mlp(3, 6), mlp(6, 1)

    def losses(number: int) -> Tensor:
        mean, deviation = E.forward(torch.randn(BATCH, 6))  # past the hooks of the whole
        fake = G(torch.randn(BATCH, 3).mul(deviation.mul(0.5).exp()).add(mean))
        if number == 0:
            return _bce(D(fake), ones()) + mean.pow(2).mean()
        return _bce(D(torch.randn(BATCH, 6)), ones()) + _bce(D(fake.detach()), ones(0))

    trace = recorded(((E, G), (D,)), losses)
    assert "E.mean → 8×3 → add with E.deviation → G → 8×6 → D" in lines(trace, 0)[0], lines(
        trace, 0
    )


def test_vectors_that_are_joined_with_outputs_may_be_data() -> None:
    E, G, D_x, D_z = mlp(6, 2), mlp(2, 6), mlp(12, 1), mlp(4, 1)

    def pair(one: Tensor, other: Tensor) -> Tensor:
        return torch.cat((one, other), 1)

    def losses(number: int) -> Tensor:
        x, z = torch.rand(BATCH, 6), torch.randn(BATCH, 2)
        fake, code = G(z), E(x)
        if number:
            return _bce(D_x(pair(x, fake)), ones()) + _bce(D_z(pair(z, code)), ones())
        true = _bce(D_x(pair(x, x)), ones()) + _bce(D_z(pair(z, z)), ones())
        false = _bce(D_x(pair(x, fake.detach())), ones(0))
        return true + false + _bce(D_z(pair(z, code.detach())), ones(0))

    trace = recorded(((D_x, D_z), (E, G)), losses)
    assert "input 8×6 → E → 8×2 → cat → D_z → 8×1" in lines(trace, 1)
    assert "D_z(E(input))" in symbols(trace, 1)


def test_no_grad_is_told_in_a_step_that_updates_no_generator() -> None:
    G, D = mlp(4, 6), nn.Linear(6, 1)

    def losses(_: int) -> Tensor:
        with torch.no_grad():
            fake = G(torch.randn(BATCH, 4))
        return torch.relu(1 - D(torch.randn(BATCH, 6))).mean() + torch.relu(1 + D(fake)).mean()

    assert lines(recorded(((D,),), losses), 0)[0] == "8×4 → G → 8×6 → no grad → D → 8×1"


def test_a_frozen_network_is_not_said_to_run_without_autograd() -> None:
    G, D = mlp(4, 6).requires_grad_(False), nn.Linear(6, 1)

    def losses(_: int) -> Tensor:
        fake = G(torch.randn(BATCH, 4))
        return torch.relu(1 - D(torch.randn(BATCH, 6))).mean() + torch.relu(1 + D(fake)).mean()

    assert lines(recorded(((D,),), losses), 0)[0] == "8×4 → G → 8×6 → D → 8×1"


def test_what_is_cut_off_twice_is_told_once() -> None:
    G, D = mlp(4, 6), mlp(6, 1)

    def losses(number: int) -> Tensor:
        fake = G(torch.randn(BATCH, 4))
        if number:
            return _bce(D(fake), ones())
        cut = fake.detach()
        return _bce(D(torch.randn(BATCH, 6)), ones()) + _bce(D(cut.detach()), ones(0))

    story = told(recorded(((D,), (G,)), losses))
    lines = [
        line.whole for line in flow_lines(story.forwards, story.forwards, story.outputs, story.cast)
    ]
    assert [line.count("→ detach") for line in lines if "detach" in line] == [1]
