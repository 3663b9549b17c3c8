"""All figures of one set of images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganscope.training.scores.confidence import Confidence, confidence
from ganscope.training.scores.diversity import Diversity, diversity
from ganscope.training.scores.parzen import Likelihood, parzen_likelihood
from ganscope.training.scores.reference import Reference


@dataclass(frozen=True, slots=True)
class Scores:
    """How good a set of images is.

    Attributes:
        likelihood: Of the reference's test images under a Parzen window of these.
        diversity: How many different ones there are in a batch of 500.
        confidence: What the classifier of digits makes of them; None where the reference is
            not known to be digits.
    """

    likelihood: Likelihood
    diversity: Diversity
    confidence: Confidence | None


def evaluate(images: Tensor, reference: Reference) -> Scores:
    """All figures of `images` (N, 1, 28, 28), pixels in [0, 1], N at least 500.

    Raises:
        InputError: There are too few images, or numbers that are not finite.
    """
    return Scores(
        parzen_likelihood(images, reference.validation, reference.test),
        diversity(images),
        confidence(images) if reference.are_digits else None,
    )


def evaluate_real(reference: Reference, count: int) -> Scores:
    """What real images get: up to `count` of the training part, as if a generator had made them.

    The classifier has learned from those, so it judges the test part.

    Raises:
        InputError: There are too few.
    """
    images = reference.training[:count]
    return Scores(
        parzen_likelihood(images, reference.validation, reference.test),
        diversity(images),
        confidence(reference.test) if reference.are_digits else None,
    )
