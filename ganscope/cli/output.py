"""Where a result goes: the screen, or a file that is written whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ganscope.errors import OutputError, UsageError, nearest
from ganscope.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from ganscope.traces import Trace
    from ganscope.views import ViewOptions

_BY_ENDING = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".txt": "table",
    "": "table",
}
PICTURES = (".png", ".svg", ".pdf")
"""Endings of pictures."""
FILE_WIDTH = 180
"""A file has no edge: every column fits into this."""


def remark(text: str, *, quiet: bool = False) -> None:
    """Say something beside the result, on standard error."""
    if not quiet:
        typer.echo(text, err=True)


def read_output(path: Path | None) -> Path | None:
    """The file to write to; None, and the usual ``-``, mean the screen."""
    return None if path is None or str(path) == "-" else path


def is_picture(path: Path | None, name: str | None) -> bool:
    """Whether a picture is to be written.

    Args:
        path: The file, if any.
        name: The format that is asked for, if any.

    Raises:
        UsageError: A picture in a format of text.
    """
    if path is None or path.suffix.lower() not in PICTURES:
        return False
    if name is not None:
        raise UsageError(f"-o {path} is a picture, --format {name} is not: leave one out")
    return True


def choose_format(name: str | None, output: Path | None, *, draws: bool = False) -> str:
    """The view's name, taken from the file's ending where none is given.

    Args:
        name: The format that is asked for, if any.
        output: The file, if any.
        draws: Whether pictures could be written too.

    Raises:
        UsageError: There is no such format, or the ending says nothing or something else.
    """
    from ganscope.views import names

    ending = output.suffix.lower() if output is not None else ""
    if ending in PICTURES:
        said = f"--format {name}" if name else "what is asked for"
        raise UsageError(
            f"-o {output} is a picture, {said} is not; pictures are drawn by 'ganscope step -o' "
            "and by 'ganscope show --plot FIGURE -o'"
        )
    if name is None:
        if ending not in _BY_ENDING:
            pictures = f"; or draw a picture: {', '.join(PICTURES)}" if draws else ""
            raise UsageError(
                f"-o {output}: the ending {ending} names no format; say which with --format: "
                f"{', '.join(names())}{pictures}"
            )
        return _BY_ENDING[ending]
    if name not in names():
        raise UsageError(
            f"--format {name} is not known; there are {', '.join(names())}{nearest(name, names())}"
        )
    return name


def check_output(path: Path | None, *, force: bool, flag: str = "-o") -> None:
    """Refuse, before any work is done, a file that could not be written afterwards.

    Raises:
        OutputError: It exists and `force` is not given, it is a folder, or its folder is not
            there or not writable.
    """
    if path is None:
        return
    if path.is_dir():
        raise OutputError(
            f"{flag} {path} is a folder; name a file in it, such as {path / 'trace.json'}"
        )
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"{flag} {path}: there is no folder {folder}; make it first")
    special = path.exists() and not path.is_file()  # a pipe or a device: nothing is lost
    if path.exists() and not force and not special:
        raise OutputError(f"{flag} {path} exists already; add -f to overwrite it, or name another")
    writable = os.access(path if special else folder, os.W_OK)
    if not writable or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputError(f"{flag} {path} cannot be written: no permission; name another place")


def per_rank(path: Path) -> Path:
    """Under torchrun every process writes a file of its own: ``run-rank1.gscope``."""
    rank, size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    if not (rank.isdecimal() and size.isdecimal()) or int(size) < 2:
        return path
    return path.with_name(f"{path.stem}-rank{int(rank)}{path.suffix}")


def write_text(path: Path, text: str, *, quiet: bool = False) -> None:
    """Write `text` to `path`, so that a reader finds all of it or what was there before.

    Raises:
        OutputError: It cannot be written (no permission, a full disk).
    """
    write_bytes(path, text.encode("utf-8"), quiet=quiet)


def write_figure(path: Path, figure: Figure, *, quiet: bool = False) -> None:
    """Write a picture in the format of the file's ending, whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    import io

    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix.lower().removeprefix("."))
    write_bytes(path, drawn.getvalue(), quiet=quiet)


def write_bytes(path: Path, data: bytes, *, quiet: bool = False) -> None:
    """Write `data` to `path`, so that a reader finds all of it or what was there before.

    Args:
        path: The file.
        data: Its content.
        quiet: Whether nothing is said: so it is asked, or it is one of several that are told of
            together.

    Raises:
        OutputError: It cannot be written (no permission, a full disk).
    """
    write_pieces(path, (data,), quiet=quiet)


def write_pieces(path: Path, pieces: Iterable[bytes], *, quiet: bool = False) -> None:
    """Write what is made piece by piece; where making it fails, nothing is written.

    Args:
        path: The file.
        pieces: Its content.
        quiet: Whether nothing is said.

    Raises:
        OutputError: It cannot be written (no permission, a full disk).
    """
    try:
        if path.exists() and not path.is_file():  # a pipe or a device takes no replacing
            with path.open("wb") as file:
                file.writelines(pieces)
        else:
            write_whole(path, pieces)
    except OSError as error:
        raise OutputError(f"-o {path} cannot be written: {error.strerror}") from None
    remark(f"Wrote {path}", quiet=quiet)


def show(
    trace: Trace, name: str, options: ViewOptions, output: Path | None, *, quiet: bool = False
) -> None:
    """Render `trace` and put it where it belongs; `quiet`: without a word of that."""
    from dataclasses import replace

    from ganscope import views

    if output is not None:
        options = replace(options, width=options.width or FILE_WIDTH)
        text = views.to_text(trace, options, name=name)
        write_text(output, text if text.endswith("\n") else text + "\n", quiet=quiet)
        return
    shown = views.render(trace, name, options)
    if isinstance(shown, str):
        write_to_screen(shown, name)
        return
    print_rich(shown, options.width or screen_width())


def print_rich(shown: RenderableType, width: int | None) -> None:
    """Print on standard output, as wide as the terminal where `width` is None."""
    from rich.console import Console

    Console(width=width, highlight=False).print(shown, soft_wrap=True)


def screen_width() -> int | None:
    """None where the terminal knows its own width, else that of a file."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else FILE_WIDTH


def write_to_screen(text: str, name: str) -> None:
    """Write the finished `text` of the view `name` to standard output, ended by a newline.

    Where its encoding lacks a sign, the text's own format spells it.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = _spelled(text, name, encoding)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def _spelled(text: str, name: str, encoding: str) -> str:
    from ganscope.views import style

    if name == "json":
        import json

        return json.dumps(json.loads(text), indent=2)
    if name == "html":
        return text.encode(encoding, "xmlcharrefreplace").decode(encoding)
    return style.to_ascii(text)
