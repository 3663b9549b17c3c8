"""The GAN of fully connected layers, as in the walkthrough."""

from __future__ import annotations

import math

from torch import Tensor, nn

from ganscope.errors import TargetError
from ganscope.zoo.arguments import require_count
from ganscope.zoo.registry import GAN, register

GENERATOR_WIDTHS = (128, 256, 512, 1024)
DISCRIMINATOR_WIDTHS = (512, 256)
NEGATIVE_SLOPE = 0.2


class Generator(nn.Module):
    """Turns noise into images: four widening blocks, then Tanh, then a view.

    Args:
        latent_dimension: Numbers in one noise vector.
        image_shape: (channels, height, width) of what it makes.
        batch_norm: Whether all blocks but the first normalise over the batch.
        batch_norm_eps: What is added to the variance.
    """

    def __init__(
        self,
        latent_dimension: int = 100,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        *,
        batch_norm: bool = True,
        batch_norm_eps: float = 0.8,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        layers: list[nn.Module] = []
        incoming = latent_dimension
        for block, width in enumerate(GENERATOR_WIDTHS):
            layers.append(nn.Linear(incoming, width))
            if batch_norm and block > 0:
                layers.append(nn.BatchNorm1d(width, batch_norm_eps))
            layers.append(nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True))
            incoming = width
        self.model = nn.Sequential(*layers, nn.Linear(incoming, math.prod(image_shape)), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Images in (-1, 1) for the noise `z`: (B, 100) → (B, 1, 28, 28)."""
        images: Tensor = self.model(z)  # (B, 100) → (B, 784)
        return images.view(images.size(0), *self.image_shape)  # (B, 784) → (B, 1, 28, 28)


class Discriminator(nn.Module):
    """Judges images: one number in (0, 1) each, near 1 for real.

    Args:
        image_shape: (channels, height, width) of what it judges.
        sigmoid: Whether a Sigmoid ends it; without one the numbers are not bounded.
    """

    def __init__(
        self, image_shape: tuple[int, int, int] = (1, 28, 28), *, sigmoid: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming = math.prod(image_shape)
        for width in DISCRIMINATOR_WIDTHS:
            layers += [nn.Linear(incoming, width), nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)]
            incoming = width
        end = [nn.Sigmoid()] if sigmoid else []
        self.model = nn.Sequential(*layers, nn.Linear(incoming, 1), *end)

    def forward(self, images: Tensor) -> Tensor:
        """How real each image is: (B, 1, 28, 28) → (B, 1)."""
        pixels = images.view(images.size(0), -1)  # (B, 1, 28, 28) → (B, 784)
        validity: Tensor = self.model(pixels)  # (B, 784) → (B, 1)
        return validity


@register("gan", source="Goodfellow et al. 2014, arXiv:1406.2661, sections 3 and 5")
def build(
    *,
    latent_dimension: int = 100,
    image_size: int = 28,
    channels: int = 1,
    batch_norm: bool = True,
    batch_norm_eps: float = 0.8,
    sigmoid: bool = True,
) -> GAN:
    """Fully connected generator and discriminator, the GAN of the 2014 paper.

    The weights are initialised as PyTorch does by default.

    Args:
        latent_dimension: Numbers in one noise vector.
        image_size: Height and width of an image, in pixels.
        channels: 1 for grey, 3 for colour.
        batch_norm: Whether the generator's blocks but the first have BatchNorm1d.
        batch_norm_eps: What BatchNorm1d adds to the variance. PyTorch's own default is 1e-5;
            0.8 is kept because the walkthrough's figures come from it.
        sigmoid: Whether the discriminator ends in a Sigmoid and so answers in (0, 1).

    Raises:
        TargetError: A value is out of range.
    """
    require_count("latent_dimension", latent_dimension, model="gan", default=100)
    require_count("image_size", image_size, model="gan", default=28)
    require_count("channels", channels, model="gan", default=1)
    if not batch_norm_eps > 0:
        raise TargetError(
            f"gan: batch_norm_eps is {batch_norm_eps}, expected a number above 0; "
            "try batch_norm_eps=1e-5, PyTorch's own default"
        )
    image_shape = (channels, image_size, image_size)
    generator = Generator(
        latent_dimension, image_shape, batch_norm=batch_norm, batch_norm_eps=batch_norm_eps
    )
    discriminator = Discriminator(image_shape, sigmoid=sigmoid)
    return GAN(generator, discriminator, (latent_dimension,), image_shape, sigmoid)
