"""Where diagrams go: files, a folder of frames, an animation; all checked before any work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganscope.cli import output
from ganscope.errors import OutputError, UsageError, nearest

if TYPE_CHECKING:
    from ganscope.traces import Trace
    from ganscope.views.diagrams import DiagramOptions
    from ganscope.views.diagrams.picture import Picture

_MOST_FRAMES = 60
_ENDINGS = (".png", ".svg", ".pdf")


@dataclass(frozen=True, slots=True)
class Files:
    """Where to write.

    Attributes:
        pictures: Files for the whole diagram.
        frames: A folder or a PDF for the diagram as it grows.
        animation: A GIF for the same.
        kind: What is drawn.
        force: Whether files may be overwritten.
        quiet: Whether nothing is said of what was written.
    """

    pictures: tuple[Path, ...]
    frames: Path | None
    animation: Path | None
    kind: str
    force: bool
    quiet: bool = False


def check_files(files: Files) -> None:
    """Refuse what could not be written afterwards.

    Raises:
        UsageError: No file is given, or an ending is unknown.
        OutputError: A file exists and is not to be overwritten, or cannot be written.
    """
    if not files.pictures and files.frames is None and files.animation is None:
        raise UsageError(
            f"say where to draw: -o {files.kind}.png (or .svg, .pdf), --frames DIR or --animate "
            "FILE.gif"
        )
    for path in files.pictures:
        _check_ending(path)
        output.check_output(path, force=files.force)
    if len({path.resolve() for path in files.pictures}) < len(files.pictures):
        raise UsageError("-o names one file twice; leave one out")
    if files.frames is not None:
        _check_frames(files.frames, force=files.force)
    if files.animation is not None:
        if files.animation.suffix.lower() != ".gif":
            raise UsageError(f"--animate {files.animation}: an animation is a .gif file")
        output.check_output(files.animation, force=files.force)


def _check_ending(path: Path) -> None:
    if path.suffix.lower() not in _ENDINGS:
        ending = path.suffix or "no ending"
        hint = nearest(path.suffix.lower(), _ENDINGS)
        raise UsageError(f"-o {path}: {ending} is no picture; end it in .png, .svg or .pdf{hint}")


def _check_frames(path: Path, *, force: bool) -> None:
    if path.suffix.lower() == ".pdf":
        output.check_output(path, force=force)
        return
    if path.suffix and not path.is_dir():
        raise UsageError(f"--frames {path}: give a folder, or a file that ends in .pdf")
    if path.exists() and not path.is_dir():
        raise OutputError(f"--frames {path} is a file; name a folder or a .pdf")
    if path.is_dir():
        if not force and any(path.iterdir()):
            raise OutputError(f"--frames {path} is not empty; add -f, or name another folder")
        if not os.access(path, os.W_OK):
            raise OutputError(f"--frames {path} cannot be written: no permission")
    elif not path.parent.is_dir():
        raise OutputError(f"--frames {path}: there is no folder {path.parent}; make it first")
    elif not os.access(path.parent, os.W_OK):
        raise OutputError(f"--frames {path} cannot be made: no permission in its folder")


def write_all(trace: Trace, kind: str, options: DiagramOptions, files: Files) -> None:
    """Draw everything, then write it.

    Raises:
        UsageError: The trace does not hold what is asked for.
        OutputError: A file cannot be written.
    """
    from ganscope.views.diagrams import draw, frames, save

    drawn: list[tuple[Path, bytes]] = []
    if files.pictures:
        figure = draw(trace, kind, options)
        drawn += [
            (path, save.encoded(figure, path.suffix.lower().removeprefix(".")))
            for path in files.pictures
        ]
    pages: list[bytes] = []
    if files.frames is not None and files.frames.suffix.lower() == ".pdf":
        drawn.append((files.frames, save.as_pages(frames(trace, kind, options))))
    elif files.frames is not None:
        pages = list(save.as_pictures(frames(trace, kind, options)))
    if files.animation is not None:
        figures, quick = _moving(trace, kind, options)
        drawn.append((files.animation, save.as_animation(figures, quick=quick)))
    for path, data in drawn:
        output.write_bytes(path, data, quiet=files.quiet)
    if files.frames is not None and pages:
        _write_pages(files.frames, kind, pages, quiet=files.quiet)


def _moving(trace: Trace, kind: str, options: DiagramOptions) -> tuple[Iterator[Picture], bool]:
    """The frames of an animation, and whether they follow one another quickly."""
    from ganscope.traces.recorded import indices_of
    from ganscope.views.diagrams import frames
    from ganscope.views.diagrams.drawing import over_steps

    count = len(trace.steps)
    if kind != "flow" or count < 2 or options.step is not None:
        return frames(trace, kind, options), kind == "training"
    shown = min(count, _MOST_FRAMES)
    places = [round(place * (count - 1) / (shown - 1)) for place in range(shown)]
    numbers = indices_of(trace.steps)
    return over_steps(trace, options, [numbers[place] for place in places]), True


def _write_pages(folder: Path, kind: str, pages: list[bytes], *, quiet: bool) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"--frames {folder} cannot be made: {error.strerror}") from None
    digits = max(2, len(str(len(pages))))
    for number, data in enumerate(pages, 1):
        output.write_bytes(folder / f"{kind}-{number:0{digits}}.png", data, quiet=True)
    output.remark(f"Wrote {folder} ({len(pages)} pictures)", quiet=quiet)
