"""The deep convolutional GAN of Radford et al. 2015 (arXiv:1511.06434, section 3)."""

from __future__ import annotations

from torch import Tensor, nn

from ganscope.errors import TargetError
from ganscope.zoo.arguments import require_count
from ganscope.zoo.registry import GAN, register

NEGATIVE_SLOPE = 0.2
STANDARD_DEVIATION = 0.02

# Image size → (side of the smallest maps, how often each network doubles or halves them).
PLANS = {28: (7, 2), 64: (4, 4)}


class Generator(nn.Module):
    """Turns noise into images by fractionally-strided convolutions that double the side.

    The noise vector is read as a 1 × 1 image of `latent_dimension` maps; the first transposed
    convolution then is the paper's "project and reshape".

    Args:
        latent_dimension: Numbers in one noise vector.
        image_shape: (channels, height, width); the side is one of `PLANS`.
        base_channels: Feature maps before the last convolution; each earlier layer has twice
            as many.
    """

    def __init__(
        self,
        latent_dimension: int = 100,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        base_channels: int = 64,
    ) -> None:
        super().__init__()
        channels, side, _ = image_shape
        smallest, doublings = PLANS[side]
        incoming = base_channels * 2 ** (doublings - 1)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dimension, incoming, smallest, bias=False),
            nn.BatchNorm2d(incoming),
            nn.ReLU(inplace=True),
        ]
        for _ in range(doublings - 1):
            layers += [
                nn.ConvTranspose2d(incoming, incoming // 2, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(incoming // 2),
                nn.ReLU(inplace=True),
            ]
            incoming //= 2
        last = nn.ConvTranspose2d(incoming, channels, 4, stride=2, padding=1)
        self.model = nn.Sequential(*layers, last, nn.Tanh())
        self.apply(initialise)

    def forward(self, z: Tensor) -> Tensor:
        """Images in (-1, 1) for the noise `z`: (B, 100) → (B, 1, 28, 28)."""
        maps = z.view(z.size(0), -1, 1, 1)  # (B, 100) → (B, 100, 1, 1)
        images: Tensor = self.model(maps)  # (B, 100, 1, 1) → (B, 1, 28, 28)
        return images


class Discriminator(nn.Module):
    """Judges images by strided convolutions that halve the side: one number in (0, 1) each.

    Args:
        image_shape: (channels, height, width); the side is one of `PLANS`.
        base_channels: Feature maps of the first convolution; each later one has twice as many.
        batch_norm: Whether the convolutions between the first and the last are normalised.
        sigmoid: Whether a Sigmoid ends it; without one the numbers are not bounded.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        base_channels: int = 64,
        *,
        batch_norm: bool = True,
        sigmoid: bool = True,
    ) -> None:
        super().__init__()
        channels, side, _ = image_shape
        smallest, halvings = PLANS[side]
        outgoing = base_channels
        layers: list[nn.Module] = [
            nn.Conv2d(channels, outgoing, 4, stride=2, padding=1),
            nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True),
        ]
        for _ in range(halvings - 1):
            bias = not batch_norm  # the norm subtracts it again
            layers.append(nn.Conv2d(outgoing, outgoing * 2, 4, stride=2, padding=1, bias=bias))
            if batch_norm:
                layers.append(nn.BatchNorm2d(outgoing * 2))
            layers.append(nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True))
            outgoing *= 2
        end = [nn.Sigmoid()] if sigmoid else []
        self.model = nn.Sequential(*layers, nn.Conv2d(outgoing, 1, smallest), *end)
        self.apply(initialise)

    def forward(self, images: Tensor) -> Tensor:
        """How real each image is: (B, 1, 28, 28) → (B, 1)."""
        validity: Tensor = self.model(images)  # (B, 1, 28, 28) → (B, 1, 1, 1)
        return validity.view(validity.size(0), -1)  # (B, 1, 1, 1) → (B, 1)


def initialise(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02), batch norm scales from N(1, 0.02); biases are zero.

    Section 4 of the paper says "all weights"; a scale around 0 would silence the layer, and
    the authors' own code centres it on 1.
    """
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, STANDARD_DEVIATION)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, STANDARD_DEVIATION)
        nn.init.zeros_(module.bias)


@register("dcgan", source="Radford, Metz & Chintala 2015, arXiv:1511.06434, section 3")
def build(
    *,
    latent_dimension: int = 100,
    image_size: int = 28,
    channels: int = 1,
    base_channels: int = 64,
    discriminator_batch_norm: bool = True,
    sigmoid: bool = True,
) -> GAN:
    """Convolutional generator and discriminator with batch norm, the DCGAN of 2015.

    Args:
        latent_dimension: Numbers in one noise vector.
        image_size: Height and width of an image, in pixels: 28 or 64, the paper's own.
        channels: 1 for grey, 3 for colour.
        base_channels: Feature maps next to the image. The default 64 is the common variant;
            128 with 64 pixels gives the paper's figure 1: 1024, 512, 256 and 128 maps.
        discriminator_batch_norm: Whether the discriminator normalises over the batch.
        sigmoid: Whether the discriminator ends in a Sigmoid and so answers in (0, 1).

    Raises:
        TargetError: A value is out of range.
    """
    require_count("latent_dimension", latent_dimension, model="dcgan", default=100)
    require_count("channels", channels, model="dcgan", default=1)
    require_count("base_channels", base_channels, model="dcgan", default=64)
    if image_size not in PLANS:
        sizes = " or ".join(str(size) for size in PLANS)
        raise TargetError(
            f"dcgan: image_size is {image_size}, expected {sizes}; "
            f"try image_size={min(PLANS, key=lambda size: abs(size - image_size))}"
        )
    image_shape = (channels, image_size, image_size)
    generator = Generator(latent_dimension, image_shape, base_channels)
    discriminator = Discriminator(
        image_shape, base_channels, batch_norm=discriminator_batch_norm, sigmoid=sigmoid
    )
    return GAN(generator, discriminator, (latent_dimension,), image_shape, sigmoid)
