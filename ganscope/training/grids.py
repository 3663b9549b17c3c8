"""Grids of samples: what a generator makes, as one picture."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from ganscope.files import write_whole

SAMPLES = "samples"
"""The folder of a run's grids."""
GRID = 25
"""Images of a sample grid."""
GRID_COLUMNS = 5


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside the block; the mode is put back after it."""
    was = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was)


def write_grid(path: Path, images: Tensor, columns: int = GRID_COLUMNS) -> None:
    """Write images as one picture, their lowest value black and their highest white.

    Args:
        path: A PNG file; its folder is made if there is none.
        images: (n, C, H, W).
        columns: Images in a row.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(exist_ok=True)
    write_whole(path, (grid_bytes(images, columns),))


def grid_bytes(images: Tensor, columns: int = GRID_COLUMNS) -> bytes:
    """As `write_grid`, as the content of a PNG file."""
    from torchvision.utils import save_image

    drawn = io.BytesIO()
    save_image(images, drawn, nrow=columns, normalize=True, format="png")
    return drawn.getvalue()
