"""The walkthrough's step against the same step written out in numpy-checked plain PyTorch."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from ganscope import zoo
from ganscope.training import begin, real_images, train_step
from ganscope.training.step import Training
from ganscope.training.verdicts import judge, split_gradient


@pytest.fixture
def training() -> Training:
    torch.manual_seed(0)
    return begin(zoo.build("gan"))


@pytest.fixture
def images() -> Tensor:
    return real_images(None, 64, (1, 28, 28))


@pytest.fixture
def z() -> Tensor:
    return torch.randn(64, 100, generator=torch.Generator().manual_seed(1))


def adam(weight: Tensor, gradient: Tensor) -> Tensor:
    """Adam's first step (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1), in float64."""
    first, second = (1 - 0.5) * gradient.double(), (1 - 0.999) * gradient.double() ** 2
    step = 2e-4 * (first / (1 - 0.5)) / ((second / (1 - 0.999)).sqrt() + 1e-8)
    return weight.double() - step


def bce(verdicts: Tensor, label: float) -> Tensor:
    answers = verdicts.clamp(1e-12, 1 - 1e-12)
    return -(label * answers.log() + (1 - label) * (1 - answers).log()).mean()


def test_losses_and_weights_are_those_of_the_step_written_by_hand(
    training: Training, images: Tensor, z: Tensor
) -> None:
    by_hand = copy.deepcopy(training.gan)
    losses = train_step(training, images, z)

    generator, discriminator = by_hand.generator, by_hand.discriminator
    generated = generator(z)
    g_loss = bce(discriminator(generated), 1)
    wanted = list(torch.autograd.grad(g_loss, list(generator.parameters())))
    d_loss = (bce(discriminator(images), 1) + bce(discriminator(generated.detach()), 0)) / 2
    wanted += torch.autograd.grad(d_loss, list(discriminator.parameters()))

    assert losses.generator_loss.item() == pytest.approx(g_loss.item(), rel=1e-6)
    assert losses.discriminator_loss.item() == pytest.approx(d_loss.item(), rel=1e-6)
    before = [*by_hand.generator.parameters(), *by_hand.discriminator.parameters()]
    moved = [*training.gan.generator.parameters(), *training.gan.discriminator.parameters()]
    kept = _kept_gradients(training, len(before))
    for old, new, gradient, expected in zip(before, moved, kept, wanted, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-8)
        exact = adam(old, gradient)
        torch.testing.assert_close(new.double(), exact, rtol=1e-6, atol=1e-7)


def _kept_gradients(training: Training, count: int) -> list[Tensor]:
    """The gradients as the two updates left them."""
    weights = [*training.gan.generator.parameters(), *training.gan.discriminator.parameters()]
    kept = [weight.grad for weight in weights if weight.grad is not None]
    assert len(kept) == count
    return kept


def test_at_the_beginning_both_losses_are_near_the_logarithm_of_two(
    training: Training, images: Tensor, z: Tensor
) -> None:
    losses = train_step(training, images, z)
    assert losses.generator_loss.item() == pytest.approx(math.log(2), abs=0.05)
    assert losses.discriminator_loss.item() == pytest.approx(math.log(2), abs=0.05)


def test_judging_leaves_no_mark(training: Training, images: Tensor, z: Tensor) -> None:
    before = copy.deepcopy(training.gan.generator.state_dict())
    state = torch.get_rng_state()
    verdicts = judge(training, images, z)
    split_gradient(training, images, z)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in training.gan.generator.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is None for p in training.gan.discriminator.parameters())
    assert verdicts.real.shape == verdicts.fake.shape == (64,)
    assert 0.4 < float(verdicts.fake.mean()) < 0.6


def test_the_parts_of_the_gradient_add_up(training: Training, images: Tensor, z: Tensor) -> None:
    split = split_gradient(training, images, z)
    train_step(training, images, z)
    gradients = [p.grad for p in training.gan.discriminator.parameters()]
    total = math.sqrt(sum(float(g.double().square().sum()) for g in gradients if g is not None))
    assert split.total == pytest.approx(total, rel=1e-5)
    assert split.angle is not None
    cosine = math.cos(math.radians(split.angle))
    law = split.real**2 + split.fake**2 + 2 * split.real * split.fake * cosine
    assert split.total**2 == pytest.approx(law, rel=1e-6)


def test_a_part_without_gradient_has_no_angle(images: Tensor, z: Tensor) -> None:
    class Blind(nn.Module):
        """Judges everything alike, from one weight that is not used on generated images."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            seen = (x > -0.999).flatten(1).float().mean(1, keepdim=True) < 0.5
            return torch.sigmoid(self.weight * seen.float())

    gan = zoo.build("gan")
    blind = zoo.GAN(gan.generator, Blind(), gan.latent_shape, gan.image_shape)
    split = split_gradient(begin(blind), images, z)
    assert split.fake == 0.0
    assert split.real > 0
    assert split.angle is None
