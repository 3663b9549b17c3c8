"""Images from a folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ganscope.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def image_files(folder: Path) -> list[Path]:
    """Every image file below `folder`, sorted by path; what begins with a dot is skipped.

    Raises:
        DataError: There is none.
    """
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in inside)
        if not hidden and path.suffix.lower() in SUFFIXES and path.is_file():
            found.append((inside, path))
    if not found:
        suffixes = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise DataError(
            f"no images in the folder '{folder}'; expected files ending in {suffixes}; "
            "try another folder, or 'digits' for the built-in images"
        )
    return [path for _, path in sorted(found)]


def read_image(path: Path) -> Tensor:
    """One file as bytes: (1, H, W) if grey, (3, H, W) if coloured; transparency is dropped.

    Raises:
        DataError: The file is damaged or no image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            pixels = _bytes_of(ImageOps.exif_transpose(opened))
    except Exception as error:  # a damaged file raises nearly anything, depending on its format
        reason = " ".join(str(error).replace(str(path), path.name).split())
        raise DataError(
            f"'{path}' cannot be read as an image ({reason or type(error).__name__}); "
            "mend the file or take it out of the folder"
        ) from None
    return torch.from_numpy(pixels).permute(2, 0, 1)  # (H, W, C) → (C, H, W)


def _bytes_of(image: Image) -> np.ndarray:
    """(H, W, 1) for every grey mode, (H, W, 3) for every other."""
    if image.mode.startswith("I"):  # 16 bits a pixel: 65,535 / 257 = 255
        wide = np.asarray(image).astype(np.float64)
        return (wide / 257).round().clip(0, 255).astype(np.uint8)[..., None]
    if image.mode in ("1", "L", "LA", "La"):
        return np.array(image.convert("L"))[..., None]
    # A palette with transparent entries goes to colours without a warning only by way of RGBA.
    coloured = image.convert("RGBA") if image.mode == "P" else image
    return np.array(coloured.convert("RGB"))
