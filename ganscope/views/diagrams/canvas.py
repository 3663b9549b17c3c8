"""A figure to draw on in inches, from the lower left; no state outside it is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganscope.views.diagrams import fonts
from ganscope.views.diagrams.picture import Picture, advance_of
from ganscope.views.diagrams.theme import Colours, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 144
"""Of a slide: 1920 × 1080 pixels."""
SMALLEST = 8.0
"""Points below which no text is set."""
POINTS = 72.0
"""In an inch."""

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, width and height, in inches."""
Dashes = str | tuple[float, tuple[float, ...]]
"""How a line is broken, as matplotlib takes it."""


class Canvas:
    """What a diagram is drawn on.

    Args:
        picture: The figure.
        theme: Its colours.
        families: Fonts, in the order in which a sign is looked up.
        transparent: Whether the background is left out.
    """

    def __init__(
        self,
        picture: Picture,
        theme: Theme,
        families: tuple[str, ...],
        *,
        transparent: bool = False,
    ) -> None:
        self.picture, self.theme, self.families = picture, theme, families
        self.width, self.height = map(float, picture.get_size_inches())
        self._transparent = transparent
        self.clear()

    def clear(self) -> None:
        """Take away what stands on it."""
        self.picture.clear()
        self.picture.patch.set_facecolor("none" if self._transparent else self.theme.paper)
        self._axes = self.axes((0, 0, self.width, self.height))
        self._axes.set_axis_off()
        self._axes.set(xlim=(0, self.width), ylim=(0, self.height), autoscale_on=False)

    def axes(self, box: Box) -> Axes:
        """Axes for a chart.

        Args:
            box: Left, bottom, width and height, in inches.
        """
        left, bottom, width, height = box
        place = (
            left / self.width, bottom / self.height, width / self.width, height / self.height,
        )  # fmt: skip
        return self.picture.add_axes(place, facecolor="none")

    # -- text ------------------------------------------------------------------------------------

    def text(
        self, at: Point, text: str, size: float, *, colour: str = "", bold: bool = False,
        across: str = "center",
    ) -> None:  # fmt: skip
        """Write one line.

        Args:
            at: Where.
            text: What; signs that no font holds are spelled.
            size: In points.
            colour: The theme's ink where empty.
            bold: Whether it is bold.
            across: ``left``, ``center`` or ``right``: which part of its baseline is at `at`;
                or ``middle``, the middle of its height as of its width.
        """
        families = fonts.fitting(text, self.families)
        self._axes.text(
            *at, fonts.shown(text, families), size=size, color=colour or self.theme.ink,
            weight="bold" if bold else "normal", ha="center" if across == "middle" else across,
            va="center_baseline" if across == "middle" else "baseline",
            family=list(families), parse_math=False, zorder=5,
        )  # fmt: skip

    def fitted(self, text: str, width: float, size: float, *, bold: bool = False) -> float:
        """The size at which a text is at most `width` inches wide, down to the smallest."""
        wide = self.width_of(text, size, bold=bold)
        return size if wide <= width else max(SMALLEST, size * width / wide * 0.99)

    def cut(self, text: str, width: float, size: float, *, bold: bool = False) -> str:
        """As much of a text as is at most `width` inches wide, and ``…`` for the rest."""
        if self.width_of(text, size, bold=bold) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.width_of(text[:middle] + "…", size, bold=bold) <= width
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low] + "…"

    def cut_start(self, name: str, width: float, size: float) -> str:
        """A name in a network without its beginning where it is too long: its end tells more."""
        if self.width_of(name, size) <= width:
            return name
        parts = [at + 1 for at, sign in enumerate(name) if sign == "."]
        for at in (*parts, *range(parts[-1] if parts else 0, len(name))):
            if self.width_of("…" + name[at:], size) <= width:
                return "…" + name[at:]
        return "…"

    def width_of(self, text: str, size: float, *, bold: bool = False) -> float:
        """Inches that a text takes."""
        families = fonts.fitting(text, self.families)
        return advance_of(fonts.shown(text, families), families, bold) * size / POINTS

    # -- shapes ----------------------------------------------------------------------------------

    def box(
        self, box: Box, *, edge: str = "", fill: str = "none", line: float = 0.8,
        rounded: float = 0.0, order: float = 2.0, hatch: str = "",
    ) -> None:  # fmt: skip
        """A rectangle, its corners rounded by so many inches; `line` is in points."""
        from matplotlib.patches import FancyBboxPatch, Rectangle

        left, bottom, width, height = box
        looks: dict[str, Any] = {
            "facecolor": fill, "edgecolor": edge or "none", "linewidth": line, "zorder": order,
            "hatch": hatch or None,
        }  # fmt: skip
        if rounded:
            style = f"round,pad=0,rounding_size={rounded}"
            self._axes.add_patch(
                FancyBboxPatch((left, bottom), width, height, boxstyle=style, **looks)
            )
        else:
            self._axes.add_patch(Rectangle((left, bottom), width, height, **looks))

    def frame(self, box: Box, edge: str, *, line: float = 1.2, order: float = 4.0) -> None:
        """A line around what fills a rectangle, covering nothing of it."""
        left, bottom, width, height = box
        rim = line / POINTS / 2 + 0.5 / DPI  # and half a pixel, which snapping may take
        around = (left - rim, bottom - rim, width + 2 * rim, height + 2 * rim)
        self.box(around, edge=edge, line=line, order=order)

    def arrow(
        self, start: Point, end: Point, colour: str, *, line: float = 1.4, dashes: Dashes = "-",
        curve: float = 0.0, head: float = 7.0,
    ) -> None:  # fmt: skip
        """An arrow; a `curve` above 0 bends it to its left."""
        from matplotlib.patches import FancyArrowPatch

        bend = f"arc3,rad={curve}" if curve else "arc3"
        shape = f"-|>,head_length={head / 12},head_width={head / 24}"
        looks: dict[str, Any] = {
            "arrowstyle": shape, "mutation_scale": 12, "color": colour, "linewidth": line,
            "linestyle": dashes, "connectionstyle": bend, "shrinkA": 0, "shrinkB": 0, "zorder": 3,
        }  # fmt: skip
        self._axes.add_patch(FancyArrowPatch(start, end, **looks))

    def line(
        self, points: Sequence[Point], colour: str, *, line: float = 1.0, dashes: Dashes = "-",
        order: float = 3.0,
    ) -> None:  # fmt: skip
        """Straight lines from point to point."""
        from matplotlib.lines import Line2D

        across, along = zip(*points, strict=True)
        looks: dict[str, Any] = {"linestyle": dashes, "linewidth": line, "zorder": order}
        self._axes.add_line(Line2D(across, along, color=colour, **looks))

    def disc(self, at: Point, radius: float, *, fill: str, edge: str = "") -> None:
        """A filled circle."""
        from matplotlib.patches import Circle

        self._axes.add_patch(Circle(at, radius, facecolor=fill, edgecolor=edge or "none", zorder=4))

    def polygon(
        self, points: Sequence[Point], fill: str, *, edge: str = "none", shade: float = 1.0
    ) -> None:
        """A filled shape; `shade` below 1 lets what is behind shine through."""
        from matplotlib.colors import to_rgba
        from matplotlib.patches import Polygon

        looks: dict[str, Any] = {"facecolor": to_rgba(fill, shade), "edgecolor": edge}
        self._axes.add_patch(Polygon(points, closed=True, linewidth=0.8, zorder=2.5, **looks))

    def pixels(
        self, colours: Colours, box: Box, *, order: float = 3.0,
        name: str = "",
    ) -> None:  # fmt: skip
        """Colours as cells, the first row on top.

        Args:
            colours: (rows, columns, 4), 0 to 255.
            box: Left, bottom, width and height, in inches.
            order: What has more stands before it.
            name: By which it can be found on the figure.
        """
        from matplotlib.image import AxesImage

        left, bottom, width, height = box
        extent = (left, left + width, bottom, bottom + height)
        image = AxesImage(
            self._axes, interpolation="nearest", extent=extent, origin="upper", zorder=order
        )
        image.set_data(colours)
        image.set_gid(name or None)
        self._axes.add_image(image)
        image.set_clip_path(self._axes.patch)
