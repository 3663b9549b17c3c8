"""The inside of a stage's block: a strip of values, a deck of feature maps, an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ganscope.views import style
from ganscope.views.diagrams.canvas import DPI, Box, Canvas
from ganscope.views.diagrams.images import black_of, image_colours
from ganscope.views.diagrams.nonfinite import draw_nonfinite
from ganscope.views.diagrams.stages import Stage
from ganscope.views.diagrams.values import Values, limit_of, one_sample
from ganscope.views.diagrams.words import Words

STRIP, MAP, MATRIX, IMAGE, NUMBER, EMPTY = "strip", "map", "matrix", "image", "number", "empty"
CHANNELS, WAVE = "channels", "wave"

_LEAST_CELL = 2.0 / DPI
"""Inches: a value is at least two pixels high on a slide."""
_COLUMNS = 4
_STRIP, _MATRIX, _NUMBER = 0.52, 0.8, 0.34
_WAVE = 1.3, 0.9
"""Inches across, and those up for what has a height of its own."""
_MOST_CARDS = 7


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """How a stage is drawn.

    Attributes:
        kind: `STRIP`, `MAP`, `MATRIX`, `IMAGE`, `NUMBER`, `CHANNELS`, `WAVE` or `EMPTY`.
        values: Those of one sample; None where none were kept.
        width: Inches.
        height: Inches.
        side: Inches that one map takes, of a deck.
        black: What is black in an image: −1, or 0 where no value of the whole tensor is below.
    """

    kind: str
    values: Values | None
    width: float
    height: float
    side: float = 0.0
    black: float = -1.0


def kind_of(stage: Stage) -> str:
    """How a stage is best shown."""
    shape = stage.shape
    if stage.record.samples is None:
        return EMPTY
    if len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) > 1 and stage.role:
        return IMAGE
    if stage.is_signal and len(shape) == 2 and shape[1] > 1:
        return WAVE if shape[0] == 1 else CHANNELS
    if len(shape) == 2 and min(shape) > 1:
        return MATRIX
    if len(shape) >= 2 and sum(side > 1 for side in shape) > 1:
        return MAP
    return NUMBER if math.prod(shape) == 1 else STRIP


def body_of(stage: Stage, sample: int, height: float, widest: float) -> Body:
    """A stage's body, to be `height` inches high where its kind lets it.

    Args:
        stage: The stage.
        sample: Whose values.
        height: What its width in features gives it.
        widest: Inches that it may take across.
    """
    kind, values = kind_of(stage), one_sample(stage.record, sample)
    if kind == IMAGE:
        side = min(widest, 1.75)
        rows, columns = stage.shape[1:]
        longest = max(rows, columns)
        wide, high = side * columns / longest, side * rows / longest
        return Body(kind, values, wide, high, black=black_of(stage.record))
    if kind == MAP:
        side = min(widest * 0.78, _side_of(stage))
        if values is not None and len(maps_of(values)) == 1:
            return Body(kind, values, side, side * _ratio(maps_of(values)), side)
        return Body(kind, values, side * 1.28, max(height, side), side)
    wide = {MATRIX: _MATRIX, CHANNELS: _MATRIX, WAVE: _WAVE[0], NUMBER: _NUMBER}.get(kind, _STRIP)
    high = {WAVE: _WAVE[1], NUMBER: _NUMBER}.get(kind, height)
    return Body(kind, values, min(widest, wide), high)


def _side_of(stage: Stage) -> float:
    """Inches of one map: larger for larger maps, each doubling by the same step."""
    pixels = max(stage.shape[-2:])
    return min(1.05, 0.42 + 0.105 * math.log2(max(2, pixels)))


# -- drawing -------------------------------------------------------------------------------------


def draw_body(
    canvas: Canvas, body: Body, centre: tuple[float, float], colour: str, name: str
) -> None:
    """Draw a body around `centre`; its pixels can be found on the figure by `name`."""
    left, bottom = centre[0] - body.width / 2, centre[1] - body.height / 2
    box = (left, bottom, body.width, body.height)
    if body.values is None or body.kind == EMPTY:
        canvas.box(box, edge=canvas.theme.line, hatch="///", line=0.8)
    elif body.kind == IMAGE:
        canvas.pixels(image_colours(body.values, canvas.theme.bad, body.black)[0], box, name=name)
        draw_nonfinite(canvas, body.values.sum(axis=0), box)
        canvas.frame(box, colour)
    elif body.kind == WAVE:
        _draw_wave(canvas, body.values[0], box, colour)
    elif body.kind == MAP:
        _draw_deck(canvas, body, box, colour, name)
    else:
        cells = _cells(body)
        canvas.pixels(canvas.theme.paint(cells, limit_of(body.values)), box, name=name)
        draw_nonfinite(canvas, cells, box)
        canvas.frame(box, colour)


def _cells(body: Body) -> Values:
    """(rows, columns): channels over time, features of tokens, or a vector in lines."""
    assert body.values is not None
    if body.kind == CHANNELS:
        return body.values
    if body.kind == MATRIX:  # a column for each token, its features from top to bottom
        tokens: Values = body.values.T
        return tokens
    return as_cells(body.values, body.height)


def as_cells(values: Values, height: float) -> Values:
    """A vector as rows of a few cells, read like a text; what is missing at the end is masked.

    Args:
        values: Any shape.
        height: Inches there are.
    """
    flat = values.reshape(-1)
    most_rows = max(1, int(height / _LEAST_CELL))
    columns = 1 if flat.size <= 24 else 2 if flat.size <= 48 else _COLUMNS
    while math.ceil(flat.size / columns) > most_rows:
        columns *= 2
    rows = math.ceil(flat.size / columns)
    filled = np.zeros(rows * columns, np.float32)
    filled[: flat.size] = flat
    missing = np.arange(rows * columns) >= flat.size
    cells: Values = np.ma.MaskedArray(filled, missing).reshape(rows, columns)
    return cells


def maps_of(values: Values) -> Values:
    """The kept maps, (maps, H, W); a matrix is one map."""
    return values if values.ndim == 3 else values[np.newaxis]


def cards(body: Body) -> int:
    """How many maps of a deck are shown."""
    if body.values is None:
        return 0
    return _cards(len(maps_of(body.values)), body)


def _cards(kept: int, body: Body) -> int:
    free = body.height - body.side
    return max(1, min(kept, _MOST_CARDS, 1 + int(free / (0.24 * body.side))))


def _draw_deck(canvas: Canvas, body: Body, box: Box, colour: str, name: str) -> None:
    """Maps one before the other, the first in front."""
    assert body.values is not None
    maps, (left, bottom, width, height) = maps_of(body.values), box
    count = _cards(len(maps), body)
    side = body.side
    tall = side * _ratio(maps)
    step_across = (width - side) / max(1, count - 1) if count > 1 else 0.0
    step_along = (height - tall) / max(1, count - 1) if count > 1 else 0.0
    limit = limit_of(maps)
    if count == 1:
        left, bottom = left + (width - side) / 2, bottom + (height - tall) / 2
    for place in reversed(range(count)):
        card = (left + place * step_across, bottom + place * step_along, side, tall)
        order = 3 + 0.9 * (1 - place / (count + 1))
        canvas.pixels(
            canvas.theme.paint(maps[place], limit), card, order=order, name=f"{name}:{place}"
        )
        draw_nonfinite(canvas, maps[place], card, order=order)
        canvas.frame(card, colour, line=0.8, order=order + 0.01)


def _draw_wave(canvas: Canvas, values: Values, box: Box, colour: str) -> None:
    """A signal as a curve over time, interrupted where it is no number."""
    left, bottom, width, height = box
    canvas.frame(box, canvas.theme.line, line=0.8)
    middle, limit = bottom + height / 2, limit_of(values) or 1.0
    canvas.line([(left, middle), (left + width, middle)], canvas.theme.line, line=0.7, order=2.5)
    step = width / max(1, len(values) - 1)
    high = np.where(np.isfinite(values), values, np.nan) / limit * height * 0.46
    points = [(left + place * step, middle + float(y)) for place, y in enumerate(high)]
    canvas.line(points, colour, line=1.3)


def _ratio(maps: Values) -> float:
    """Height of a map over its width, kept from becoming a thread."""
    return float(np.clip(maps.shape[1] / maps.shape[2], 0.4, 1.0))


def caption(body: Body, words: Words) -> str:
    """What the colours of a body span, for the line below it."""
    if body.values is None:
        return words("no_values")
    bad = int((~np.isfinite(body.values)).sum())
    if bad:
        return words("bad", count=style.format_count(bad))
    if body.kind == IMAGE:
        low, high = (_short(float(edge(body.values))) for edge in (np.min, np.max))
        name = "range" if body.black else "unit"
        if image_colours(body.values, black=body.black)[1]:
            name = "stretched"
        return words(name, low=low, high=high)
    if body.kind == NUMBER:
        return _short(float(body.values.reshape(-1)[0]))
    return f"± {_short(limit_of(body.values))}"


def _short(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}".replace("-", "−")
