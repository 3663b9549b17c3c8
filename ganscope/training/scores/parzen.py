"""The log-likelihood of real images under a Parzen window of generated ones.

The figure of Goodfellow et al. 2014 (arXiv:1406.2661, section 5, table 1), after Breuleux, Bengio
& Vincent 2011: each of N generated images becomes the centre of a Gaussian of one width σ, so that
the generator, which has no density of its own, gets one:

    log p(x) = log (1/N) Σ exp(-|x - sample|² / 2σ²) - d log(σ √(2π))

σ is the one under which validation images are likeliest; the figure is the mean of log p(x) over
test images, in nats, its error the standard error of that mean across the images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganscope.errors import InputError

PAPER = (225.0, 2.0)
"""Mean and standard error that the paper reports for MNIST (table 1), in nats."""

PAPER_WIDTHS = tuple(10.0 ** (step / 9 - 1) for step in range(10))
"""The ten widths that the paper's own code tries: from 0.1 to 1, evenly in the logarithm."""

# Squared distances of so many images to all samples are held at once: 8 MB for 10,000 samples.
_ROWS = 100


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely test images are.

    Attributes:
        mean: Mean log-likelihood of a test image, in nats.
        error: Standard error of the mean across the test images.
        width: σ of the Gaussian, in units of a pixel's range 0 to 1.
        at_edge: Whether σ is the first or the last that was tried, so that one beyond it may
            fit better.
        samples: How many generated images it stands on.
        validation: How many images chose σ.
        test: How many images were scored.
    """

    mean: float
    error: float
    width: float
    at_edge: bool
    samples: int
    validation: int
    test: int


def parzen_likelihood(
    samples: Tensor,
    validation: Tensor,
    test: Tensor,
    *,
    widths: Sequence[float] = PAPER_WIDTHS,
) -> Likelihood:
    """The mean log-likelihood of `test` under Gaussians around `samples`.

    Args:
        samples: (N, ...), generated images, pixels in [0, 1].
        validation: (V, ...), real images that choose the width.
        test: (T, ...), real images to be scored; others than those, or the figure flatters.
        widths: Widths to choose from, ascending.

    Raises:
        InputError: One of the sets has no image or a number that is not finite, or there are
            fewer than two test images, which have no standard error.
    """
    _require(samples, validation, test)
    fits = torch.stack([row.mean() for row in log_densities(samples, validation, widths)])
    best = int(fits.argmax())
    (scores,) = log_densities(samples, test, [widths[best]])  # (T,)
    return Likelihood(
        mean=float(scores.mean()),
        error=float(scores.std(correction=0)) / math.sqrt(len(scores)),
        width=widths[best],
        at_edge=len(widths) > 1 and best in (0, len(widths) - 1),
        samples=len(samples),
        validation=len(validation),
        test=len(test),
    )


def log_densities(samples: Tensor, images: Tensor, widths: Sequence[float]) -> Tensor:
    """The log density of each image for each width, computed in float64.

    Args:
        samples: (N, ...), the centres.
        images: (M, ...), each of as many numbers as a sample.
        widths: (W,), widths of the Gaussian.

    Returns:
        (W, M), in nats.
    """
    deviations = torch.tensor(widths, dtype=torch.float64, device=samples.device)  # (W,)
    dimensions = samples[0].numel()
    constant = math.log(len(samples)) + dimensions * torch.log(deviations * math.sqrt(2 * math.pi))
    scales = -0.5 / deviations.square()
    parts = [
        torch.stack([torch.logsumexp(distances * scale, dim=1) for scale in scales])  # (W, m)
        for distances in _squared_distances(images, samples)  # (m, N)
    ]
    return torch.cat(parts, dim=1) - constant[:, None]  # (W, M)


def _squared_distances(images: Tensor, samples: Tensor) -> Iterator[Tensor]:
    """Squared distances of the images to every sample: (m, N) at a time."""
    centres = samples.flatten(1).double()  # (N, ...) → (N, d)
    lengths = centres.square().sum(dim=1)  # (N,)
    for rows in torch.split(images.flatten(1).double(), _ROWS):  # (m, d)
        # |x - c|² = |x|² + |c|² - 2 x·c costs one product of matrices; in float64 what cancels
        # leaves an error far below the figure's last digit.
        crossed = torch.addmm(lengths, rows, centres.T, alpha=-2)  # (m, N)
        yield crossed.add_(rows.square().sum(dim=1, keepdim=True)).clamp_(min=0)


def _require(samples: Tensor, validation: Tensor, test: Tensor) -> None:
    least = {"generated": (samples, 1), "validation": (validation, 1), "test": (test, 2)}
    for name, (images, count) in least.items():
        if len(images) < count:
            raise InputError(
                f"a log-likelihood needs {count} {name} image{'s' * (count > 1)} or more, and "
                f"there {'is' if len(images) == 1 else 'are'} {len(images)}; take more"
            )
        if not bool(images.isfinite().all()):
            raise InputError(
                f"{name} images hold NaN or infinite numbers, which have no likelihood; "
                "see with ganscope check where they come from"
            )
