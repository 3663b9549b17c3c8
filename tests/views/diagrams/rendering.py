"""A figure as a reader sees it: its texts with their places, its pictures with their pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from numpy.typing import NDArray

from ganscope.views.diagrams.picture import plain_matplotlib
from ganscope.views.diagrams.theme import contrast

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""
_TOUCHING = 0.75
"""Pixels by which two texts may share their margins."""


@dataclass(frozen=True)
class Written:
    """A text on the figure."""

    text: str
    box: Box
    points: float
    colour: str


class Rendered:
    """A figure, drawn."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self._canvas = FigureCanvasAgg(figure)
        self.width, self.height = self._canvas.get_width_height()

    def _artists(self) -> list[Text]:
        found = [text for axes in self.figure.axes for text in axes.texts]
        for axes in self.figure.axes:
            if axes.axison:
                for axis in (axes.xaxis, axes.yaxis):
                    found += [tick.label1 for tick in axis._update_ticks()]
        return [one for one in found if one.get_visible() and one.get_text()]

    @cached_property
    def texts(self) -> list[Written]:
        renderer = self._canvas.get_renderer()
        with plain_matplotlib():
            return [
                Written(
                    one.get_text(), _box(one, renderer), one.get_size(), to_hex(one.get_color())
                )
                for one in self._artists()
            ]

    @property
    def words(self) -> list[str]:
        return [written.text for written in self.texts]

    @cached_property
    def pixels(self) -> NDArray[Any]:
        """(height, width, 3), the first row on top."""
        with plain_matplotlib():
            self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    @cached_property
    def ground(self) -> NDArray[Any]:
        """The same without its texts."""
        artists = self._artists()
        for artist in artists:
            artist.set_visible(False)
        with plain_matplotlib():
            self._canvas.draw()
        drawn = np.asarray(self._canvas.buffer_rgba())[..., :3].copy()
        for artist in artists:
            artist.set_visible(True)
        return drawn

    def image(self, name: str) -> tuple[Box, NDArray[Any]]:
        """Where the picture of this name stands, and its pixels there."""
        (image,) = [one for one in self.figure.findobj(AxesImage) if one.get_gid() == name]
        return self._place(image), self.pixels

    def images(self) -> dict[str, Box]:
        found = self.figure.findobj(AxesImage)
        return {str(one.get_gid()): self._place(one) for one in found}

    def _place(self, image: AxesImage) -> Box:
        left, right, bottom, top = image.get_extent()
        (x0, y0), (x1, y1) = image.axes.transData.transform([(left, bottom), (right, top)])
        return x0, y0, x1, y1

    def cells(self, name: str, rows: int, columns: int) -> NDArray[Any]:
        """The colour in the middle of each cell of a picture, (rows, columns, 3)."""
        (left, bottom, right, top), pixels = self.image(name)
        x = left + (np.arange(columns) + 0.5) * (right - left) / columns
        y = top - (np.arange(rows) + 0.5) * (top - bottom) / rows
        return pixels[np.floor(self.height - y).astype(int)][:, np.floor(x).astype(int)]

    # -- what must not be ------------------------------------------------------------------------

    def overlapping(self) -> Iterator[tuple[str, str]]:
        for one, other in combinations(self.texts, 2):
            if _overlap(one.box, other.box):
                yield one.text, other.text

    def outside(self) -> list[str]:
        return [
            one.text
            for one in self.texts
            if one.box[0] < 0 or one.box[1] < 0 or one.box[2] > self.width
            or one.box[3] > self.height
        ]  # fmt: skip

    def on_pictures(self) -> Iterator[tuple[str, str]]:
        for written in self.texts:
            for name, box in self.images().items():
                if _overlap(written.box, box):
                    yield written.text, name

    def faint(self) -> Iterator[tuple[str, float]]:
        """Texts whose contrast with what is behind them is below 4.5 : 1."""
        for written in self.texts:
            left, bottom, right, top = (round(side) for side in written.box)
            patch = self.ground[self.height - top : self.height - bottom, left:right]
            common = Counter(map(tuple, patch.reshape(-1, 3).tolist())).most_common(1)[0][0]
            ratio = contrast(written.colour, "#{:02x}{:02x}{:02x}".format(*common))
            if ratio < 4.5:
                yield written.text, ratio

    def faults(self, least: float = 7.0) -> list[object]:
        """Everything that a lecturer must not find."""
        small = [one.text for one in self.texts if one.points < least]
        return [
            *self.overlapping(), *self.outside(), *self.on_pictures(), *self.faint(), *small,
        ]  # fmt: skip


def _box(text: Text, renderer: Any) -> Box:
    extent = text.get_window_extent(renderer)
    return extent.x0, extent.y0, extent.x1, extent.y1


def _overlap(one: Box, other: Box) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    along = min(one[3], other[3]) - max(one[1], other[1])
    return across > _TOUCHING and along > _descent(one, other)


def _descent(one: Box, other: Box) -> float:
    """Boxes of neighbouring lines hold room for descenders that need not be there."""
    return 0.18 * min(one[3] - one[1], other[3] - other[1])
