"""Images in memory: range, indexing, size and channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from ganscope.errors import DataError
from ganscope.training import Images, fit
from ganscope.training.images import CHUNK, fit_bytes, to_range


@pytest.fixture
def images() -> Images:
    pixels = torch.arange(5 * 3 * 4 * 2, dtype=torch.uint8).view(5, 3, 4, 2)
    return Images(pixels, torch.tensor([0, 1, 2, 3, 4]), "somewhere")


def test_every_byte_is_scaled_as_numpy_scales_it() -> None:
    every = np.arange(256, dtype=np.uint8)
    expected = every.astype(np.float32) / np.float32(255) * np.float32(2) - np.float32(1)
    scaled = to_range(torch.from_numpy(every))
    assert scaled.dtype == torch.float32
    assert np.array_equal(scaled.numpy(), expected)
    assert (scaled[0], scaled[255]) == (-1, 1)


def test_indexing(images: Images) -> None:
    assert len(images) == 5
    assert images.image_shape == (3, 4, 2)
    assert images[0].shape == (3, 4, 2)
    assert images[:].shape == (5, 3, 4, 2)
    assert torch.equal(images[[4, 1]], torch.stack([images[4], images[1]]))
    assert torch.equal(images[torch.tensor([2])][0], images[2])
    assert torch.equal(images[-1], images[4])
    with pytest.raises(IndexError):
        images[5]


def test_reading_leaves_the_bytes_alone(images: Images) -> None:
    images[:].zero_()
    assert images.pixels.flatten().tolist() == list(range(120))


def test_a_data_loader_takes_it_as_it_is(images: Images) -> None:
    batches = list(DataLoader(images, batch_size=2))
    assert [tuple(batch.shape) for batch in batches] == [(2, 3, 4, 2), (2, 3, 4, 2), (1, 3, 4, 2)]
    assert torch.equal(torch.cat(batches), images[:])


@pytest.mark.parametrize("size", [(64, 64), (14, 14), (7, 30)])
def test_resizing_is_torchs_bilinear_with_antialiasing(size: tuple[int, int]) -> None:
    given = torch.rand(2, 1, 28, 28)
    expected = F.interpolate(given, size=size, mode="bilinear", antialias=True)
    assert torch.equal(fit(given, (1, *size)), expected)


def test_halving_a_checkerboard_gives_grey() -> None:
    board = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(4, 4).view(1, 1, 8, 8)
    inner = fit(board, (1, 4, 4))[..., 1:-1, 1:-1]
    assert inner == pytest.approx(torch.full((1, 1, 2, 2), 0.5))


def test_what_fits_is_left_alone() -> None:
    given = torch.rand(2, 3, 8, 8)
    assert fit(given, (3, 8, 8)) is given


def test_grey_is_repeated() -> None:
    given = torch.rand(2, 1, 8, 8)
    fitted = fit(given, (3, 8, 8))
    assert fitted.shape == (2, 3, 8, 8)
    assert all(torch.equal(fitted[:, channel], given[:, 0]) for channel in range(3))


def test_colour_becomes_luma() -> None:
    given = torch.zeros(3, 3, 1, 1)
    given[0, 0] = given[1, 1] = given[2, 2] = 1.0  # a red, a green and a blue pixel
    assert fit(given, (1, 1, 1)).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_bytes_are_rounded_and_stay_bytes() -> None:
    given = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    fitted = fit_bytes(given, (3, 64, 64))
    assert fitted.dtype == torch.uint8
    assert (fitted.float() - fit(given, (3, 64, 64))).abs().max() <= 0.501


def test_chunks_join_in_order() -> None:
    given = torch.arange(CHUNK + 2).remainder(256).to(torch.uint8).view(-1, 1, 1, 1)
    fitted = fit_bytes(given, (1, 2, 2))
    assert fitted.shape == (CHUNK + 2, 1, 2, 2)
    assert torch.equal(fitted[:, 0, 1, 1], given.flatten())


def test_channels_that_cannot_be_converted() -> None:
    with pytest.raises(DataError) as caught:
        fit(torch.rand(1, 4, 8, 8), (3, 8, 8))
    assert str(caught.value) == (
        "images with 4 channels cannot become images with 3; expected 1 or 3 channels; "
        "try a model built with channels=1 or channels=3"
    )
