"""The real images that generated ones are scored against, in three parts that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganscope.errors import DataError
from ganscope.training.data import digits, load_images, mnist
from ganscope.training.images import fit
from ganscope.training.parts import (
    MNIST_TRAINING,
    MNIST_VALIDATION,
    TEST,
    TRAINING,
    VALIDATION,
)

SHAPE = (1, 28, 28)
"""What every image is brought to before it is scored, as the paper's figure is of 784 pixels."""

LEAST = 1_000
"""Images that a folder needs, so that a tenth of them can be set apart to test with."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Real images, (N, 1, 28, 28) with pixels in [0, 1] each.

    Attributes:
        source: Where they come from: ``digits``, ``mnist`` or a folder.
        training: Stand in for a generator, to see what real images get.
        validation: Choose the width of the Parzen window.
        test: Are scored.
        are_digits: Whether they are known to be digits, so that the classifier can judge them
            and the threshold of diversity was set for them.
    """

    source: str
    training: Tensor
    validation: Tensor
    test: Tensor
    are_digits: bool


def read_reference(source: str | None) -> Reference:
    """The real images of a source as `load_images` knows it.

    The built-in digits are cut as `parts` says; MNIST brings its own test set; of a folder's
    images, in an order drawn once, a tenth is for validation and a tenth for the test.

    Raises:
        DataError: They are missing, unreadable or too few.
    """
    if source in (None, "digits", "digits-8000"):
        images = _scaled(digits()[0])
        return Reference("digits", images[TRAINING], images[VALIDATION], images[TEST], True)
    if source == "mnist":
        images, test = _scaled(mnist()[0]), _scaled(mnist(training=False)[0])
        return Reference("mnist", images[MNIST_TRAINING], images[MNIST_VALIDATION], test, True)
    images = load_images(source, SHAPE, seed=0).pixels.float().div_(255)
    if len(images) < LEAST:
        raise DataError(
            f"the folder '{source}' has {len(images):,} images, and a score needs {LEAST:,} or "
            "more to set some apart; take more, or --data digits"
        )
    tenth = len(images) // 10
    training, validation, test = torch.split(images, [len(images) - 2 * tenth, tenth, tenth])
    return Reference(source, training, validation, test, are_digits=False)


def to_scored(images: Tensor) -> Tensor:
    """A generator's images as they are scored: (N, C, H, W) in [-1, 1] → (N, 1, 28, 28) in [0, 1].

    Raises:
        DataError: Their channels cannot become grey.
    """
    return fit(images, SHAPE).add(1).div_(2).clamp_(0, 1)


def _scaled(pixels: np.ndarray) -> Tensor:
    """Bytes (N, 28, 28) → (N, 1, 28, 28), float32 in [0, 1]."""
    return torch.from_numpy(pixels.astype(np.float32)).unsqueeze(1).div_(255)
