"""A discriminator's answer: a gauge from generated to real, or a critic's score."""

from __future__ import annotations

import math

from ganscope.views.diagrams.canvas import Canvas, Point
from ganscope.views.diagrams.words import Words

RADIUS = 0.76
WIDTH = 2 * RADIUS + 0.3
_RING = 0.2
_PIECES = 48


def draw_gauge(canvas: Canvas, hub: Point, answer: float, words: Words) -> None:
    """A half ring, filled as far as the answer (0 to 1) goes, with a needle at it.

    Args:
        canvas: Where to.
        hub: Where the needle is fixed.
        answer: The probability that the image is real.
        words: Of a language.
    """
    theme = canvas.theme
    _ring(canvas, hub, 0.0, 1.0, theme.line)
    _ring(canvas, hub, 0.0, answer, theme.discriminator)
    for share in (0.0, 0.5, 1.0):
        outer, inner = (_on(hub, share, RADIUS + more) for more in (0.03, 0.09))
        canvas.line([inner, outer], theme.quiet, line=1.0)
    canvas.line([hub, _on(hub, answer, RADIUS - 0.04)], theme.ink, line=2.4, order=4)
    canvas.disc(hub, 0.075, fill=theme.ink)
    canvas.text((hub[0], hub[1] + RADIUS + 0.14), "0.5", 10, colour=theme.quiet)
    for share, side in ((0.0, -1), (1.0, 1)):
        at = hub[0] + side * (RADIUS - _RING / 2), hub[1] - 0.2
        canvas.text(at, f"{share:.0f}", 10, colour=theme.quiet)
    canvas.text((hub[0], hub[1] - 0.42), f"{answer:.3f}", 20, colour=theme.discriminator, bold=True)
    ends = f"0 {words('fake_end')}", f"1 {words('real_end')}"
    for place, text in enumerate(ends):
        canvas.text((hub[0], hub[1] - 0.66 - 0.19 * place), text, 11, colour=theme.quiet)


def draw_score(canvas: Canvas, centre: Point, score: float, words: Words) -> None:
    """A number without bounds, as a critic's."""
    theme = canvas.theme
    left, bottom = centre[0] - WIDTH / 2, centre[1] - 0.3
    canvas.box((left, bottom, WIDTH, 0.6), edge=theme.discriminator, line=1.4, rounded=0.1)
    shown = f"{score:.3g}".replace("-", "−")
    canvas.text(centre, shown, 20, colour=theme.discriminator, bold=True, across="middle")
    canvas.text((centre[0], bottom - 0.22), words("score"), 11, colour=theme.quiet)
    canvas.text((centre[0], bottom - 0.42), words("higher"), 11, colour=theme.quiet)


def _on(hub: Point, share: float, radius: float) -> Point:
    """The point of the half circle at a share of its way from left to right."""
    angle = math.pi * (1 - share)
    return hub[0] + radius * math.cos(angle), hub[1] + radius * math.sin(angle)


def _ring(canvas: Canvas, hub: Point, begin: float, end: float, colour: str) -> None:
    shares = [begin + (end - begin) * place / _PIECES for place in range(_PIECES + 1)]
    outer = [_on(hub, share, RADIUS) for share in shares]
    inner = [_on(hub, share, RADIUS - _RING) for share in reversed(shares)]
    canvas.polygon([*outer, *inner], colour)
