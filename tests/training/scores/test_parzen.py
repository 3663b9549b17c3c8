"""The Parzen log-likelihood against numpy's direct sum, and where it is known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganscope.errors import InputError
from ganscope.training.scores.parzen import (
    PAPER_WIDTHS,
    log_densities,
    parzen_likelihood,
)


def directly(samples: np.ndarray, images: np.ndarray, width: float) -> np.ndarray:
    """Each image's log density as the formula stands, Gaussian by Gaussian."""
    found = []
    for image in images.astype(np.float64):
        exponents = np.array(
            [-((image - sample) ** 2).sum() / (2 * width**2) for sample in samples], np.float64
        )
        top = exponents.max()
        log_sum = top + math.log(math.fsum(np.exp(exponents - top)))
        normal = samples.shape[1] * math.log(width * math.sqrt(2 * math.pi))
        found.append(log_sum - math.log(len(samples)) - normal)
    return np.array(found)


def drawn(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def test_as_numpy_adds_it_up() -> None:
    samples, images = drawn(70, 0), drawn(230, 1)  # more images than one chunk holds
    widths = [0.1, 0.25, 1.0]
    found = log_densities(samples, images, widths)
    assert (found.shape, found.dtype) == ((3, 230), torch.float64)
    for row, width in zip(found, widths, strict=True):
        expected = directly(
            samples.flatten(1).double().numpy(), images.flatten(1).double().numpy(), width
        )
        np.testing.assert_allclose(row.numpy(), expected, rtol=1e-11)


def test_one_sample_is_one_gaussian() -> None:
    found = log_densities(torch.zeros(1, 784), torch.full((1, 784), 0.5), [0.2])
    expected = 784 * (-0.5 * (0.5 / 0.2) ** 2 - math.log(0.2 * math.sqrt(2 * math.pi)))
    assert float(found) == pytest.approx(expected, rel=1e-13)


def test_many_normal_samples_give_the_wider_normal() -> None:
    """Samples of N(0, 1) under Gaussians of width σ are, in the limit, N(0, 1 + σ²)."""
    samples = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0)).double()
    points = torch.tensor([[0.0], [0.7], [-1.5]]).double()
    (found,) = log_densities(samples, points, [0.5])
    expected = torch.distributions.Normal(0.0, math.sqrt(1.25)).log_prob(points[:, 0].double())
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)


def test_copies_of_a_sample_change_nothing_and_far_images_stay_finite() -> None:
    one = torch.zeros(1, 784)
    far = torch.full((2, 784), 1e6)
    found = log_densities(one, far, [0.1])
    assert bool(found.isfinite().all())
    torch.testing.assert_close(log_densities(one.repeat(50, 1), far, [0.1]), found)


def test_validation_chooses_the_width_and_the_error_is_that_of_a_mean() -> None:
    samples, validation, test = drawn(40, 0), drawn(30, 1), drawn(120, 2)
    found = parzen_likelihood(samples, validation, test)
    flat = [images.flatten(1).double().numpy() for images in (samples, validation, test)]
    fits = [directly(flat[0], flat[1], width).mean() for width in PAPER_WIDTHS]
    width = PAPER_WIDTHS[int(np.argmax(fits))]
    scores = directly(flat[0], flat[2], width)
    assert found.width == width
    assert not found.at_edge
    assert found.mean == pytest.approx(scores.mean(), rel=1e-11)
    assert found.error == pytest.approx(scores.std() / math.sqrt(120), rel=1e-9)
    assert (found.samples, found.validation, found.test) == (40, 30, 120)


def test_a_width_at_the_edge_is_told() -> None:
    samples, validation, test = drawn(5, 0), drawn(5, 1), drawn(5, 2)
    assert parzen_likelihood(samples, validation, test, widths=(0.1, 0.15)).at_edge
    assert not parzen_likelihood(samples, validation, test, widths=(0.3,)).at_edge


def test_the_papers_widths() -> None:
    np.testing.assert_allclose(PAPER_WIDTHS, np.logspace(-1, 0, 10))


@pytest.mark.parametrize(
    ("samples", "validation", "test", "said"),
    [
        (drawn(0, 0), drawn(1, 0), drawn(2, 0), "needs 1 generated image or more, and there are 0"),
        (drawn(1, 0), drawn(0, 0), drawn(2, 0), "needs 1 validation image or more, and there are"),
        (drawn(1, 0), drawn(1, 0), drawn(1, 0), "needs 2 test images or more, and there is 1"),
        (drawn(1, 0) * math.nan, drawn(1, 0), drawn(2, 0), "generated images hold NaN or infinite"),
    ],
)
def test_what_has_no_likelihood(
    samples: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        parzen_likelihood(samples, validation, test)
