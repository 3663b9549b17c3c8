"""Colours of the diagrams: for light slides, for dark ones, and for paper without colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.uint8]
"""(256, 4), red, green, blue and opacity."""


@dataclass(frozen=True)
class Theme:
    """One look.

    Attributes:
        paper: The background.
        ink: Text that is read first.
        quiet: Text that is read second, at a contrast of 4.5 : 1 and above.
        line: Frames and rules, which carry no text.
        generator: All that belongs to a generator.
        discriminator: All that belongs to a discriminator.
        panel: Behind what belongs together.
        bad: NaN and infinite values.
        scale: Colours from the most negative value over zero to the most positive, evenly.
        shades: Colours from little to much, evenly.
        series: Curves, told apart by readers who do not see all colours.
    """

    paper: str
    ink: str
    quiet: str
    line: str
    generator: str
    discriminator: str
    panel: str
    bad: str
    scale: tuple[str, ...]
    shades: tuple[str, ...]
    series: tuple[str, ...]

    @cached_property
    def colours(self) -> Colours:
        """The scale in 256 steps."""
        return _between(self.scale)

    @cached_property
    def shade_colours(self) -> Colours:
        """The shades in 256 steps."""
        return _between(self.shades)

    def role(self, role: str) -> str:
        """The colour of a role; ink for what is neither generator nor discriminator."""
        roles = {"generator": self.generator, "discriminator": self.discriminator}
        return roles.get(role, self.ink)

    def paint(self, values: NDArray[Any], limit: float) -> Colours:
        """Values as colours.

        Args:
            values: Any shape; masked ones are left transparent.
            limit: The size of value that gets the strongest colour.

        Returns:
            Their shape and a last dimension of red, green, blue and opacity.
        """
        plain = np.ma.getdata(values).astype(np.float64)
        finite = np.isfinite(plain)
        share = np.where(finite, plain, 0) / (limit or 1.0)
        place = np.rint((np.clip(share, -1, 1) + 1) / 2 * 255).astype(np.intp)
        painted = self.colours[place]
        painted[~finite] = (*rgb(self.bad), 255)
        painted[np.ma.getmaskarray(values)] = 0
        return painted

    def shade(self, shares: NDArray[Any]) -> Colours:
        """Shares from 0 to 1 as shades; masked ones are left transparent."""
        place = np.rint(np.clip(np.ma.filled(shares, 0), 0, 1) * 255).astype(np.intp)
        painted: Colours = self.shade_colours[place]
        painted[np.ma.getmaskarray(shares)] = 0
        return painted


def _between(names: Sequence[str]) -> Colours:
    """Colours and what lies between them, in 256 steps."""
    anchors = np.array([rgb(name) for name in names])
    at = np.linspace(0, len(anchors) - 1, 256)
    mixed = [np.interp(at, np.arange(len(anchors)), channel) for channel in anchors.T]
    table = np.full((256, 4), 255, np.uint8)
    table[:, :3] = np.rint(np.stack(mixed, axis=1))
    return table


def rgb(name: str) -> tuple[int, int, int]:
    """``#rrggbb`` as three numbers from 0 to 255."""
    return int(name[1:3], 16), int(name[3:5], 16), int(name[5:7], 16)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21, as WCAG 2.1 defines it."""
    bright, dim = sorted((_luminance(rgb(one)), _luminance(rgb(other))), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: Sequence[int]) -> float:
    shares = [value / 255 for value in colour]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * s for weight, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


_NAMES = ("light", "dark", "print")
_COLOURS: dict[str, tuple[Any, Any, Any]] = {
    "paper": ("#ffffff", "#11151c", "#ffffff"),
    "ink": ("#18212f", "#f1f4f8", "#000000"),
    "quiet": ("#566273", "#a9b4c3", "#404040"),
    "line": ("#b9c2cd", "#465163", "#8c8c8c"),
    "generator": ("#00695c", "#5fd3bc", "#000000"),
    "discriminator": ("#a8400f", "#ffab73", "#000000"),
    "panel": ("#f3f5f8", "#1a202b", "#f4f4f4"),
    "bad": ("#c2185b", "#ff5c9d", "#000000"),
    "scale": (
        ("#0b3c7d", "#5f9fd8", "#f6f5f1", "#f2a65a", "#9c3606"),
        ("#a8d4ff", "#2f7fd0", "#1d2430", "#c9661b", "#ffd09b"),
        ("#ffffff", "#050505"),
    ),
    "shades": (
        ("#fbf3e6", "#f2a65a", "#9c3606"),
        ("#262b35", "#c9661b", "#ffd09b"),
        ("#f2f2f2", "#050505"),
    ),
    "series": (
        ("#0072b2", "#b35900", "#007a5a", "#a3397c", "#2b7fb0", "#c14a00"),
        ("#56b4e9", "#e69f00", "#2fc795", "#e08fc0", "#9ad1f5", "#ff9a5c"),
        ("#000000", "#5a5a5a"),
    ),
}
"""For each part its colours in the themes of `_NAMES`."""


def theme(name: str) -> Theme:
    """The theme of this name."""
    place = _NAMES.index(name)
    return Theme(**{part: colours[place] for part, colours in _COLOURS.items()})
