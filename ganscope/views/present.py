"""How a trace shows itself when it is printed or stands at the end of a notebook cell."""

from __future__ import annotations

import io
import shutil
import sys

from ganscope.traces import Trace
from ganscope.views import style
from ganscope.views.options import ViewOptions
from ganscope.views.registry import render

_WIDTH_WITHOUT_TERMINAL = 120


class TablePresenter:
    """Satisfies `ganscope.traces.trace.Presenter` with the table."""

    def text(self, trace: Trace) -> str:
        """The table as plain text, as wide as the terminal, or 120 where there is none."""
        return to_text(trace, ViewOptions(), encoding=getattr(sys.stdout, "encoding", None))

    def html(self, trace: Trace) -> str:
        """The table as an HTML fragment."""
        return str(render(trace, "html", ViewOptions()))


def to_text(
    trace: Trace,
    options: ViewOptions,
    *,
    name: str = "table",
    encoding: str | None = None,
) -> str:
    """A view as plain text without colours, for strings and for files.

    Args:
        trace: What to show.
        options: A width of None takes the terminal's, or 120 where there is none.
        name: The view.
        encoding: Where the text will end up; signs it lacks are replaced.

    Raises:
        UsageError: See `render`.
    """
    shown = render(trace, name, options)
    if isinstance(shown, str):
        return shown
    from rich.console import Console

    sink = _Sink(encoding or "utf-8")
    console = Console(
        file=sink,
        width=options.width or _terminal_width(),
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
    )
    console.print(shown, soft_wrap=True)
    text = "\n".join(line.rstrip() for line in sink.getvalue().splitlines())
    return text if style.can_encode_glyphs(console.encoding) else style.to_ascii(text)


def _terminal_width() -> int:
    try:
        at_terminal = sys.stdout.isatty()
    except (AttributeError, ValueError):
        at_terminal = False
    if not at_terminal:
        return _WIDTH_WITHOUT_TERMINAL
    return shutil.get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 24)).columns


class _Sink(io.StringIO):
    """Text in memory that names the encoding it is bound for."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What the text will be encoded in."""
        return self._encoding
