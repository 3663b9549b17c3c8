"""How a trace shows itself when it is printed or stands at the end of a notebook cell."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from ganscope.traces import Trace
from ganscope.traces.recorded import indices_of
from ganscope.views import style
from ganscope.views.options import ViewOptions
from ganscope.views.registry import is_training, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

_WIDTH_WITHOUT_TERMINAL = 120


class TablePresenter:
    """Satisfies `ganscope.traces.trace.Presenter`: a forward as a table, training as its step."""

    def text(self, trace: Trace) -> str:
        """The table as plain text, as wide as the terminal, or 120 where there is none.

        Of several training steps the last one is shown.
        """
        encoding = getattr(sys.stdout, "encoding", None)
        shown = to_text(_last_step(trace), ViewOptions(), encoding=encoding)
        return "\n\n".join([*_among(trace), shown])

    def html(self, trace: Trace) -> str:
        """The table as an HTML fragment; of several training steps the last one."""
        shown = str(render(_last_step(trace), "html", ViewOptions(show_grads=True)))
        return "\n".join([*(f"<p>{escape(text)}</p>" for text in _among(trace)), shown])

    def diagram(self, trace: Trace, kind: str, look: Mapping[str, Any]) -> Figure:
        """The trace as a picture of a kind.

        Raises:
            UsageError: There is no such kind or look, or the trace does not hold what it shows.
        """
        from ganscope.views.diagrams import draw
        from ganscope.views.diagrams.options import looking

        return draw(trace, kind, looking(look))


def _last_step(trace: Trace) -> Trace:
    many = len(trace.steps) > 1 and is_training(trace)
    return replace(trace, steps=(trace.steps[-1],)) if many else trace


def _among(trace: Trace) -> list[str]:
    """A line on the other steps, where only the last one is shown."""
    if len(trace.steps) < 2 or not is_training(trace):
        return []
    first, last = indices_of(trace.steps)[0], indices_of(trace.steps)[-1]
    return [f"{len(trace.steps):,} training steps, {first:,} to {last:,}; the last one:"]


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
    return plain_text(shown, options.width, encoding=encoding)


def plain_text(shown: RenderableType, width: int | None, *, encoding: str | None = None) -> str:
    """What rich can print, as text without colours.

    Args:
        shown: What to write.
        width: In cells; None takes the terminal's, or 120 where there is none.
        encoding: Where the text will end up; signs it lacks are replaced.
    """
    from rich.console import Console

    sink = _Sink(encoding or "utf-8")
    console = Console(
        file=sink,
        width=width or _terminal_width(),
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
