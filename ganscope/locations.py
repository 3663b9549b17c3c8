"""Whose code a file holds, read from its path: ours, Python's, an installed package's.

A folder holds what lies below it, not what only begins like it: ``site-packages/torchgan`` is not
torch's, a clone of ours holds the user's ``.venv`` too, and a user's folder may be named like any
of these.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = str(Path(__file__).parent)
_STANDARD_LIBRARY = str(Path(os.__file__).parent)
_INSTALLED = ("site-packages", "dist-packages")


def is_inside(file: str, folder: str) -> bool:
    """Whether `file` lies in `folder` or below it; both are paths of the same form."""
    return file.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def room_of(file: str) -> str | None:
    """The room of ganscope that `file` belongs to, as ``probe`` or ``api.py``; None for others'."""
    if not is_inside(file, _PACKAGE):
        return None
    return file[len(_PACKAGE) + 1 :].partition(os.sep)[0]


def is_library(file: str) -> bool:
    """Whether `file` is Python's, ours or installed, or no file at all, as ``<string>``."""
    return (
        file.startswith("<")
        or any(part in _INSTALLED for part in Path(file).parts)
        or is_inside(file, _STANDARD_LIBRARY)
        or room_of(file) is not None
    )
