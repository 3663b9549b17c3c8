"""A module that only holds networks together is none itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe.composites import networks_in
from tests.probe.recorder.loops import make_critic, make_generator, optimizers_of, roles_of


class Duel(nn.Module):
    """As Lightning's example has it: its forward is the generator's."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.critic = make_generator(), make_critic()

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.generator(z)
        return made

    def losses(self) -> tuple[Tensor, Tensor]:
        fake = self(torch.randn(5, 6))
        return -self.critic(fake).mean(), self.critic(fake.detach()).mean() - self.critic(
            torch.randn(5, 8)
        ).mean()


class Both(nn.Module):
    """As BigGAN has it: one call runs the two, on images of both kinds in one batch."""

    def __init__(self) -> None:
        super().__init__()
        self.G, self.D = make_generator(), make_critic()

    def forward(self, z: Tensor, real: Tensor | None = None) -> Tensor:
        with torch.set_grad_enabled(real is None):
            fake = self.G(z)
        judged: Tensor = self.D(fake if real is None else torch.cat([fake, real]))
        return judged


def adam(*networks: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([each for network in networks for each in network.parameters()])


def update(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> None:
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


def test_a_generator_and_a_critic_in_one_class_are_two_networks() -> None:
    torch.manual_seed(0)
    duel = Duel()
    opt_g, opt_c = adam(duel.generator), adam(duel.critic)
    with ganscope.record() as recording:
        for _ in range(3):
            update(opt_g, lambda: duel.losses()[0])
            update(opt_c, lambda: duel.losses()[1])
    trace = recording.trace
    assert roles_of(trace) == {"generator": "generator", "critic": "discriminator"}
    assert optimizers_of(trace) == [["opt_g", "opt_c"]] * 3
    moved = [[update.networks for update in step.updates] for step in trace.steps]
    assert moved == [[("generator",), ("critic",)]] * 3
    outermost = [call.path for call in trace.steps[0].calls if call.parent is None and call.network]
    assert outermost == ["generator", "critic", "critic", "critic"] * 2
    names = {each.name for each in trace.steps[0].updates[0].parameters}
    assert names == {f"generator.{name}" for name, _ in duel.generator.named_parameters()}


def test_operations_between_networks_in_one_call_stand_between_them() -> None:
    torch.manual_seed(0)
    both = Both()
    opt_g, opt_d = adam(both.G), adam(both.D)

    def apart() -> Tensor:
        fake, real = both(torch.randn(5, 6), torch.randn(5, 8)).split(5)
        return fake.mean() - real.mean()

    with ganscope.record() as recording:
        for _ in range(3):
            update(opt_d, apart)
            update(opt_g, lambda: -both(torch.randn(5, 6)).mean())
    trace = recording.trace
    assert roles_of(trace) == {"G": "generator", "D": "discriminator"}
    step = trace.steps[1]
    outermost = [(call.kind, call.path or call.type) for call in step.calls if call.parent is None]
    assert outermost[:4] == [("module", "G"), ("op", "cat"), ("module", "D"), ("op", "split")]
    assert trace.meta.completeness == "complete"


class Embedded(nn.Module):
    """One network, whose embedding has an optimizer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.body = nn.Embedding(4, 6), make_generator()

    def forward(self, labels: Tensor) -> Tensor:
        made: Tensor = self.body(self.embed(labels))
        return made


def test_layers_with_optimizers_of_their_own_are_no_networks() -> None:
    network = Embedded()
    optimizers = [torch.optim.SGD(network.embed.parameters(), lr=0.1), adam(network.body)]
    assert networks_in(network, optimizers) == {}
    with ganscope.record() as recording:
        network(torch.tensor([0, 1])).mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    assert [each.name for each in recording.trace.networks] == ["network"]


def test_one_layer_beside_networks_is_a_network_too() -> None:
    """Pix2pixHD's encoder may be one convolution; a head beside a body is none."""
    outer = nn.Module()
    outer.G, outer.D, outer.E = make_generator(), make_critic(), nn.Linear(2, 2)
    expected = {"G": outer.G, "D": outer.D, "E": outer.E}
    assert networks_in(outer, [adam(outer.G, outer.E), adam(outer.D)]) == expected
    assert networks_in(outer, [adam(outer.G), adam(outer.D)]) == expected
    body = nn.Module()
    body.body, body.head = make_generator(), nn.Linear(8, 1)
    assert networks_in(body, [adam(body.body), adam(body.head)]) == {}


class Kept(nn.Module):
    """Keeps its networks in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.models = nn.ModuleDict({"G": make_generator(), "D": make_critic()})

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.models["G"](z)
        return made


def test_networks_in_a_dictionary_of_one_class() -> None:
    torch.manual_seed(0)
    kept = Kept()
    opt_g, opt_d = adam(kept.models["G"]), adam(kept.models["D"])
    with ganscope.record() as recording:
        for _ in range(3):
            update(opt_g, lambda: -kept.models["D"](kept(torch.randn(5, 6))).mean())
            update(
                opt_d,
                lambda: (
                    kept.models["D"](kept(torch.randn(5, 6)).detach()).mean()
                    - kept.models["D"](torch.randn(5, 8)).mean()
                ),
            )
    assert roles_of(recording.trace) == {"G": "generator", "D": "discriminator"}


@pytest.mark.parametrize("together", [False, True])
def test_what_one_optimizer_trains_alone_or_all_train_together_is_one(together: bool) -> None:
    duel = Duel()
    optimizers = [adam(duel)] if not together else [adam(duel), adam(duel)]
    assert networks_in(duel, optimizers) == {}


def test_parts_that_nobody_trains_are_networks_as_well() -> None:
    outer = nn.Module()
    outer.duel, outer.judge = Duel(), make_critic()
    parts = networks_in(outer, [adam(outer.duel.generator), adam(outer.duel.critic)])
    assert parts == {
        "duel.generator": outer.duel.generator,
        "duel.critic": outer.duel.critic,
        "judge": outer.judge,
    }


class Pair(nn.Module):
    """Its forward runs the two, with an operation between them."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.critic = make_generator(), make_critic()

    def forward(self, z: Tensor) -> Tensor:
        judged: Tensor = self.critic(self.generator(z) * 2.0)
        return judged


@pytest.mark.parametrize("dry", [0, 1, 3])
def test_a_dry_run_before_there_are_optimizers_makes_no_network_of_the_whole(dry: int) -> None:
    torch.manual_seed(0)
    pair = Pair()
    with ganscope.record() as recording:
        for _ in range(dry):
            pair(torch.randn(2, 6))
        opt_g, opt_c = adam(pair.generator), adam(pair.critic)
        for _ in range(3):
            update(
                opt_c,
                lambda: (
                    pair.critic(pair.generator(torch.randn(5, 6)).detach()).mean()
                    - pair.critic(torch.randn(5, 8)).mean()
                ),
            )
            update(opt_g, lambda: -pair(torch.randn(5, 6)).mean())
    trace = recording.trace
    assert roles_of(trace) == {"generator": "generator", "critic": "discriminator"}
    for step in trace.steps:
        outer = [call for call in step.calls if call.parent is None]
        modules = [call.path for call in outer if call.kind == "module" and call.update is not None]
        assert modules == ["generator", "critic", "critic", "generator", "critic"]
        assert {call.network for call in step.calls} == {"generator", "critic", ""}
        assert [call.type for call in outer if call.type == "mul" and call.update == 1] == ["mul"]
        assert {call.parent for call in step.calls if call.path in ("generator.0", "critic.0")} <= {
            call.id for call in outer
        }


def test_a_whole_that_was_trained_keeps_its_name() -> None:
    torch.manual_seed(0)
    pair = Pair()
    together = adam(pair)
    with ganscope.record() as recording:
        update(together, lambda: pair(torch.randn(5, 6)).mean())
        opt_g, opt_c = adam(pair.generator), adam(pair.critic)
        for _ in range(2):
            update(opt_c, lambda: pair(torch.randn(5, 6)).mean())
            update(opt_g, lambda: -pair(torch.randn(5, 6)).mean())
    assert [network.name for network in recording.trace.networks] == ["pair"]
