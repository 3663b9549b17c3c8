"""What a diagram is asked to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ganscope.errors import UsageError, nearest

THEMES = ("light", "dark", "print")
LANGUAGES = ("en", "zh")
SIZES = {"slide": (40 / 3, 7.5), "page": (11.69, 8.27), "square": (10.0, 10.0)}
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


def looking(look: Mapping[str, Any]) -> DiagramOptions:
    """Options out of their names and values.

    Raises:
        UsageError: There is no option of a name.
    """
    known = [each.name for each in fields(DiagramOptions)]
    for name in look:
        require("option", name, known)
    return DiagramOptions(**look)


def check(options: DiagramOptions) -> None:
    """Refuse what there is not.

    Raises:
        UsageError: A theme, language or size is unknown, or the sample is below 0.
    """
    require("theme", options.theme, THEMES)
    require("language", options.language, LANGUAGES)
    require("size", options.size, SIZES)
    if options.sample < 0:
        raise UsageError(f"there is no sample {options.sample}: samples are counted from 0")


def require(what: str, given: str, known: Iterable[str]) -> None:
    """Refuse a value that is not among those known.

    Raises:
        UsageError: It names them and the nearest.
    """
    names = tuple(known)
    if given not in names:
        *first, last = names
        there = f"{', '.join(first)} and {last}"
        raise UsageError(f"there is no {what} '{given}'; there are {there}{nearest(given, names)}")
