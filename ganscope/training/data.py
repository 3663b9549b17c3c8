"""Real images by name: the built-in digits, MNIST, or a folder of files."""

from __future__ import annotations

import functools
import gzip
import math
import os
import zlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganscope.errors import DataError, nearest
from ganscope.training.folder import image_files, read_image
from ganscope.training.images import Images, fit_bytes
from ganscope.training.parts import TRAINING

CACHE_VARIABLE = "GANSCOPE_CACHE"
"""The environment variable that names the folder for downloads."""

NAMES = ("digits", "digits-8000", "mnist")

MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def real_images(
    source: str | Path | None,
    count: int,
    image_shape: tuple[int, int, int],
    *,
    seed: int | None = 0,
) -> Tensor:
    """`count` real images as one float32 tensor in [-1, 1].

    Args:
        source: As for `load_images`.
        count: How many; at most as many as there are.
        image_shape: (channels, height, width) that the model wants.
        seed: As for `load_images`, but by default 0: images drawn from the whole set.

    Returns:
        (count, *image_shape).

    Raises:
        DataError: The images are missing, unreadable or fewer than `count`.
    """
    return load_images(source, image_shape, count=count, seed=seed)[:]


def load_images(
    source: str | Path | None,
    image_shape: tuple[int, int, int],
    *,
    count: int | None = None,
    seed: int | None = None,
) -> Images:
    """Real images in memory, brought to `image_shape`; the global random state is not touched.

    Args:
        source: None or "digits" for the 10,000 built-in digits; "digits-8000" for their first
            8,000, which leaves those that a score tests with unseen; "mnist" for MNIST's 60,000
            training images, downloaded once to ``$GANSCOPE_CACHE`` (else ``~/.cache/ganscope``);
            anything else is a folder, searched recursively. A folder called digits or mnist
            is reached as ``./digits``.
        image_shape: (channels, height, width) that the model wants.
        count: How many; None for all.
        seed: None for the source's own order (a folder's is by path); a number for the
            permutation that it seeds, of which a smaller count is a beginning.

    Raises:
        DataError: The images are missing, unreadable or fewer than `count`.
    """
    name = "digits" if source is None else str(source)
    if name in NAMES:
        pixels, labels = mnist() if name == "mnist" else digits()
        if name == "digits-8000":
            pixels, labels = pixels[TRAINING], labels[TRAINING]
        chosen = _choose(len(pixels), count, seed, name=name)
        channelled = torch.from_numpy(pixels[chosen]).unsqueeze(1)  # (n, H, W) → (n, 1, H, W)
        classes = torch.from_numpy(labels[chosen].astype(np.int64))
        return Images(fit_bytes(channelled, image_shape), classes, name)
    paths = image_files(_folder(name))
    chosen = _choose(len(paths), count, seed, name=f"the folder '{name}'")
    fitted = [fit_bytes(read_image(paths[i]).unsqueeze(0), image_shape) for i in chosen]
    return Images(torch.cat(fitted), None, name)  # [(1, C, H, W), …] → (n, C, H, W)


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The built-in digits, read once and write-protected.

    Returns:
        Images, uint8 (10000, 28, 28), 0 for background; and labels, uint8 (10000,), 0 to 9.

    Raises:
        DataError: The installed files are damaged.
    """
    folder = resources.files("ganscope.training") / "digits"
    images = read_idx((folder / "images-idx3-ubyte.gz").read_bytes, rank=3)
    labels = read_idx((folder / "labels-idx1-ubyte.gz").read_bytes, rank=1)
    return images, labels


def read_idx(read: Callable[[], bytes], *, rank: int) -> np.ndarray:
    """An array of bytes in MNIST's IDX format, gzipped.

    The format: two zero bytes, 8 for unsigned bytes, the rank; each dimension as a big-endian
    32-bit number; the values, the last dimension fastest.

    Args:
        read: Gives the file's content.
        rank: How many dimensions it must have.

    Raises:
        DataError: It cannot be read, or it is something else.
    """
    try:
        content = gzip.decompress(read())
    except (OSError, EOFError, zlib.error):
        content = b""
    header = 4 + 4 * rank
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4))
    if content[:4] != bytes((0, 0, 8, rank)) or len(content) - header != math.prod(shape):
        raise DataError(
            f"the built-in digits are missing or damaged: expected an IDX file of rank {rank}; "
            "install ganscope anew"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def mnist(*, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """MNIST through torchvision, which downloads it if it is not there yet.

    Args:
        training: Whether to take the training set, or else the test set.

    Returns:
        Images, uint8 (60000, 28, 28), and labels, int64 (60000,); of the test set 10,000.

    Raises:
        DataError: It cannot be downloaded or read.
    """
    from torchvision.datasets import MNIST

    root = cache_folder()
    raw = root / "MNIST" / "raw"
    try:
        dataset = MNIST(str(root), train=training, download=True)
        return dataset.data.numpy(), dataset.targets.numpy()
    except Exception as error:  # network, disk, a proxy's login page instead of the file
        reason = " ".join(str(error).split())
        if all((raw / file).is_file() for file in MNIST_FILES):
            message = f"MNIST in '{raw}' is damaged; delete that folder and try again"
        else:
            message = (
                f"MNIST cannot be downloaded to '{raw}' ({_shortened(reason)}); without a network "
                "take 'digits', the 10,000 built-in images, or lay MNIST's four IDX files there, "
                "unzipped"
            )
        raise DataError(message) from None


def cache_folder() -> Path:
    """Where downloads go: ``$GANSCOPE_CACHE``, else ``~/.cache/ganscope``."""
    return Path(os.environ.get(CACHE_VARIABLE) or "~/.cache/ganscope").expanduser()


def _folder(name: str) -> Path:
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    what = "is a file" if folder.exists() else "does not exist"
    known = ", ".join(f"'{each}'" for each in NAMES)
    raise DataError(
        f"no images: '{name}' {what}; expected {known} or a folder of images{nearest(name, NAMES)}"
    )


def _choose(total: int, count: int | None, seed: int | None, *, name: str) -> np.ndarray:
    """Which of `total` images to take: (count,) indices."""
    count = total if count is None else count
    if count < 1:
        raise DataError(f"{count} real images were asked for; expected 1 to {total:,}")
    if count > total:
        more = "; try 'mnist', which has 60,000" if name.startswith("digits") else ""
        raise DataError(
            f"{count:,} real images were asked for, but {name} has {total:,}; "
            f"expected 1 to {total:,}{more}"
        )
    if seed is None:
        return np.arange(count)
    # Not torch.manual_seed: whoever asks for images keeps their own random numbers.
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(total, generator=generator)[:count].numpy()


def _shortened(reason: str, length: int = 160) -> str:
    return reason if len(reason) <= length else reason[: length - 1] + "…"
