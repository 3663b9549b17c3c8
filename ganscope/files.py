"""Files that a reader finds whole, or as they were before."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, pieces: Iterable[bytes], *, durable: bool = False) -> None:
    """Write `path` under another name beside it, then give it its own.

    Where making or writing the pieces fails, what was there before stays.

    Args:
        path: The file; through a link, so that the link stays one.
        pieces: Its content.
        durable: Whether to return only when it would outlast a power cut.

    Raises:
        OSError: It cannot be written (no permission, a full disk).
    """
    real = path.resolve()
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).chmod(_mode_for(real))
        Path(temporary).replace(real)
    finally:
        if temporary is not None:  # there only where something came in between
            Path(temporary).unlink(missing_ok=True)
    if durable:
        _sync_folder(real.parent)


def remove_leftovers(folder: Path, name: str) -> None:
    """Remove what a process that was killed while it wrote `name` has left in `folder`."""
    for left in folder.glob(f".{name}.*"):
        left.unlink(missing_ok=True)


def _mode_for(path: Path) -> int:
    """The permissions of the file that is there, or those a new one would get."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _sync_folder(folder: Path) -> None:
    """A file's new name lasts when its folder is on the disk."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
