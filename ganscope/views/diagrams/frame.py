"""What stands around every diagram: its title, and how to read it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.words import Words

MARGIN = 0.5
_MOST_NOTES = 2
_TITLE, _SUBTITLE, _NOTE = 24.0, 12.5, 10.0


def draw_title(canvas: Canvas, title: str, subtitle: str, colour: str) -> None:
    """The title, and under it the circumstances."""
    room = canvas.width - 2 * MARGIN
    top = canvas.height - 0.68
    size = max(14.0, canvas.fitted(title, room, _TITLE, bold=True))
    shown = canvas.cut(title, room, size, bold=True)
    canvas.text((MARGIN, top), shown, size, colour=colour, bold=True, across="left")
    small = canvas.cut(subtitle, room, _SUBTITLE)
    canvas.text((MARGIN, top - 0.32), small, _SUBTITLE, colour=canvas.theme.quiet, across="left")


def draw_footer(canvas: Canvas, remarks: Sequence[str], words: Words, *, ramp: bool = True) -> None:
    """How to read the picture, and what is left out, in at most two lines.

    Args:
        canvas: Where to.
        remarks: What to say.
        words: Of a language.
        ramp: Whether the scale of colours stands before it.
    """
    left = MARGIN
    if ramp:
        _draw_ramp(canvas)
        left += 1.75
    room = canvas.width - MARGIN - left
    lines = _packed(canvas, remarks, room, words.separator)
    top = 0.33 if len(lines) == 1 else 0.42
    for place, line in enumerate(lines):
        shown = canvas.cut(line, room, _NOTE)
        at = (left, top - 0.19 * place)
        canvas.text(at, shown, _NOTE, colour=canvas.theme.quiet, across="left")


def _draw_ramp(canvas: Canvas) -> None:
    theme, at = canvas.theme, 0.33
    shares = np.linspace(-1, 1, 128)[np.newaxis]
    canvas.pixels(theme.paint(shares, 1.0), (MARGIN + 0.14, at - 0.01, 1.3, 0.13), name="ramp")
    canvas.frame((MARGIN + 0.14, at - 0.01, 1.3, 0.13), theme.line, line=0.6)
    canvas.text((MARGIN + 0.04, at), "−", _NOTE, colour=theme.quiet)
    canvas.text((MARGIN + 1.54, at), "+", _NOTE, colour=theme.quiet)


def _packed(canvas: Canvas, parts: Sequence[str], room: float, separator: str) -> list[str]:
    """Parts in two lines; what does not go into the first goes into the second."""
    lines = [""]
    for part in parts:
        joined = f"{lines[-1]}{separator}{part}" if lines[-1] else part
        if lines[-1] and len(lines) < _MOST_NOTES and canvas.width_of(joined, _NOTE) > room:
            lines.append(part)
        else:
            lines[-1] = joined
    return lines
