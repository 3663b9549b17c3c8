"""Every objective against figures computed by hand, and against its paper's formula in numpy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganscope.errors import TargetError
from ganscope.training import begin, build_for, find_objective, objective_names, train_step
from ganscope.training.objectives import clip_weights, gradient_penalty, register, summary

REAL, FAKE = (0.9, 0.6), (0.2, 0.4)
"""What a discriminator with a Sigmoid said."""
HIGH, LOW = (2.0, -1.0), (0.5, -3.0)
"""What one without said."""

# By hand. -log 0.9 = 0.105361, -log 0.6 = 0.510826, their mean 0.308093; -log 0.8 = 0.223144,
# -log 0.6 = 0.510826, mean 0.366985; -log 0.2 = 1.609438, -log 0.4 = 0.916291, mean 1.262864.
# Gradients are of the mean over two: d(-log D) = -1 / 2D, d(-log(1 - D)) = 1 / 2(1 - D).
CASES = {
    "nonsaturating": (
        (REAL, FAKE),
        (0.308093, 0.366985, 1.262864),
        ((-1 / 1.8, -1 / 1.2), (1 / 1.6, 1 / 1.2), (-1 / 0.4, -1 / 0.8)),
    ),
    "minimax": (
        (REAL, FAKE),
        (0.308093, 0.366985, -0.366985),
        ((-1 / 1.8, -1 / 1.2), (1 / 1.6, 1 / 1.2), (-1 / 1.6, -1 / 1.2)),
    ),
    # (1 + 4) / 2, (0.25 + 9) / 2, (0.25 + 16) / 4
    "lsgan": (
        (HIGH, LOW),
        (2.5, 4.625, 4.0625),
        ((1.0, -2.0), (0.5, -3.0), (-0.25, -2.0)),
    ),
    "wgan": ((HIGH, LOW), (-0.5, -1.25, 1.25), ((-0.5, -0.5), (0.5, 0.5), (-0.5, -0.5))),
    "wgan-gp": ((HIGH, LOW), (-0.5, -1.25, 1.25), ((-0.5, -0.5), (0.5, 0.5), (-0.5, -0.5))),
    # (max(0, -1) + max(0, 2)) / 2, (max(0, 1.5) + max(0, -2)) / 2
    "hinge": ((HIGH, LOW), (1.0, 0.75, 1.25), ((0.0, -0.5), (0.5, 0.0), (-0.5, -0.5))),
}


def both(loss: Callable[[Tensor], Tensor], outputs: tuple[float, ...]) -> tuple[float, list[float]]:
    given = torch.tensor(outputs, dtype=torch.float64).unsqueeze(1).requires_grad_()
    value = loss(given)
    (gradient,) = torch.autograd.grad(value, given)
    return value.item(), gradient.flatten().tolist()


def test_every_objective_is_among_the_cases() -> None:
    assert objective_names() == tuple(CASES)
    for name in objective_names():
        kind = find_objective(name)
        assert re.search(r"\d{4}, arXiv:\d{4}\.\d{4,5}", kind.source)
        assert summary(kind)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_by_hand(name: str) -> None:
    (real, fake), values, gradients = CASES[name]
    objective = find_objective(name)(sigmoid=find_objective(name).takes_sigmoid)
    losses = (objective.real_loss, objective.fake_loss, objective.generator_loss)
    for loss, given, value, gradient in zip(
        losses, (real, fake, fake), values, gradients, strict=True
    ):
        got, slope = both(loss, given)
        assert got == pytest.approx(value, abs=1e-6)
        assert slope == pytest.approx(gradient, rel=1e-9)


@pytest.mark.parametrize("name", ["nonsaturating", "minimax"])
def test_of_logits_the_same_cross_entropy(name: str) -> None:
    kind = find_objective(name)
    with_sigmoid, without = kind(sigmoid=True), kind(sigmoid=False)
    logits = torch.randn(7, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for loss in ("real_loss", "fake_loss", "generator_loss"):
        expected = getattr(with_sigmoid, loss)(logits.sigmoid())
        torch.testing.assert_close(getattr(without, loss)(logits), expected)
    torch.testing.assert_close(without.verdicts(logits), logits.sigmoid())


@pytest.mark.parametrize("extreme", [-200.0, 200.0])
def test_of_logits_it_stays_finite_and_keeps_its_gradient(extreme: float) -> None:
    objective = find_objective("nonsaturating")(sigmoid=False)
    losses = (objective.real_loss, objective.fake_loss)
    for loss, wrong in zip(losses, (extreme < 0, extreme > 0), strict=True):
        value, (slope,) = both(loss, (extreme,))
        assert value == pytest.approx(200.0 if wrong else 0.0)
        assert abs(slope) == pytest.approx(1.0 if wrong else 0.0, abs=1e-9)


def test_the_minimax_gradient_vanishes_where_the_other_does_not() -> None:
    slopes = {}
    for name in ("minimax", "nonsaturating"):
        objective = find_objective(name)(sigmoid=False)
        slopes[name] = both(objective.generator_loss, (-8.0,))[1][0]
    assert slopes["minimax"] == pytest.approx(-1 / (1 + math.exp(8)))
    assert slopes["nonsaturating"] == pytest.approx(-1 / (1 + math.exp(-8)))


class Quadratic(nn.Module):
    """D(x) = a (x · x) / 2, whose gradient is a x."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x.flatten(1).square().sum(1, keepdim=True) / 2


def test_the_penalty_is_the_formula_and_can_be_differentiated() -> None:
    numbers = torch.Generator().manual_seed(1)
    real, fake = torch.randn(2, 5, 1, 2, 3, dtype=torch.float64, generator=numbers)
    mixture = torch.rand(5, dtype=torch.float64, generator=numbers)
    critic = Quadratic(0.7)
    penalty = gradient_penalty(critic, real, fake, mixture)
    (slope,) = torch.autograd.grad(penalty, critic.a)

    share = mixture.numpy()[:, None]
    blended = share * real.numpy().reshape(5, 6) + (1 - share) * fake.numpy().reshape(5, 6)
    sizes = np.linalg.norm(blended, axis=1)
    assert penalty.item() == pytest.approx(np.mean((0.7 * sizes - 1) ** 2), rel=1e-12)
    assert slope.item() == pytest.approx(np.mean(2 * (0.7 * sizes - 1) * sizes), rel=1e-12)


def test_clipping_bounds_every_weight() -> None:
    network = nn.Linear(3, 2)
    before = [weight.detach().clone() for weight in network.parameters()]
    clip_weights(network, 0.01)
    for weight, old in zip(network.parameters(), before, strict=True):
        assert torch.equal(weight.detach(), old.clip(-0.01, 0.01))


@pytest.mark.parametrize("model", ["gan", "dcgan"])
@pytest.mark.parametrize("name", CASES)
def test_the_discriminator_is_as_the_paper_has_it(name: str, model: str) -> None:
    kind = find_objective(name)
    small = {"base_channels": 4} if model == "dcgan" else {}
    gan = build_for(kind, model, small)
    parts = [type(part).__name__ for part in gan.discriminator.modules()]
    assert ("Sigmoid" in parts) == gan.sigmoid == (name in ("nonsaturating", "minimax"))
    assert ("BatchNorm2d" in parts) == (model == "dcgan" and name != "wgan-gp")
    kept = build_for(kind, model, {**small, "sigmoid": not gan.sigmoid})
    assert kept.sigmoid is not gan.sigmoid


def test_settings_are_those_of_the_papers_unless_given() -> None:
    gan = build_for(find_objective("wgan"), "gan", {})
    training = begin(gan, "wgan")
    assert type(training.discriminator_optimizer).__name__ == "RMSprop"
    assert training.discriminator_optimizer.defaults["lr"] == 5e-5
    assert training.d_steps == 5
    given = begin(gan, "wgan-gp", learning_rate=3e-4, betas=(0.1, 0.2), d_steps=2)
    assert given.generator_optimizer.defaults["lr"] == 3e-4
    assert given.generator_optimizer.defaults["betas"] == (0.1, 0.2)
    assert given.d_steps == 2
    papers = begin(gan, "wgan-gp")
    assert papers.generator_optimizer.defaults["betas"] == (0.0, 0.9)


@pytest.mark.parametrize("generator_first", [True, False])
def test_order_and_counts(generator_first: bool) -> None:
    torch.manual_seed(0)
    gan = build_for(find_objective("hinge"), "gan", {})
    training = begin(gan, "hinge", d_steps=3, generator_first=generator_first)
    moved: list[str] = []
    for name in ("generator", "discriminator"):
        optimizer = getattr(training, f"{name}_optimizer")
        optimizer.register_step_post_hook(lambda *_, name=name: moved.append(name))
    assert training.noise_batches == (3 if generator_first else 4)
    images = [torch.zeros(4, 1, 28, 28)] * 3
    figures = train_step(training, images, list(torch.randn(training.noise_batches, 4, 100)))
    expected = ["discriminator"] * 3
    assert moved == (["generator", *expected] if generator_first else [*expected, "generator"])
    assert bool(figures.all.isfinite().all())


def test_a_name_that_is_near() -> None:
    with pytest.raises(TargetError, match=r"named 'wgan_gp'.*did you mean 'wgan-gp'\?"):
        find_objective("wgan_gp")
    with pytest.raises(ValueError, match="already an objective named 'hinge'"):
        register("hinge", source="nowhere")(find_objective("hinge"))
