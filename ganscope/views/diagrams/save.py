"""Pictures as files: pictures, pages that grow, an animation."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ganscope.views.diagrams.picture import Picture, plain_matplotlib

if TYPE_CHECKING:
    from PIL import Image
ENDINGS = ("png", "svg", "pdf")
_FRAME_DPI = 72
"""An animation's: 960 × 540 pixels of a slide."""
_MILLISECONDS = 1200
_LAST_MILLISECONDS = 3600
_QUICK_MILLISECONDS = 250


def encoded(figure: Picture, ending: str) -> bytes:
    """A figure as the content of a file.

    Args:
        figure: The figure.
        ending: ``png``, ``svg`` (text stays text) or ``pdf``.
    """
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
    sink = io.BytesIO()
    figure.savefig(sink, format=ending, metadata=dates)
    return sink.getvalue()


def as_pages(figures: Iterable[Picture]) -> bytes:
    """Pictures as the pages of one PDF."""
    from matplotlib.backends.backend_pdf import PdfPages

    sink = io.BytesIO()
    with plain_matplotlib(), PdfPages(sink, metadata={"CreationDate": None}) as pages:
        for figure in figures:
            pages.savefig(figure)
    return sink.getvalue()


def as_pictures(figures: Iterable[Picture]) -> Iterator[bytes]:
    """Pictures as PNG files."""
    for figure in figures:
        yield encoded(figure, "png")


def as_animation(figures: Iterable[Picture], *, quick: bool = False) -> bytes:
    """Pictures as a GIF that repeats.

    Args:
        figures: The frames.
        quick: Whether they follow one another as in a film; else each can be read.
    """
    from PIL import Image

    images = [_pixels(figure) for figure in figures]
    each = _QUICK_MILLISECONDS if quick else _MILLISECONDS
    times = [*[each] * (len(images) - 1), _LAST_MILLISECONDS]
    # One palette for all frames, taken from the fullest one: colours do not flicker.
    palette = images[-1].quantize(colors=255, method=Image.Quantize.MEDIANCUT)
    fitted = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    sink = io.BytesIO()
    fitted[0].save(
        sink, format="gif", save_all=True, append_images=fitted[1:], duration=times, loop=0,
        optimize=False,
    )  # fmt: skip
    return sink.getvalue()


def _pixels(figure: Picture) -> Image.Image:
    from PIL import Image

    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=_FRAME_DPI)
    return Image.open(sink).convert("RGB")
