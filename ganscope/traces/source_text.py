"""The text of the code that was recorded, as it ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceText:
    """A function, or a file's code outside all functions, in which something was called.

    Attributes:
        file: The file's path as Python knows it; `CallSite.file` has the same.
        line: The line at which the text begins, from 1.
        text: The lines, each with its end; cut where they are many.
    """

    file: str
    line: int
    text: str
