"""The fully connected GAN against the walkthrough's tables, written out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganscope.errors import TargetError
from ganscope.zoo import GAN, build

BATCH = 64

# path, class, output shape without the batch, parameters
GENERATOR = [
    ("model.0", "Linear", (128,), 12_928),
    ("model.1", "LeakyReLU", (128,), 0),
    ("model.2", "Linear", (256,), 33_024),
    ("model.3", "BatchNorm1d", (256,), 512),
    ("model.4", "LeakyReLU", (256,), 0),
    ("model.5", "Linear", (512,), 131_584),
    ("model.6", "BatchNorm1d", (512,), 1_024),
    ("model.7", "LeakyReLU", (512,), 0),
    ("model.8", "Linear", (1024,), 525_312),
    ("model.9", "BatchNorm1d", (1024,), 2_048),
    ("model.10", "LeakyReLU", (1024,), 0),
    ("model.11", "Linear", (784,), 803_600),
    ("model.12", "Tanh", (784,), 0),
]
DISCRIMINATOR = [
    ("model.0", "Linear", (512,), 401_920),
    ("model.1", "LeakyReLU", (512,), 0),
    ("model.2", "Linear", (256,), 131_328),
    ("model.3", "LeakyReLU", (256,), 0),
    ("model.4", "Linear", (1,), 257),
    ("model.5", "Sigmoid", (1,), 0),
]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def rows(network: nn.Module, given: Tensor) -> list[tuple[str, str, tuple[int, ...], int]]:
    """What the network's leaves did with `given`, in the order in which they ran."""
    seen = []
    for path, module in network.named_modules():
        if next(module.children(), None) is None:
            module.register_forward_hook(
                lambda module, _, output, path=path: seen.append(
                    (path, type(module).__name__, tuple(output.shape[1:]), count(module))
                )
            )
    network(given)
    return seen


@pytest.fixture(scope="module")
def gan() -> GAN:
    return build("gan")


def test_generator_is_the_walkthroughs_table(gan: GAN) -> None:
    assert rows(gan.generator, torch.randn(BATCH, 100)) == GENERATOR


def test_discriminator_is_the_walkthroughs_table(gan: GAN) -> None:
    assert rows(gan.discriminator, torch.randn(BATCH, 1, 28, 28)) == DISCRIMINATOR


def test_totals(gan: GAN) -> None:
    assert count(gan.generator) == 1_510_032
    assert count(gan.discriminator) == 533_505


def test_noise_becomes_images_and_images_become_verdicts(gan: GAN) -> None:
    assert (gan.latent_shape, gan.image_shape) == ((100,), (1, 28, 28))
    images = gan.generator(torch.randn(BATCH, 100))
    assert images.shape == (64, 1, 28, 28)
    assert images.abs().max() <= 1
    validity = gan.discriminator(images)
    assert validity.shape == (64, 1)
    assert ((validity > 0) & (validity < 1)).all()


def test_a_fresh_discriminator_answers_about_one_half() -> None:
    torch.manual_seed(0)
    gan = build("gan")
    validity = gan.discriminator(gan.generator(torch.randn(BATCH, 100)))
    assert validity.mean().item() == pytest.approx(0.5, abs=0.05)


def test_activations_work_in_place_with_slope_one_fifth(gan: GAN) -> None:
    for network in (gan.generator, gan.discriminator):
        leaky = [module for module in network.modules() if isinstance(module, nn.LeakyReLU)]
        assert all(module.inplace and module.negative_slope == 0.2 for module in leaky)


def norms(gan: GAN) -> list[nn.BatchNorm1d]:
    return [module for module in gan.generator.modules() if isinstance(module, nn.BatchNorm1d)]


def test_batch_norm_keeps_the_notes_eps_and_pytorchs_momentum(gan: GAN) -> None:
    assert [(norm.eps, norm.momentum) for norm in norms(gan)] == [(0.8, 0.1)] * 3


def test_batch_norm_eps_can_be_set() -> None:
    assert [norm.eps for norm in norms(build("gan", batch_norm_eps="1e-5"))] == [1e-5] * 3


@pytest.mark.parametrize("answer", [False, "false", "no", "OFF", "0"])
def test_batch_norm_can_be_left_out(answer: object) -> None:
    gan = build("gan", batch_norm=answer)
    assert norms(gan) == []
    assert count(gan.generator) == 1_510_032 - 512 - 1_024 - 2_048
    assert len(gan.generator.model) == 10
    assert gan.generator(torch.randn(1, 100)).shape == (1, 1, 28, 28)  # no batch to normalise over


@pytest.mark.parametrize("latent", [1, 128, 256, 512])
def test_only_the_first_block_lacks_batch_norm_whatever_the_latent_dimension(latent: int) -> None:
    gan = build("gan", latent_dimension=latent)
    assert len(norms(gan)) == 3
    assert gan.latent_shape == (latent,)
    assert count(gan.generator) == 1_510_032 + (latent - 100) * 128


@pytest.mark.parametrize("size, channels", [(32, 3), (1, 1), (64, 1)])
def test_image_size_and_channels(size: int, channels: int) -> None:
    gan = build("gan", image_size=size, channels=channels)
    assert gan.image_shape == (channels, size, size)
    images = gan.generator(torch.randn(2, 100))
    assert images.shape == (2, channels, size, size)
    assert gan.discriminator(images).shape == (2, 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"latent_dimension": 0},
            "gan: latent_dimension is 0, expected 1 to 65,536; try latent_dimension=100",
        ),
        ({"image_size": 0}, "gan: image_size is 0, expected 1 to 65,536; try image_size=28"),
        ({"channels": "-1"}, "gan: channels is -1, expected 1 to 65,536; try channels=1"),
        (
            {"image_size": 100_000},
            "gan: image_size is 100000, expected 1 to 65,536; try image_size=28",
        ),
        (
            {"batch_norm_eps": 0},
            "gan: batch_norm_eps is 0.0, expected a number above 0; "
            "try batch_norm_eps=1e-5, PyTorch's own default",
        ),
    ],
)
def test_nonsense_is_refused_in_one_line(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(TargetError) as caught:
        build("gan", **arguments)
    assert str(caught.value) == message


def test_weights_are_pytorchs_default() -> None:
    torch.manual_seed(7)
    ours = build("gan").generator.model[0].weight
    torch.manual_seed(7)
    assert torch.equal(ours, nn.Linear(100, 128).weight)
