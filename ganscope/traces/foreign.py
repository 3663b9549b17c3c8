"""What a file that is no recording seems to be, in words."""

from __future__ import annotations

from pathlib import Path

JSON = "JSON"

_SIGNATURES = (
    (b"SQLite format 3\x00", "an SQLite database of another kind"),
    (b"PK\x03\x04", "a zip archive, such as weights saved by torch.save"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x93NUMPY", "a numpy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x7fELF", "a program"),
)


def describe(path: Path) -> str:
    """What `path` seems to be, by its first bytes: ``a PNG image``, ``empty``, ``text``."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return "unreadable"
    for signature, words in _SIGNATURES:
        if start.startswith(signature):
            return words
    if not start:
        return "empty"
    if start.lstrip()[:1] in (b"{", b"["):
        return JSON
    return "text" if _is_text(start) else "of an unknown kind"


def _is_text(start: bytes) -> bool:
    # The last sign may be cut in two.
    text = start.decode("utf-8", "ignore")
    return len(text.encode()) > len(start) - 4 and all(
        sign.isprintable() or sign.isspace() for sign in text
    )
