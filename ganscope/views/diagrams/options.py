"""What a diagram is asked to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ganscope.errors import UsageError, nearest

THEMES = ("light", "dark", "print")
LANGUAGES = ("en", "zh")
SIZES = {"slide": (13.333, 7.5), "page": (11.69, 8.27), "square": (10.0, 10.0)}
"""Width and height in inches: a 16 : 9 slide, A4 on its side, a square."""


@dataclass(frozen=True, slots=True)
class DiagramOptions:
    """What a diagram shows and how it looks.

    Attributes:
        sample: Which of the kept samples' values are drawn, from 0.
        step: Index of the training step; None takes the last one.
        network: The network that `flow` and `stats` show; None takes the generator, else the
            first one.
        theme: ``light``, ``dark``, or ``print``, which is readable in grey.
        language: ``en`` or ``zh``.
        size: ``slide``, ``page`` or ``square``.
        transparent: Whether the background is left out.
        title: Stands above; None for the diagram's own.
    """

    sample: int = 0
    step: int | None = None
    network: str | None = None
    theme: str = "light"
    language: str = "en"
    size: str = "slide"
    transparent: bool = False
    title: str | None = None


def check(options: DiagramOptions) -> None:
    """Refuse what there is not.

    Raises:
        UsageError: A theme, language or size is unknown, or the sample is below 0.
    """
    require("--theme", options.theme, THEMES)
    require("--lang", options.language, LANGUAGES)
    require("--size", options.size, SIZES)
    if options.sample < 0:
        raise UsageError(f"--sample {options.sample}: samples are counted from 0")


def require(flag: str, given: str, known: Iterable[str]) -> None:
    """Refuse a value that is not among those known.

    Raises:
        UsageError: It names them and the nearest.
    """
    names = tuple(known)
    if given not in names:
        *first, last = names
        there = f"{', '.join(first)} and {last}"
        raise UsageError(f"{flag} {given} is not known; there are {there}{nearest(given, names)}")
