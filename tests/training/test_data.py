"""Real images by name, checked against numpy's own reading of the files."""

from __future__ import annotations

import gzip
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from ganscope.errors import DataError
from ganscope.training import data, digits, load_images, real_images

GREY = (1, 28, 28)
DIGITS = resources.files("ganscope.training") / "digits"


def content(name: str) -> bytes:
    return gzip.decompress((DIGITS / name).read_bytes())


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    values = np.frombuffer(content("images-idx3-ubyte.gz"), np.uint8)
    return values[16:].reshape(10_000, 28, 28)


def message(*arguments: object, **keywords: object) -> str:
    with pytest.raises(DataError) as caught:
        load_images(*arguments, **keywords)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_digits(pixels: np.ndarray) -> None:
    images, labels = digits()
    assert (images.shape, images.dtype) == ((10_000, 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((10_000,), np.uint8)
    assert np.array_equal(images, pixels)
    assert labels[:10].tolist() == [1, 5, 4, 8, 3, 3, 7, 1, 9, 0]
    assert np.bincount(labels).tolist() == [
        1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978,
    ]  # fmt: skip


def test_digits_are_read_once_and_cannot_be_spoilt() -> None:
    assert digits() is digits()
    with pytest.raises(ValueError, match="read-only"):
        digits()[0][0] = 1


def test_the_attribution_lies_beside_the_data() -> None:
    text = (DIGITS / "README.md").read_text(encoding="utf-8")
    assert "Yann LeCun, Corinna Cortes, Christopher J. C. Burges" in text
    assert "CC BY-SA 3.0" in text


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"no gzip at all",
        gzip.compress(b"", mtime=0),
        gzip.compress(bytes((0, 0, 8, 3)) + (1).to_bytes(4, "big") + b"x", mtime=0),
        gzip.compress(bytes((0, 0, 9, 1)) + (1).to_bytes(4, "big") + b"x", mtime=0),
        gzip.compress(bytes((0, 0, 8, 1)) + (2).to_bytes(4, "big") + b"x", mtime=0),
        gzip.compress(bytes((0, 0, 8, 1)) + (1).to_bytes(4, "big") + b"x", mtime=0)[:-9],
    ],
)
def test_damaged_digits(spoilt: bytes) -> None:
    with pytest.raises(DataError) as caught:
        data.read_idx(lambda: spoilt, rank=1)
    assert str(caught.value) == (
        "the built-in digits are missing or damaged: expected an IDX file of rank 1; "
        "install ganscope anew"
    )


def test_idx_of_three_dimensions() -> None:
    header = bytes((0, 0, 8, 3)) + b"".join(n.to_bytes(4, "big") for n in (2, 1, 3))
    array = data.read_idx(lambda: gzip.compress(header + bytes(range(6))), rank=3)
    assert array.tolist() == [[[0, 1, 2]], [[3, 4, 5]]]


def test_without_a_seed_the_first_ones(pixels: np.ndarray) -> None:
    given = real_images(None, 5, GREY, seed=None)
    assert (given.shape, given.dtype) == ((5, 1, 28, 28), torch.float32)
    x = pixels[:5].astype(np.float32)
    assert np.array_equal(given[:, 0].numpy(), x / np.float32(255) * np.float32(2) - np.float32(1))


def test_a_seed_draws_and_a_smaller_count_is_a_beginning(pixels: np.ndarray) -> None:
    few, many = real_images("digits", 3, GREY), real_images("digits", 50, GREY, seed=0)
    assert torch.equal(few, many[:3])
    assert not torch.equal(many, real_images("digits", 50, GREY, seed=1))
    assert not torch.equal(many, real_images("digits", 50, GREY, seed=None))


def test_all_of_them_and_each_once(pixels: np.ndarray) -> None:
    images = load_images("digits", GREY, seed=3)
    assert images.labels is not None
    assert len(images) == len(images.labels) == 10_000
    drawn = {image.tobytes() for image in images.pixels[:, 0].numpy()}
    assert drawn == {image.tobytes() for image in pixels}


def test_labels_go_with_their_images(pixels: np.ndarray) -> None:
    images = load_images("digits", GREY, count=20, seed=1)
    by_image = {p.tobytes(): label for p, label in zip(pixels, digits()[1], strict=True)}
    assert images.labels is not None
    assert images.labels.dtype == torch.int64
    seen = [by_image[image.tobytes()] for image in images.pixels[:, 0].numpy()]
    assert images.labels.tolist() == seen


def test_size_and_channels_of_the_model() -> None:
    given = real_images("digits", 4, (3, 64, 64))
    assert given.shape == (4, 3, 64, 64)
    assert torch.equal(given[:, 0], given[:, 2])
    assert -1 <= given.min() < -0.99
    assert 0.8 < given.max() <= 1


def test_the_global_random_state_is_not_touched() -> None:
    before = torch.get_rng_state()
    real_images(None, 8, GREY, seed=5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("count", [0, -3])
def test_a_senseless_count(count: int) -> None:
    expected = f"{count} real images were asked for; expected 1 to 10,000"
    assert message(None, GREY, count=count) == expected


def test_more_than_there_are() -> None:
    assert message(None, GREY, count=10_001) == (
        "10,001 real images were asked for, but digits has 10,000; expected 1 to 10,000; "
        "try 'mnist', which has 60,000"
    )


def test_no_such_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = "expected 'digits', 'digits-8000', 'mnist' or a folder of images"
    assert message("digit", GREY) == (
        f"no images: 'digit' does not exist; {expected}; did you mean 'digits'?"
    )
    assert message("MNIST", GREY) == (
        f"no images: 'MNIST' does not exist; {expected}; did you mean 'mnist'?"
    )
    assert message("portraits", GREY) == f"no images: 'portraits' does not exist; {expected}"
    Path("a.png").touch()
    assert message("a.png", GREY) == f"no images: 'a.png' is a file; {expected}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for downloads, and a network that is not there."""
    from torchvision.datasets import mnist

    def offline(*_: object, **__: object) -> None:
        raise OSError("<urlopen error\n[Errno -3] Temporary failure in name resolution>")

    monkeypatch.setenv("GANSCOPE_CACHE", str(tmp_path))
    monkeypatch.setattr(mnist, "download_and_extract_archive", offline)
    return tmp_path


def lay_mnist(root: Path) -> Path:
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for name in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            (raw / f"{part}-{name}").write_bytes(content(f"{name}.gz"))
    return raw


def test_mnist_that_is_there_already(cache: Path) -> None:
    lay_mnist(cache)
    images = load_images("mnist", GREY, count=3)
    assert torch.equal(images[:], real_images("digits", 3, GREY, seed=None))
    assert images.labels is not None
    assert images.labels.tolist() == [1, 5, 4]


def test_mnist_without_a_network(cache: Path) -> None:
    assert message("mnist", GREY) == (
        f"MNIST cannot be downloaded to '{cache / 'MNIST' / 'raw'}' (<urlopen error [Errno -3] "
        "Temporary failure in name resolution>); without a network take 'digits', the 10,000 "
        "built-in images, or lay MNIST's four IDX files there, unzipped"
    )


def test_mnist_that_is_damaged(cache: Path) -> None:
    raw = lay_mnist(cache)
    (raw / "train-images-idx3-ubyte").write_bytes(b"<html>please log in</html>")
    expected = f"MNIST in '{raw}' is damaged; delete that folder and try again"
    assert message("mnist", GREY) == expected


def test_a_cache_that_cannot_be_made(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").touch()
    monkeypatch.setenv("GANSCOPE_CACHE", str(cache / "file"))
    assert message("mnist", GREY).startswith("MNIST cannot be downloaded to '")


def test_where_downloads_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANSCOPE_CACHE", raising=False)
    assert data.cache_folder() == Path.home() / ".cache" / "ganscope"
    monkeypatch.setenv("GANSCOPE_CACHE", "~/elsewhere")
    assert data.cache_folder() == Path.home() / "elsewhere"


def test_the_digits_need_neither_torchvision_nor_pillow() -> None:
    code = (
        "import sys, ganscope.training as training; training.real_images(None, 2, (1, 28, 28)); "
        "print(*{'torchvision', 'PIL', 'ganscope.traces', 'ganscope.probe'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
