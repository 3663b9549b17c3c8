"""The diversity figure: where it is known beforehand, against numpy, and what it tells apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ganscope.errors import InputError
from ganscope.training.parts import TEST, VALIDATION
from ganscope.training.scores import threshold
from ganscope.training.scores.diversity import (
    BATCH,
    COLLAPSED_BELOW,
    SHRINK,
    WIDTH,
    diversity,
    similarity,
    vendi_score,
)
from ganscope.training.scores.train_classifier import built_in


@pytest.fixture(scope="module")
def real() -> torch.Tensor:
    return built_in(TEST)[0]


@pytest.fixture(scope="module")
def usual(real: torch.Tensor) -> float:
    """What the test digits get."""
    return diversity(real).mean


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# -- the score itself ----------------------------------------------------------------------------


def test_all_alike_and_none_alike() -> None:
    assert vendi_score(torch.ones(9, 9).double()) == pytest.approx(1)
    assert vendi_score(torch.eye(9).double()) == pytest.approx(9)


def test_kinds_in_unequal_shares_count_by_their_entropy() -> None:
    shares = [6, 3, 1]
    kinds = torch.repeat_interleave(torch.arange(3), torch.tensor(shares))
    alike = (kinds[:, None] == kinds[None, :]).double()
    expected = math.exp(-sum(count / 10 * math.log(count / 10) for count in shares))
    assert vendi_score(alike) == pytest.approx(expected)


def test_as_numpy_computes_it(real: torch.Tensor) -> None:
    images = real[:BATCH].numpy().astype(np.float64)
    shrunk = images.reshape(BATCH, 7, SHRINK, 7, SHRINK).mean(axis=(2, 4)).reshape(BATCH, -1)
    squared = ((shrunk[:, None] - shrunk[None]) ** 2).sum(axis=2)
    kernel = np.exp(-squared / (2 * WIDTH**2))
    values = np.linalg.eigvalsh(kernel / BATCH)
    values = values[values > 0]
    expected = math.exp(-(values * np.log(values)).sum())
    # The images are averaged in float32, hence no closer.
    assert diversity(real[:BATCH]).mean == pytest.approx(expected, rel=1e-5)


def test_a_similarity_is_one_with_itself_and_falls_with_distance() -> None:
    points = torch.tensor([[0.0], [WIDTH], [100.0]]).double()
    expected = torch.tensor([[1, math.exp(-0.5), 0], [math.exp(-0.5), 1, 0], [0, 0, 1]]).double()
    torch.testing.assert_close(similarity(points), expected)


def test_the_mean_over_whole_batches_and_its_error(real: torch.Tensor) -> None:
    first, second = diversity(real[:BATCH]), diversity(real[BATCH : 2 * BATCH])
    both = diversity(real[: 2 * BATCH])
    scores = np.array([first.mean, second.mean])
    assert both.mean == pytest.approx(scores.mean())
    assert both.error == pytest.approx(scores.std(ddof=1) / math.sqrt(2))
    assert (first.error, first.batches, both.batches) == (None, 1, 2)
    assert diversity(real[: BATCH + 99]) == first


def test_too_few_and_not_finite(real: torch.Tensor) -> None:
    with pytest.raises(InputError, match="batches of 500 images, and there are 499"):
        diversity(real[:499])
    with pytest.raises(InputError, match="NaN"):
        diversity(real[:BATCH] * math.nan)


# -- what it tells apart -------------------------------------------------------------------------


def test_the_width_is_what_its_docstring_says() -> None:
    shrunk = F.avg_pool2d(built_in(VALIDATION)[0], SHRINK).flatten(1).double()
    distance = torch.pdist(shrunk).mean()
    assert float(distance) == pytest.approx(1.635, abs=0.001)
    assert abs(0.4 * float(distance) - WIDTH) < 0.005


def test_real_digits_are_diverse(real: torch.Tensor, usual: float) -> None:
    numbers = random()
    for _ in range(10):
        rows = torch.randperm(len(real), generator=numbers)[:BATCH]
        assert diversity(real[rows]).mean / usual > 0.85


def test_one_image_is_one_image(usual: float) -> None:
    found = diversity(torch.full((BATCH, 1, 28, 28), 0.5))
    assert found.mean == pytest.approx(1)
    assert found.mean / usual < COLLAPSED_BELOW


@pytest.mark.parametrize("count", [1, 3, 10, 50])
def test_few_images_are_few_noise_or_not(real: torch.Tensor, usual: float, count: int) -> None:
    noisy = diversity(threshold.few_images(real, count, random())).mean
    assert 0.6 * count < noisy < max(1.5 * count, 2)
    assert noisy / usual < COLLAPSED_BELOW


def test_a_mode_that_half_of_the_images_fall_into(real: torch.Tensor, usual: float) -> None:
    half = torch.cat([real[:250], real[:1].repeat(250, 1, 1, 1)])
    assert diversity(half).mean / usual < COLLAPSED_BELOW


def test_noise_that_is_no_digit_is_not_diverse(usual: float) -> None:
    noise = torch.rand(BATCH, 1, 28, 28, generator=random())
    assert diversity(noise).mean / usual < COLLAPSED_BELOW


def test_a_generator_trained_alone_collapses(usual: float) -> None:
    """The script that set the threshold, cut short: a dcgan before and in its collapse."""
    stages = list(threshold.collapsing(0, 4, width=8))
    assert stages[0][0] == "dcgan, untrained"
    assert len(stages) == 6
    assert all(diversity(batch).mean / usual < COLLAPSED_BELOW for _, batch in stages)
