"""How sure a small classifier of digits is about generated images, and which digits it sees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganscope.errors import InputError
from ganscope.training.scores.classifier import CLASSES, shipped_classifier

SURE_FROM = 0.5
"""Confidence from which an image counts as the digit that it is taken for.

Beyond one half no other digit can be likelier. Of the test digits 99.5 % reach it."""

THERE_FROM = 0.01
"""Share of all images from which a digit counts as being there: a tenth of an even share."""

_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Confidence:
    """The classifier's answers on a set of images.

    Attributes:
        mean: Mean over the images of the likeliest digit's probability, 0.1 to 1.
        error: Standard error of the mean across the images.
        digits: (10,), how many images are taken for each digit with confidence.
        unsure: How many are taken for none.
    """

    mean: float
    error: float
    digits: tuple[int, ...]
    unsure: int


def confidence(images: Tensor) -> Confidence:
    """What the shipped classifier makes of `images`.

    Args:
        images: (N, 1, 28, 28), pixels in [0, 1], on the CPU.

    Raises:
        InputError: There are fewer than two images, or numbers that are not finite.
        WeightsError: The installed classifier is damaged.
    """
    if len(images) < 2 or not bool(images.isfinite().all()):
        raise InputError("the classifier needs two images or more, all of finite numbers")
    classifier = shipped_classifier()
    with torch.no_grad():
        answers = [classifier(rows).double().softmax(dim=1) for rows in torch.split(images, _ROWS)]
    surest, digit = torch.cat(answers).max(dim=1)  # (N, 10) → (N,) each
    counts = torch.bincount(digit[surest >= SURE_FROM], minlength=CLASSES).tolist()
    return Confidence(
        mean=float(surest.mean()),
        error=float(surest.std(correction=0)) / math.sqrt(len(images)),
        digits=tuple(counts),
        unsure=len(images) - sum(counts),
    )
