"""The convolutional GAN against section 3 of its paper."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from ganscope.errors import TargetError
from ganscope.zoo import GAN, build


@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(size: int, channels: int) -> None:
    gan = build("dcgan", image_size=size, channels=channels, base_channels=8)
    assert (gan.latent_shape, gan.image_shape) == ((100,), (channels, size, size))
    images = gan.generator(torch.randn(2, 100))
    assert images.shape == (2, channels, size, size)
    assert images.abs().max() <= 1
    validity = gan.discriminator(images)
    assert validity.shape == (2, 1)
    assert ((validity > 0) & (validity < 1)).all()


def classes(network: nn.Module) -> list[str]:
    return [type(module).__name__ for module in network.model]


def test_generator_layers() -> None:
    block = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    gan = build("dcgan", base_channels=2)
    assert classes(gan.generator) == [*block, *block, "ConvTranspose2d", "Tanh"]
    gan = build("dcgan", base_channels=2, image_size=64)
    assert classes(gan.generator) == [*block * 4, "ConvTranspose2d", "Tanh"]


def test_discriminator_layers() -> None:
    first, block = ["Conv2d", "LeakyReLU"], ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    gan = build("dcgan", base_channels=2)
    assert classes(gan.discriminator) == [*first, *block, "Conv2d", "Sigmoid"]
    gan = build("dcgan", base_channels=2, image_size=64)
    assert classes(gan.discriminator) == [*first, *block * 3, "Conv2d", "Sigmoid"]


def maps(gan: GAN) -> list[tuple[int, int]]:
    """(maps, side) after each of the generator's convolutions."""
    seen: list[tuple[int, int]] = []
    for module in gan.generator.modules():
        if isinstance(module, nn.ConvTranspose2d):
            module.register_forward_hook(
                lambda _, __, output: seen.append((output.shape[1], output.shape[2]))
            )
    gan.generator(torch.randn(2, 100))
    return seen


def test_figure_1_of_the_paper() -> None:
    with torch.device("meta"):  # shapes alone: the full-size network needs no memory here
        gan = build("dcgan", image_size=64, channels=3, base_channels=128)
        assert maps(gan) == [(1024, 4), (512, 8), (256, 16), (128, 32), (3, 64)]


def test_maps_at_28_pixels() -> None:
    assert maps(build("dcgan")) == [(128, 7), (64, 14), (1, 28)]


@pytest.mark.parametrize("size", [28, 64])
def test_a_convolution_has_a_bias_only_where_no_batch_norm_follows(size: int) -> None:
    gan = build("dcgan", image_size=size, base_channels=2)
    for network in (gan.generator, gan.discriminator):
        layers = list(network.model)
        for layer, following in pairwise(layers):
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                assert (layer.bias is None) == isinstance(following, nn.BatchNorm2d)


def test_activations() -> None:
    gan = build("dcgan", base_channels=2)
    for module in [*gan.generator.modules(), *gan.discriminator.modules()]:
        if isinstance(module, (nn.ReLU, nn.LeakyReLU)):
            assert module.inplace
        if isinstance(module, nn.LeakyReLU):
            assert module.negative_slope == 0.2


def test_initialisation() -> None:
    torch.manual_seed(0)
    gan = build("dcgan")
    for network in (gan.generator, gan.discriminator):
        for module in network.model:
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                weights = module.weight.detach()
                few = weights.numel() < 10_000  # with n draws, std has an error of σ / √(2n)
                assert weights.std().item() == pytest.approx(0.02, rel=0.1 if few else 0.01)
                assert weights.mean().item() == pytest.approx(0, abs=0.002)
                assert module.bias is None or not module.bias.any()
            if isinstance(module, nn.BatchNorm2d):
                scales = module.weight.detach()
                assert scales.mean().item() == pytest.approx(1, abs=0.01)
                assert scales.std().item() == pytest.approx(0.02, rel=0.3)
                assert not module.bias.any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_size": 32}, "dcgan: image_size is 32, expected 28 or 64; try image_size=28"),
        ({"image_size": "63"}, "dcgan: image_size is 63, expected 28 or 64; try image_size=64"),
        ({"channels": 0}, "dcgan: channels is 0, expected 1 to 65,536; try channels=1"),
        (
            {"base_channels": -4},
            "dcgan: base_channels is -4, expected 1 to 65,536; try base_channels=64",
        ),
        (
            {"latent_dimension": 0},
            "dcgan: latent_dimension is 0, expected 1 to 65,536; try latent_dimension=100",
        ),
    ],
)
def test_nonsense_is_refused_in_one_line(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(TargetError) as caught:
        build("dcgan", **arguments)
    assert str(caught.value) == message
