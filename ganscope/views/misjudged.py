"""The images that a discriminator misjudged most: as a picture, and in a terminal.

Pixels come as plain numbers in [-1, 1], row by row; nothing of torch is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.text import Text

Pixels = NDArray[Any]
"""(n, C, H, W), values in [-1, 1]."""

_CELL = 1.3
"""Inches that one image takes."""
_TITLE = 0.4
"""Inches that the title takes."""
_GAP = 2


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Images of one kind with the discriminator's answers to them, the worst first."""

    title: str
    pixels: Pixels
    verdicts: Sequence[float]


def figure(rows: Sequence[Row], title: str) -> Figure:
    """The rows as a grid, each image with its answer under it."""
    from matplotlib.figure import Figure

    columns = max(len(row.pixels) for row in rows)
    band_height = _CELL + 0.55
    height = _TITLE + band_height * len(rows)
    picture = Figure(figsize=(_CELL * columns + 0.3, height), dpi=150)
    heights = [_TITLE, *[band_height] * len(rows)]
    (head,), *bands = picture.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)
    head.suptitle(title, fontsize=12, weight="bold", x=0.02, ha="left", y=0.7)
    for (band,), row in zip(bands, rows, strict=True):
        band.suptitle(row.title, fontsize=10, x=0.02, ha="left", y=0.97)
        grid = band.subplots(1, columns, squeeze=False)[0]
        band.subplots_adjust(left=0.02, right=0.98, top=0.78, bottom=0.16, wspace=0.12)
        for place, axes in enumerate(grid):
            axes.set_axis_off()
            if place < len(row.pixels):
                axes.imshow(_shown(row.pixels[place]), cmap="gray", vmin=0, vmax=1)
                answer = f"{row.verdicts[place]:.3f}"
                axes.text(0.5, -0.06, answer, ha="center", va="top", fontsize=9,
                          transform=axes.transAxes)  # fmt: skip
    return picture


def text(rows: Sequence[Row], width: int) -> Text:
    """The rows drawn with half blocks, as many images as `width` cells take."""
    from rich.text import Text

    lines = Text()
    for row in rows:
        _, _, height, side = row.pixels.shape
        fitting = max(1, (width + _GAP) // (side + _GAP))
        chosen = [_shown(pixels) for pixels in row.pixels[:fitting]]
        lines.append(row.title + "\n", style="bold")
        for top in range(0, height, 2):
            for image in chosen:
                _append_half_blocks(lines, image, top)
                lines.append(" " * _GAP)
            lines.append("\n")
        answers = [f"{verdict:.3f}".center(side) for verdict in row.verdicts[: len(chosen)]]
        lines.append((" " * _GAP).join(answers) + "\n")
    return lines


def _append_half_blocks(lines: Text, image: Pixels, top: int) -> None:
    """Two rows of pixels as one row of cells."""
    lower = image[top + 1] if top + 1 < len(image) else image[top]
    for above, below in zip(_colours(image[top]), _colours(lower), strict=True):
        lines.append("▀", style=f"{above} on {below}")


def _colours(line: Pixels) -> list[str]:
    levels = np.rint(line * 255).astype(int)
    if levels.ndim == 1:
        return [f"#{level:02x}{level:02x}{level:02x}" for level in levels.tolist()]
    return ["#" + "".join(f"{level:02x}" for level in pixel) for pixel in levels.tolist()]


def _shown(pixels: Pixels) -> Pixels:
    """(C, H, W) in [-1, 1] → (H, W) or (H, W, 3) in [0, 1]."""
    scaled: Pixels = np.clip((pixels.astype(np.float64) + 1) / 2, 0, 1)
    return scaled[0] if len(scaled) != 3 else scaled.transpose(1, 2, 0)
