"""How a diagram comes about: whole, growing part by part, or one step after the other."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from ganscope.errors import UsageError
from ganscope.traces import Trace
from ganscope.views.diagrams.canvas import DPI, Canvas
from ganscope.views.diagrams.fonts import families
from ganscope.views.diagrams.kinds import KINDS, require_kind
from ganscope.views.diagrams.options import SIZES, DiagramOptions, check
from ganscope.views.diagrams.picture import Picture, plain_matplotlib
from ganscope.views.diagrams.theme import theme


class Draw(Protocol):
    """Draws one kind."""

    def __call__(
        self, canvas: Canvas, trace: Trace, options: DiagramOptions, *, upto: int | None = None
    ) -> int:
        """Draw, and return of how many parts the diagram consists.

        Args:
            canvas: Where to.
            trace: Where from.
            options: What to show.
            upto: How many parts are shown, in their final places; None shows all.
        """


def draw(trace: Trace, kind: str = "flow", options: DiagramOptions | None = None) -> Picture:
    """A diagram of a trace.

    Args:
        trace: Any trace.
        kind: One of `KINDS`.
        options: What to show and how; the defaults where None.

    Returns:
        A figure of its own: pyplot knows nothing of it.

    Raises:
        UsageError: There is no such kind, or the trace does not hold what it shows.
    """
    options = options or DiagramOptions()
    painter, canvas = _painter(kind, options), _canvas(options)
    with plain_matplotlib():
        canvas.clear()
        painter(canvas, trace, options)
    return canvas.picture


def frames(
    trace: Trace, kind: str = "flow", options: DiagramOptions | None = None
) -> Iterator[Picture]:
    """The diagram as it grows, one part more on each figure.

    Args:
        trace: Any trace.
        kind: One of `KINDS`.
        options: What to show and how; the defaults where None.

    Yields:
        One and the same figure, drawn anew each time.

    Raises:
        UsageError: As `draw` does, or the diagram has but one part.
    """
    options = options or DiagramOptions()
    painter, canvas = _painter(kind, options), _canvas(options)
    with plain_matplotlib():
        canvas.clear()
        count = painter(canvas, trace, options)
    if count < 2:
        raise UsageError(f"a diagram of the kind {kind} has no parts that could come one by one")
    for upto in range(1, count + 1):
        with plain_matplotlib():
            canvas.clear()
            painter(canvas, trace, options, upto=upto)
        yield canvas.picture


def over_steps(trace: Trace, options: DiagramOptions, numbers: Sequence[int]) -> Iterator[Picture]:
    """The flow at one recorded step after the other.

    Args:
        trace: A recording.
        options: What to show and how.
        numbers: Indices of the steps.

    Yields:
        One and the same figure, drawn anew each time.

    Raises:
        UsageError: As `draw` does.
    """
    painter, canvas = _painter("flow", options), _canvas(options)
    for number in numbers:
        with plain_matplotlib():
            canvas.clear()
            painter(canvas, trace, replace(options, step=number))
        yield canvas.picture


def _painter(kind: str, options: DiagramOptions) -> Draw:
    require_kind(kind)
    check(options)
    module, name = KINDS[kind]
    painter: Draw = getattr(importlib.import_module(module), name)
    return painter


def _canvas(options: DiagramOptions) -> Canvas:
    fonts = families(options.language)
    picture = Picture(figsize=SIZES[options.size], dpi=DPI)
    return Canvas(picture, theme(options.theme), fonts, transparent=options.transparent)
