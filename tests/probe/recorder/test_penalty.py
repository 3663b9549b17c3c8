"""A gradient penalty's points are told from fake images however they are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.analysis.forwards import BETWEEN, FAKE, REAL, forwards_of
from ganscope.analysis.roles import Roles
from tests.probe.recorder.loops import make_critic, make_generator

Blend = Callable[[Tensor, Tensor, Tensor], Tensor]


@pytest.mark.parametrize(
    "blend",
    [
        lambda a, x, fake: (a * x + (1 - a) * fake).requires_grad_(True),
        lambda a, x, fake: a * x.requires_grad_() + (1 - a) * fake,
        lambda a, x, fake: torch.lerp(fake, x, a),
        lambda a, x, fake: x + a * (fake - x),
        lambda a, x, fake: (a * x.data + (1 - a) * fake.data).requires_grad_(True),
    ],
)
@pytest.mark.parametrize("detached", [True, False])
def test_blends_of_a_penalty(blend: Blend, detached: bool) -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(8, 12), nn.Tanh())
    critic = nn.Sequential(nn.Linear(12, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1))
    optimizers = [torch.optim.Adam(each.parameters()) for each in (generator, critic)]
    with ganscope.record() as recorder:
        for _ in range(2):
            x, fake = torch.randn(16, 12), generator(torch.randn(16, 8))
            shown = fake.detach() if detached else fake
            points = blend(torch.rand(16, 1), x, shown)
            if not points.requires_grad:
                points.requires_grad_(True)
            answers = critic(points)
            (gradient,) = torch.autograd.grad(
                outputs=answers, inputs=points, grad_outputs=torch.ones_like(answers),
                create_graph=True,
            )  # fmt: skip
            penalty = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
            loss = critic(shown).mean() - critic(x.detach()).mean() + 10 * penalty
            critic.zero_grad()
            loss.backward()
            optimizers[1].step()
            generator.zero_grad()
            (-critic(generator(torch.randn(16, 8))).mean()).backward()
            optimizers[0].step()
    step = recorder.trace.steps[0]
    ran = forwards_of(step, Roles(recorder.trace.networks))
    assert [one.shown for one in ran if one.shown] == [BETWEEN, FAKE, REAL, FAKE]


def test_a_penalty_by_functorch_is_recorded_without_a_fault() -> None:
    torch.manual_seed(0)
    generator, critic = make_generator(), make_critic()
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.01)
    with ganscope.record() as recording:
        for _ in range(2):
            optimizer.zero_grad()
            real, fake = torch.randn(5, 8), generator(torch.randn(5, 6)).detach()
            slope = torch.func.grad(lambda points: critic(points).sum())
            norms = torch.func.vmap(slope)(0.5 * real + 0.5 * fake).norm(dim=1)
            loss = critic(fake).mean() - critic(real).mean() + (norms - 1).square().mean()
            loss.backward()
            optimizer.step()
    assert not [note for note in recording.trace.meta.notes if "failed" in note]
    for step in recording.trace.steps:
        asked = [run for run in step.updates[0].backwards if run.kind == "grad"]
        assert [run.loss for run in asked] == [None]  # of a function, not of a variable
        assert not [call for call in step.calls if call.purpose == "evaluation"]
        (loss,) = step.updates[0].losses
        names = [part.name for part in loss.parts]
        assert names == ["critic(fake).mean()", "critic(real).mean()", "other"]
        values = [part.value for part in loss.parts]
        assert values[0] - values[1] + values[2] == pytest.approx(loss.value, rel=1e-5)


def test_a_constant_is_a_part_and_a_factor_is_none() -> None:
    torch.manual_seed(0)
    critic = make_critic()
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.01)
    factor, nothing = torch.tensor(10.0), torch.zeros(())
    with ganscope.record() as recording:
        for _ in range(2):
            optimizer.zero_grad()
            first, second = critic(torch.randn(5, 8)).mean(), critic(torch.randn(5, 8)).mean()
            weights = sum(each.square().sum() for each in critic.parameters())
            loss = nothing + first * factor + second + weights
            loss.backward()
            optimizer.step()
    for step in recording.trace.steps:
        (loss,) = step.updates[0].losses
        assert [part.name for part in loss.parts][-1] == "other"
        assert len(loss.parts) == 3


def test_losses_whose_gradients_are_put_into_place_by_hand() -> None:
    """As where several losses share one graph and each moves a network of its own."""
    torch.manual_seed(0)
    netD = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(netD.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(2):
            d_loss = netD(torch.ones(2, 4)).mean()
            parameters = list(netD.parameters())
            for parameter, gradient in zip(
                parameters, torch.autograd.grad(d_loss, parameters), strict=True
            ):
                parameter.grad = gradient
            optimizer.step()
    first, second = (step.updates[0] for step in recording.trace.steps)
    assert [(loss.name, loss.value) for loss in second.losses] == [("d_loss", d_loss.item())]
    assert [run.kind for run in first.backwards] == ["grad"]


def test_a_gradient_that_weighs_a_loss_is_of_no_loss_of_its_own() -> None:
    """VQGAN's adaptive weight: what the last layer gets of one part of the loss."""
    torch.manual_seed(0)
    netG = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(netG.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(2):
            optimizer.zero_grad()
            part = netG(torch.ones(2, 4)).square().mean()
            (slope,) = torch.autograd.grad(part, netG.weight, retain_graph=True)
            g_loss = part * slope.norm().detach()
            g_loss.backward()
            optimizer.step()
    for step in recording.trace.steps:
        (update,) = step.updates
        assert [loss.name for loss in update.losses] == ["g_loss"]
        assert [run.kind for run in update.backwards] == ["grad", "backward"]
