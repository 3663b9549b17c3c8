"""The real images of a score: three parts that do not overlap, from every source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganscope.errors import DataError
from ganscope.training import digits, load_images
from ganscope.training.scores import read_reference, to_scored
from tests.training.test_data import cache, lay_mnist

__all__ = ["cache"]


def test_the_digits_in_three_parts() -> None:
    found = read_reference(None)
    assert (len(found.training), len(found.validation), len(found.test)) == (8_000, 1_000, 1_000)
    whole = torch.cat([found.training, found.validation, found.test])
    expected = digits()[0].astype(np.float32)[:, None] / np.float32(255)
    assert np.array_equal(whole.numpy(), expected)
    assert (found.source, found.are_digits) == ("digits", True)
    assert torch.equal(read_reference("digits-8000").test, found.test)


def test_digits_8000_are_those_that_no_score_tests_with() -> None:
    learned = load_images("digits-8000", (1, 28, 28))
    assert len(learned) == 8_000
    torch.testing.assert_close(to_scored(learned[:]), read_reference(None).training)
    held_out = torch.cat([read_reference(None).validation, read_reference(None).test])
    seen = {image.tobytes() for image in learned.pixels.numpy()}
    unseen = {(image * 255).round().byte().numpy().tobytes() for image in held_out}
    assert len(unseen) == 2_000
    assert seen.isdisjoint(unseen)


def test_mnist_brings_its_own_test_set(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_mnist(cache)  # the built-in digits under MNIST's names: 10,000 in either set
    module = "ganscope.training.scores.reference"
    monkeypatch.setattr(f"{module}.MNIST_TRAINING", slice(0, 9_000))
    monkeypatch.setattr(f"{module}.MNIST_VALIDATION", slice(9_000, 9_500))
    found = read_reference("mnist")
    assert (len(found.training), len(found.validation), len(found.test)) == (9_000, 500, 10_000)
    assert found.are_digits


def test_a_folder_is_cut_in_an_order_drawn_once(tmp_path: Path) -> None:
    for number in range(1_000):
        shade = np.full((2, 2), number % 256, np.uint8)
        shade[0, 0] = number // 256
        Image.fromarray(shade).save(tmp_path / f"{number:04}.png")
    found = read_reference(str(tmp_path))
    assert (len(found.training), len(found.validation), len(found.test)) == (800, 100, 100)
    assert not found.are_digits
    assert found.test.shape == (100, 1, 28, 28)
    assert 0 <= found.test.min() <= found.test.max() <= 1
    assert torch.equal(read_reference(str(tmp_path)).test, found.test)
    (tmp_path / "0000.png").unlink()
    with pytest.raises(DataError, match=r"has 999 images, and a score needs 1,000 or more"):
        read_reference(str(tmp_path))


def test_a_generators_images_are_brought_to_what_is_scored() -> None:
    coloured = torch.cat([torch.full((1, 3, 64, 64), -1.0), torch.full((1, 3, 64, 64), 1.0)])
    found = to_scored(coloured)
    assert found.shape == (2, 1, 28, 28)
    torch.testing.assert_close(found[0], torch.zeros(1, 28, 28))
    torch.testing.assert_close(found[1], torch.ones(1, 28, 28))
