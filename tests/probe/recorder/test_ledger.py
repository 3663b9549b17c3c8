"""What becomes of gradients: cleared, used, or used once more because nobody cleared them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import EARLIER, Step
from tests.probe.recorder.loops import ledger_of, make_critic, make_generator, ranks_of


class Losses:
    """Two networks, their optimizers and their losses; nothing is cleared."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator, self.critic = make_generator(), make_critic()
        self.opt_g = torch.optim.SGD(self.generator.parameters(), lr=0.01)
        self.opt_c = torch.optim.SGD(self.critic.parameters(), lr=0.01)

    def for_critic(self, fake: Tensor) -> Tensor:
        return self.critic(fake.detach()).mean() - self.critic(torch.randn(5, 8)).mean()

    def fake(self) -> Tensor:
        made: Tensor = self.generator(torch.randn(5, 6))
        return made


def steps_of(trace: ganscope.Trace) -> list[set[tuple[str, int, int, str, int | None]]]:
    return [ledger_of(step) for step in trace.steps]


def used(step: Step, network: str) -> list[int]:
    ranks = ranks_of(step)
    return sorted(
        ranks[each.backward]
        for each in step.ledger
        if each.network == network and each.fate == "used"
    )


def test_what_is_never_cleared_is_used_again() -> None:
    losses = Losses()
    with ganscope.record() as recording:
        for _ in range(4):
            losses.for_critic(losses.fake()).backward()
            losses.opt_c.step()
            (-losses.critic(losses.fake()).mean()).backward(
                inputs=list(losses.generator.parameters())
            )
            losses.opt_g.step()
    first, *others = recording.trace.steps
    assert (used(first, "critic"), used(first, "generator")) == ([0], [1])
    for step in others:
        assert (used(step, "critic"), used(step, "generator")) == ([EARLIER, 0], [EARLIER, 1])
        assert {each.fate for each in step.ledger} == {"used"}


def test_each_of_several_updates_without_clearing_uses_all_before() -> None:
    losses = Losses()
    with ganscope.record() as recording:
        for _ in range(3):
            losses.opt_c.zero_grad()
            for _ in range(3):
                losses.for_critic(losses.fake()).backward()
                losses.opt_c.step()
            losses.opt_g.zero_grad()
            (-losses.critic(losses.fake()).mean()).backward()
            losses.opt_g.step()
    step = recording.trace.steps[1]
    ranks = ranks_of(step)
    by_update = {
        index: sorted(
            ranks[each.backward]
            for each in step.ledger
            if (each.network, each.fate, each.update) == ("critic", "used", index)
        )
        for index in range(3)
    }
    assert by_update == {0: [0], 1: [0, 1], 2: [0, 1, 2]}


@pytest.mark.parametrize("to_none", [True, False])
def test_what_is_cleared_in_time_is_used_once(to_none: bool) -> None:
    losses = Losses()
    with ganscope.record() as recording:
        for _ in range(4):
            losses.opt_c.zero_grad(set_to_none=to_none)
            losses.for_critic(losses.fake()).backward()
            losses.opt_c.step()
            losses.opt_g.zero_grad(set_to_none=to_none)
            (-losses.critic(losses.fake()).mean()).backward()
            losses.opt_g.step()
    for step in recording.trace.steps[1:]:
        assert (used(step, "critic"), used(step, "generator")) == ([0], [1])
        cleared = {(each.network, each.backward) for each in step.ledger if each.fate == "cleared"}
        assert cleared == {("critic", EARLIER)}


def test_both_backwards_before_both_steps_are_one_update_from_the_first_step_on() -> None:
    losses = Losses()
    with ganscope.record() as recording:
        for _ in range(4):
            fake = losses.fake()
            g_loss, c_loss = -losses.critic(fake).mean(), losses.for_critic(fake)
            losses.opt_g.zero_grad()
            g_loss.backward()
            losses.opt_c.zero_grad()
            c_loss.backward()
            losses.opt_g.step()
            losses.opt_c.step()
    told = [
        [(update.networks, [each.name for each in update.optimizers]) for update in step.updates]
        for step in recording.trace.steps
    ]
    assert told == [[(("generator", "critic"), ["opt_g", "opt_c"])]] * 4
    for step in recording.trace.steps:
        assert [each.name for each in step.updates[0].losses] == ["g_loss", "c_loss"]
        assert (used(step, "generator"), used(step, "critic")) == ([0], [1])
        assert len(step.updates[0].parameters) == 6 + 4
    assert steps_of(recording.trace)[0] == {
        ("generator", 0, 6, "used", 0),
        ("critic", 0, 4, "cleared", 0),
        ("critic", 1, 4, "used", 0),
    }


@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate")
def test_a_parameter_that_an_optimizer_has_twice_is_told_once() -> None:
    shared = nn.Linear(6, 8)
    first, second = nn.Sequential(shared, nn.Tanh()), nn.Sequential(shared, nn.ReLU())
    optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
    with ganscope.record() as recording:
        optimizer.zero_grad()
        (first(torch.randn(4, 6)) + second(torch.randn(4, 6))).mean().backward()
        optimizer.step()
    names = [each.name for each in recording.trace.steps[0].updates[0].parameters]
    assert names == ["first.0.weight", "first.0.bias"]


def test_a_gradient_put_in_the_place_of_another_is_none_that_was_forgotten() -> None:
    losses = Losses()
    critics = list(losses.critic.parameters())
    with ganscope.record() as recording:
        for _ in range(3):
            losses.opt_g.zero_grad()
            fake = losses.fake()
            (-losses.critic(fake).mean()).backward()  # fills the critic's gradients, too
            losses.opt_g.step()
            found = torch.autograd.grad(losses.for_critic(fake), critics)
            for parameter, gradient in zip(critics, found, strict=True):
                parameter.grad = gradient
            losses.opt_c.step()
    for step in recording.trace.steps:
        assert ledger_of(step) == {
            ("critic", 0, len(critics), "cleared", 1),
            ("generator", 0, len(list(losses.generator.parameters())), "used", 0),
        }


def test_what_is_made_of_a_gradient_and_put_in_its_place_was_not_cleared() -> None:
    losses = Losses()
    with ganscope.record() as recording:
        for _ in range(3):
            losses.opt_c.zero_grad()
            losses.for_critic(losses.fake()).backward()
            for parameter in losses.critic.parameters():
                assert parameter.grad is not None
                parameter.grad = parameter.grad.clamp(-0.01, 0.01)
            losses.opt_c.step()
    for step in recording.trace.steps:
        assert {fate for _, _, _, fate, _ in ledger_of(step)} == {"used"}


def test_gradients_that_are_zero_anyway_are_not_cleared_by_being_clipped() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    nn.init.zeros_(net[2].weight)  # type: ignore[arg-type]
    sgd = torch.optim.SGD(net.parameters(), lr=0.0)
    with ganscope.record() as recording:
        for _ in range(3):
            sgd.zero_grad(set_to_none=False)
            net(torch.randn(2, 4)).mean().backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
            sgd.step()
    for step in recording.trace.steps:
        assert ledger_of(step) == {("net", 0, 4, "used", 0)}


def test_two_optimizers_that_step_on_one_backward_are_one_entry_from_the_first_step_on() -> None:
    torch.manual_seed(0)
    critic = make_critic()
    halves = [layer.parameters() for layer in critic.modules() if isinstance(layer, nn.Linear)]
    first, second = (torch.optim.SGD(half, lr=0.01) for half in halves)
    with ganscope.record() as recording:
        for _ in range(3):
            first.zero_grad()
            second.zero_grad()
            critic(torch.randn(5, 8)).mean().backward()
            first.step()
            second.step()
    for step in recording.trace.steps:
        assert [(run, count, fate) for _, run, count, fate, _ in ledger_of(step)] == [
            (0, 4, "used")
        ]
        assert len(step.ledger) == 1
