"""A figure that nothing outside changes, and how wide a text is on it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import matplotlib
from matplotlib.figure import Figure

_NOTEBOOK_DPI = 96


class Picture(Figure):
    """A figure that a notebook shows by itself, and that looks the same whatever the settings."""

    def savefig(self, fname: Any, **how: Any) -> None:
        """Write it; see matplotlib's ``Figure.savefig``."""
        with plain_matplotlib():
            super().savefig(fname, **how)

    def _repr_png_(self) -> bytes:
        drawn = io.BytesIO()
        self.savefig(drawn, format="png", dpi=_NOTEBOOK_DPI)
        return drawn.getvalue()


@contextmanager
def plain_matplotlib() -> Iterator[None]:
    """Matplotlib's own defaults, whatever a user's settings are; those are there again after."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # Text stays text, as wide in a picture as it was measured; and the same picture is the
        # same file.
        matplotlib.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "ganscope",
                "pdf.fonttype": 42,
                "text.hinting": "no_hinting",
            }
        )
        yield


@lru_cache(maxsize=4096)
def advance_of(text: str, families: tuple[str, ...], bold: bool) -> float:
    """Width of a text in points, at one point's size: fonts scale evenly but for hinting."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    large = 24.0
    font = FontProperties(family=list(families), size=large, weight="bold" if bold else "normal")
    renderer: Any = RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]
    width, _, _ = renderer.get_text_width_height_descent(text, font, False)
    return float(width) / large
