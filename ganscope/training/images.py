"""Real images in memory, at the size and with the channels that a model wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganscope.errors import DataError

# ITU-R BT.601, section 2.5.1: how much red, green and blue count towards brightness.
LUMA = (0.299, 0.587, 0.114)

# Resizing works on floats; this many images at once keep 60,000 of them from filling memory.
CHUNK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """A whole set of real images; indexing gives float32 tensors in [-1, 1], Tanh's range.

    It serves as a map-style data set for a DataLoader as it is. Bytes are kept rather than
    floats, since they are exact for image files and take a quarter of the memory.

    Attributes:
        pixels: uint8, (N, C, H, W), 0 to 255.
        labels: int64, (N,), the class of each image, or None where classes are not known.
        source: Where they come from, as the user would name it.
    """

    pixels: Tensor
    labels: Tensor | None
    source: str

    def __len__(self) -> int:
        return self.pixels.size(0)

    def __getitem__(self, index: int | slice | Tensor | Sequence[int]) -> Tensor:
        """(C, H, W) for a number; (n, C, H, W) for a slice, a list or a tensor of indices.

        Raises:
            IndexError: There is no such image.
        """
        return to_range(self.pixels[index])  # uint8 0 … 255 → float32 -1 … 1

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """One image's (channels, height, width)."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width


def to_range(pixels: Tensor) -> Tensor:
    """Bytes 0 to 255 as float32 in [-1, 1]: x / 255 · 2 − 1. Any shape."""
    return pixels.float().div_(255).mul_(2).sub_(1)


def fit(images: Tensor, image_shape: tuple[int, int, int]) -> Tensor:
    """`images` with the channels and the size of `image_shape`, on the same scale of values.

    One channel is repeated; three become one by luma (ITU-R BT.601). The size is changed by
    bilinear interpolation with antialiasing; the ratio of height to width is not kept.

    Args:
        images: (N, C, H, W); bytes are taken as floats.
        image_shape: The wanted (channels, height, width).

    Returns:
        (N, *image_shape), floating point.

    Raises:
        DataError: The channels cannot be converted.
    """
    channels, height, width = image_shape
    images = images if images.is_floating_point() else images.float()
    fitted = _with_channels(images, channels)  # (N, C, H, W) → (N, channels, H, W)
    if fitted.shape[2:] == (height, width):
        return fitted
    return F.interpolate(  # (N, channels, H, W) → (N, channels, height, width)
        fitted, size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )


def fit_bytes(pixels: Tensor, image_shape: tuple[int, int, int]) -> Tensor:
    """As `fit`, from bytes to bytes, rounded as an image file would hold them.

    Args:
        pixels: uint8, (N, C, H, W).
        image_shape: The wanted (channels, height, width).

    Raises:
        DataError: The channels cannot be converted.
    """
    if tuple(pixels.shape[1:]) == image_shape:
        return pixels
    chunks = [
        fit(pixels[start : start + CHUNK], image_shape).round_().clamp_(0, 255).to(torch.uint8)
        for start in range(0, len(pixels), CHUNK)
    ]
    return torch.cat(chunks)  # [(n, C, H, W), …] → (N, C, H, W)


def _with_channels(images: Tensor, channels: int) -> Tensor:
    given = images.size(1)
    if given == channels:
        return images
    if given == 1:
        return images.repeat(1, channels, 1, 1)  # (N, 1, H, W) → (N, channels, H, W)
    if (given, channels) == (len(LUMA), 1):
        weights = images.new_tensor(LUMA).view(1, -1, 1, 1)
        return (images * weights).sum(dim=1, keepdim=True)  # (N, 3, H, W) → (N, 1, H, W)
    raise DataError(
        f"images with {given} channels cannot become images with {channels}; "
        "expected 1 or 3 channels; try a model built with channels=1 or channels=3"
    )
