"""NaN and infinite values in a block: hatched, so that colour is not all that tells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganscope.views.diagrams.canvas import Box, Canvas
from ganscope.views.diagrams.values import Values

_MOST = 60
_HATCH = "////"


def holds_nonfinite(values: Values | None) -> bool:
    """Whether any of them is NaN or infinite."""
    return values is not None and not np.isfinite(np.ma.filled(values, 0)).all()


def draw_nonfinite(canvas: Canvas, cells: Values, box: Box, *, order: float = 3.0) -> None:
    """Hatch the cells that are no numbers.

    Args:
        canvas: Where to.
        cells: (rows, columns), the first row on top; masked ones are left out.
        box: Left, bottom, width and height of all of them, in inches.
        order: What has more stands before it.
    """
    bad = ~np.isfinite(np.ma.filled(cells, 0))
    if not bad.any():
        return
    left, bottom, width, height = box
    rows, columns = bad.shape
    for top, first, low, last in _patches(bad):
        patch = (
            left + width * first / columns,
            bottom + height * (1 - low / rows),
            width * (last - first) / columns,
            height * (low - top) / rows,
        )
        canvas.box(patch, edge=canvas.theme.paper, line=0.0, hatch=_HATCH, order=order + 0.005)


def _patches(bad: NDArray[Any]) -> Iterator[tuple[int, int, int, int]]:
    """Rectangles (first row, first column, row and column behind the last) that cover them."""
    open_runs: dict[tuple[int, int], int] = {}
    found: list[tuple[int, int, int, int]] = []
    for row in range(len(bad) + 1):
        runs = set(_runs(bad[row])) if row < len(bad) else set()
        for run in [run for run in open_runs if run not in runs]:
            found.append((open_runs.pop(run), run[0], row, run[1]))
        for run in runs:
            open_runs.setdefault(run, row)
    found.sort(key=lambda patch: (patch[2] - patch[0]) * (patch[3] - patch[1]), reverse=True)
    yield from found[:_MOST]


def _runs(row: NDArray[Any]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
