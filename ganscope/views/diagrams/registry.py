"""The kinds of diagrams by name, and how one comes about; each is imported when it is drawn."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ganscope.errors import UsageError
from ganscope.traces import Trace
from ganscope.views.diagrams.options import SIZES, DiagramOptions, check, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ganscope.views.diagrams.canvas import Canvas

_KINDS = {
    "flow": ("ganscope.views.diagrams.flow", "draw_flow"),
    "step": ("ganscope.views.diagrams.step", "draw_step"),
    "stats": ("ganscope.views.diagrams.stats", "draw_stats"),
    "training": ("ganscope.views.diagrams.training", "draw_training"),
}


class Draw(Protocol):
    """Draws one kind."""

    def __call__(
        self, canvas: Canvas, trace: Trace, options: DiagramOptions, *, upto: int | None = None
    ) -> int:
        """Draw, and return how many frames there are when the diagram grows.

        Args:
            canvas: Where to.
            trace: Where from.
            options: What to show.
            upto: How much of it is shown, everything in its final place; None shows all.
        """


def kinds() -> tuple[str, ...]:
    """The names of all kinds."""
    return tuple(_KINDS)


def draw(trace: Trace, kind: str = "flow", options: DiagramOptions | None = None) -> Figure:
    """A diagram of a trace.

    Args:
        trace: Any trace.
        kind: One of `kinds`.
        options: What to show and how; the defaults where None.

    Returns:
        A figure of its own: pyplot knows nothing of it.

    Raises:
        UsageError: There is no such kind, or the trace does not hold what it shows.
    """
    options = options or DiagramOptions()
    painter = _painter(kind, options)
    with plain_matplotlib():
        canvas = _canvas(options)
        painter(canvas, trace, options)
    return canvas.picture


def frames(
    trace: Trace, kind: str = "flow", options: DiagramOptions | None = None
) -> Iterator[Figure]:
    """The diagram as it grows, one part more on each figure.

    Yields:
        One and the same figure, drawn anew each time.

    Raises:
        UsageError: As `draw` does, or the diagram has but one part.
    """
    options = options or DiagramOptions()
    painter = _painter(kind, options)
    with plain_matplotlib():
        canvas = _canvas(options)
        count = painter(canvas, trace, options)
    if count < 2:
        raise UsageError(f"--kind {kind} has no parts that could come one by one")
    for upto in range(1, count + 1):
        with plain_matplotlib():
            canvas.clear()
            painter(canvas, trace, options, upto=upto)
        yield canvas.picture


def over_steps(trace: Trace, options: DiagramOptions, numbers: list[int]) -> Iterator[Figure]:
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
    painter = _painter("flow", options)
    with plain_matplotlib():
        canvas = _canvas(options)
    for number in numbers:
        with plain_matplotlib():
            canvas.clear()
            painter(canvas, trace, replace(options, step=number))
        yield canvas.picture


@contextmanager
def plain_matplotlib() -> Iterator[None]:
    """Matplotlib's own defaults, whatever a user's settings are; those are there again after."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # Text stays text, and the same picture is the same file.
        matplotlib.rcParams.update(
            {"svg.fonttype": "none", "svg.hashsalt": "ganscope", "pdf.fonttype": 42}
        )
        yield


def _painter(kind: str, options: DiagramOptions) -> Draw:
    require("--kind", kind, kinds())
    check(options)
    module, name = _KINDS[kind]
    painter: Draw = getattr(importlib.import_module(module), name)
    return painter


def _canvas(options: DiagramOptions) -> Canvas:
    from ganscope.views.diagrams.canvas import DPI, Canvas, Picture
    from ganscope.views.diagrams.fonts import families
    from ganscope.views.diagrams.theme import theme

    fonts = families(options.language)
    picture = Picture(figsize=SIZES[options.size], dpi=DPI)
    return Canvas(picture, theme(options.theme), fonts, transparent=options.transparent)
