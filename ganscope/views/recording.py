"""What is in a recording, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ganscope.views import style
from ganscope.views.cells import wrap
from ganscope.views.metrics.overview import NEXT, Recording, overview
from ganscope.views.page import NARROWEST, Page
from ganscope.views.summary import Line

_LABELS = 12


class RecordingView:
    """What is in a file, for rich to print.

    Args:
        recording: The file.
        width: Width in cells; None takes the console's.
    """

    def __init__(self, recording: Recording, width: int | None = None) -> None:
        self.recording = recording
        self.width = width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(NARROWEST, self.width or options.max_width)
        page = Page(width, ascii_only=not style.can_encode_glyphs(console.encoding))
        first, *rest = overview(self.recording)
        yield from page.packed([first.label, *first.text.split(" · ")], "heading")
        yield Text("")
        yield from _lines(rest, page)


def _lines(lines: Sequence[Line], page: Page) -> Iterator[Text]:
    """Labelled lines, their texts one below another; commands are not broken."""
    last = ""
    for line in lines:
        label = "" if line.label == last else line.label
        last = line.label
        for number, text in enumerate(_broken(line, page)):
            whole = page.text("")
            whole.append(f"{label if number == 0 else '':<{_LABELS}}", style.PALETTE["quiet"])
            whole.append(text, style.PALETTE.get(line.style, ""))
            whole.rstrip()
            yield whole


def _broken(line: Line, page: Page) -> list[str]:
    text, room = page.plain(line.text), page.width - _LABELS
    if cell_len(text) <= room:
        return [text]
    return _continued(text, room) if line.label == NEXT else wrap(text, room)


def _continued(command: str, room: int) -> list[str]:
    """A command broken before its flags, so that a shell still reads it as one.

    A file's name is never broken: a line may be as long as it.
    """
    first, *flags = command.split(" --")
    lines = [first]
    for flag in flags:
        joined = f"{lines[-1]} --{flag}"
        if len(joined) + 2 <= room:
            lines[-1] = joined
        else:
            lines.append(f"  --{flag}")
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
