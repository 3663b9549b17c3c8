"""The boxes in a panel of a training step: a network, and the loss."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ganscope.traces import Loss
from ganscope.views import style
from ganscope.views.diagrams.canvas import SMALLEST, Canvas
from ganscope.views.diagrams.canvas import Box as Place
from ganscope.views.diagrams.lanes import Box
from ganscope.views.diagrams.words import Words, number
from ganscope.views.steps.losses import made_of, short_name

HEIGHT = 0.78
_LOSS_LINE = 0.25
"""Inches of a box in a single lane."""
_SYMBOL, _VALUE, _NAME, _SMALL = 22.0, 18.0, 11.0, 9.5
_LINE = 0.17
_COMMA = re.compile(r", (?![^(]*\))")
"""One between parts, and none inside a call: ``netD(randn(2, 4))``."""
_MOST_BELOW = 2
"""Lines below a box that holds none inside."""


def draw_network(
    canvas: Canvas,
    words: Words,
    box: Box,
    place: Place,
    *,
    backward: bool,
    room: float | None = None,
) -> None:
    """A network: filled where the update moves it, with what became of its gradients below.

    Args:
        canvas: Where to.
        words: Of a language.
        box: The network.
        place: Left, bottom, width and height, in inches.
        backward: Whether the way back is shown.
        room: Inches that a second line below has, above the next lane; None where there is none.
    """
    theme, (left, bottom, width, height) = canvas.theme, place
    colour, inside = theme.role(box.role), width - 0.1
    fill = colour if box.moved else theme.paper
    canvas.box(place, edge=colour, fill=fill, line=1.8, rounded=0.1, order=3.6)
    ink = theme.paper if box.moved else colour
    centre, middle = left + width / 2, bottom + height / 2
    name = words.network(box.network)
    name = style.printable(f"{name}.{box.part}" if box.part else name)
    is_letter = len(box.symbol) <= 2
    if is_letter:
        lone = box.symbol == name
        at = (centre, middle - (0.1 if lone else 0.0))
        canvas.text(at, box.symbol, _SYMBOL, colour=ink, bold=True)
    size = canvas.fitted(name, inside, _SMALL if is_letter else 13.0, bold=not is_letter)
    shown = canvas.cut(name, inside, size, bold=not is_letter)
    at = (centre, middle - (0.24 if is_letter else 0.05))
    if not is_letter or box.symbol != name:
        canvas.text(at, shown, size, colour=ink, bold=not is_letter)
    quiet = colour if box.moved else theme.quiet
    for line, text in enumerate(_fate(box, words) if backward else ()):
        if line > 0 and room is not None and canvas.width_of(text, _SMALL) > room:
            break
        canvas.text((centre, bottom - 0.18 - _LINE * line), text, _SMALL, colour=quiet)


def _fate(box: Box, words: Words) -> list[str]:
    """What became of a network's gradients."""
    if not box.moved:
        return [words("unused" if box.reached else "still")]
    texts = []
    if box.gradient is not None:
        texts.append(words("moved", gradient=number(box.gradient)))
    if box.ratio is not None:
        texts.append(words("ratio", ratio=number(box.ratio)))
    return texts


def draw_loss(canvas: Canvas, words: Words, losses: Sequence[Loss], place: Place) -> None:
    """A loss with its value, and what it is made of: inside where there is room, else below.

    Args:
        canvas: Where to.
        words: Of a language.
        losses: Those of the update; of several each is shown without its parts.
        place: Left, bottom, width and height, in inches.
    """
    theme, (left, bottom, width, height) = canvas.theme, place
    canvas.box(place, edge=theme.ink, fill=theme.paper, line=1.2, rounded=0.1, order=3.6)
    centre, middle = left + width / 2, bottom + height / 2
    if not losses:
        canvas.text((centre, middle), words("loss"), _NAME, across="middle")
        return
    if len(losses) > 1:
        _list_losses(canvas, losses, place)
        return
    loss, room = losses[0], width - 0.12
    parts = _parts(canvas, made_of(loss), room)
    inside = height > HEIGHT + 0.18 * len(parts)
    middle += 0.09 * len(parts) if inside else 0.0
    name = canvas.cut(short_name(loss.name), room, _NAME)
    canvas.text((centre, middle + 0.14), name, _NAME, colour=theme.quiet)
    canvas.text((centre, middle - 0.2), number(loss.value), _VALUE, bold=True)
    below = middle - 0.45 if inside else bottom - 0.19
    if not inside and len(parts) > _MOST_BELOW:
        parts = [*parts[: _MOST_BELOW - 1], f"{parts[_MOST_BELOW - 1]} …"]
    for line, text in enumerate(parts):
        size = canvas.fitted(text, room, _SMALL)
        shown = canvas.cut(text, room, size)
        canvas.text((centre, below - _LINE * line), shown, size, colour=theme.quiet)


def _list_losses(
    canvas: Canvas, losses: Sequence[Loss], place: tuple[float, float, float, float]
) -> None:
    """Each loss with its value on a line, as many as find room."""
    left, bottom, width, height = place
    most = max(1, int(height / _LOSS_LINE))
    texts = [f"{short_name(loss.name)} {number(loss.value)}" for loss in losses]
    if len(texts) > most:
        texts = [*texts[: most - 1], f"{texts[-1]} …"]
    middle = bottom + height / 2 + _LOSS_LINE * (len(texts) - 1) / 2 - 0.05
    for line, text in enumerate(texts):
        size = canvas.fitted(text, width - 0.12, _NAME, bold=True)
        shown = canvas.cut(text, width - 0.12, size, bold=True)
        at = (left + width / 2, middle - _LOSS_LINE * line)
        canvas.text(at, shown, size, bold=True)


def _parts(canvas: Canvas, made: str, room: float) -> list[str]:
    """What a loss is made of, in lines: ``= (real_loss 0.5``, ``+ fake_loss 0.7) / 2``.

    Where the divisor finds no room it gets a line of its own.
    """
    words = _COMMA.sub(",\n", made.strip())
    for sign in (" + ", " − "):
        words = words.replace(sign, f"\n{sign.strip()} ")
    lines: list[str] = []
    for part in words.split("\n")[:4] if words else []:
        before, slash, divisor = part.rpartition(" / ")
        if slash and canvas.width_of(part, SMALLEST) > room:
            lines += [before, f"/ {divisor}"]
        else:
            lines.append(part)
    return lines
