"""What stands around every diagram: its title, and how to read it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.words import Words

MARGIN = 0.5
_TITLE, _SUBTITLE, _NOTE = 24.0, 12.5, 9.5


def draw_title(canvas: Canvas, title: str, subtitle: str, colour: str) -> None:
    """The title, and under it the circumstances."""
    room = canvas.width - 2 * MARGIN
    top = canvas.height - 0.68
    size = max(14.0, canvas.fitted(title, room, _TITLE, bold=True))
    shown = canvas.cut(title, room, size, bold=True)
    canvas.text((MARGIN, top), shown, size, colour=colour, bold=True, across="left")
    small = canvas.cut(subtitle, room, _SUBTITLE)
    canvas.text((MARGIN, top - 0.32), small, _SUBTITLE, colour=canvas.theme.quiet, across="left")


def draw_footer(canvas: Canvas, remarks: Sequence[str], words: Words) -> None:
    """The scale of colours, how to read the rest, and what is left out."""
    theme, at = canvas.theme, 0.33
    ramp = np.linspace(-1, 1, 128)[np.newaxis]
    canvas.pixels(theme.paint(ramp, 1.0), (MARGIN + 0.14, at - 0.01, 1.3, 0.13), name="ramp")
    canvas.box(MARGIN + 0.14, at - 0.01, 1.3, 0.13, edge=theme.line, line=0.6, order=4)
    canvas.text((MARGIN + 0.04, at), "−", _NOTE, colour=theme.quiet)
    canvas.text((MARGIN + 1.54, at), "+", _NOTE, colour=theme.quiet)
    text = words.separator.join(remarks)
    left = MARGIN + 1.75
    room = canvas.width - MARGIN - left
    size = canvas.fitted(text, room, _NOTE)
    canvas.text((left, at), canvas.cut(text, room, size), size, colour=theme.quiet, across="left")
