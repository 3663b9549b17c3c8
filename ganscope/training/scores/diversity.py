"""How many different images there are among generated ones, beside the same among real ones.

The Vendi score of Friedman & Dieng 2023 (arXiv:2210.02410, section 3): with k(x, y) between 0
(nothing alike) and 1 (the same), the eigenvalues λ of the matrix k / n of n images add up to 1,
and

    exp(-Σ λ log λ)

is the number of images in effect: n copies of one image make 1, k images in equal shares, all
unlike, make k, and n images that are all unlike make n.

Alike is what is near once each image has been shrunk to 7 × 7 by averaging: a generator's speckle
averages out there and makes no diversity, while the stroke stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganscope.errors import InputError

BATCH = 500
"""Images in a batch. The score depends on it, so it is the same for everything compared."""

SHRINK = 4
"""Side of the squares of pixels that are averaged: 28 × 28 → 7 × 7."""

WIDTH = 0.65
"""Distance at which k has fallen to exp(-1/2): 0.4 times 1.635, the mean distance between two
of the validation digits, shrunk."""

COLLAPSED_BELOW = 0.5
"""The share of real digits' diversity below which a generator counts as collapsed.

Set once, by `threshold.py`, which prints all of it. As shares of the mean of 100 batches of
validation digits: those batches get 0.92 to 1.06. What has collapsed gets 0.27 (50 digits, each
many times with noise, at most), 0.07 (10 digits), 0.03 (a dcgan whose generator went on for 200
steps against a discriminator that stood still; before that it had 0.86). 0.49 is as many times
below the least of the former as above the most of the latter.

A generator of one kind of digit, but every hand, may pass: real digits that are all 0 get 0.72,
all 1 0.07. Which digits there are is what the classifier tells.
"""


@dataclass(frozen=True, slots=True)
class Diversity:
    """The number of different images in effect, over batches.

    Attributes:
        mean: Mean over the batches; 1 to `BATCH`.
        error: Standard error of the mean; None of a single batch.
        batches: How many batches there were.
    """

    mean: float
    error: float | None
    batches: int


def diversity(images: Tensor) -> Diversity:
    """The mean Vendi score of as many batches of 500 as there are.

    Args:
        images: (N, 1, 28, 28), pixels in [0, 1]; at least one batch. What is left over after the
            last whole batch does not count.

    Raises:
        InputError: There are fewer images, or numbers that are not finite.
    """
    if len(images) < BATCH:
        raise InputError(
            f"diversity is measured on batches of {BATCH} images, and there are "
            f"{len(images):,}; take {BATCH} or more"
        )
    if not bool(images.isfinite().all()):
        raise InputError("images hold NaN or infinite numbers, which are like nothing")
    shrunk = F.avg_pool2d(images, SHRINK).flatten(1).double()  # (N, 1, 28, 28) → (N, 49)
    batches = torch.split(shrunk[: len(shrunk) // BATCH * BATCH], BATCH)
    scores = torch.tensor([vendi_score(similarity(batch)) for batch in batches])
    error = float(scores.std()) / math.sqrt(len(scores)) if len(scores) > 1 else None
    return Diversity(float(scores.mean()), error, len(scores))


def similarity(points: Tensor, width: float = WIDTH) -> Tensor:
    """exp(-|x - y|² / 2 width²) of all pairs: float64 (n, d) → (n, n), ones on the diagonal."""
    lengths = points.square().sum(dim=1)
    distances = (lengths[:, None] + lengths[None, :] - 2 * points @ points.T).clamp_(min=0)
    return distances.fill_diagonal_(0).div_(-2 * width * width).exp_()


def vendi_score(similarities: Tensor) -> float:
    """From (n, n) similarities the number of images in effect, 1 to n."""
    values = torch.linalg.eigvalsh(similarities / len(similarities)).clamp(min=0)  # (n,), sum 1
    return float(torch.special.entr(values).sum().exp())
