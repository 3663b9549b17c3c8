"""A whole training: losses, the discriminator's answers, gradients of every layer."""

from __future__ import annotations

from ganscope.traces import Trace
from ganscope.traces.recorded import indices_of
from ganscope.views import style
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.charts import draw_curves
from ganscope.views.diagrams.failing import LINE, draw_failing
from ganscope.views.diagrams.figures import Figures, figures_of
from ganscope.views.diagrams.frame import MARGIN, draw_footer, draw_title
from ganscope.views.diagrams.heat import draw_heat
from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.step_axis import any_lost
from ganscope.views.diagrams.words import Words

_TOP, _BOTTOM, _BETWEEN = 1.25, 0.75, 0.45
_PARTS = 20


def draw_training(
    canvas: Canvas, trace: Trace, options: DiagramOptions, *, upto: int | None = None
) -> int:
    """Draw a training over its steps.

    Args:
        canvas: Where to.
        trace: A recording of several steps.
        options: What to show.
        upto: How many of 20 parts of the time are shown; None shows all.

    Returns:
        How many parts there are.

    Raises:
        UsageError: It holds fewer than two training steps.
    """
    words, figures = Words(options.language), figures_of(trace)
    numbers = indices_of(trace.steps)
    parts = min(_PARTS, len(numbers))
    place = len(numbers) - 1 if upto is None else round(upto * (len(numbers) - 1) / parts)
    last = numbers[place]
    said = _failure(trace, words)
    _draw_charts(canvas, figures, words, last, canvas.height - _TOP - LINE * len(said))
    steps = len(numbers)
    title = words(
        "training",
        steps=style.format_count(steps),
        first=f"{numbers[0]:,}",
        last=f"{numbers[-1]:,}",
    )
    networks = [style.printable(words.network(each.name)) for each in trace.networks[:4]]
    title = options.title or title
    draw_title(canvas, title, words.separator.join(networks), canvas.theme.ink)
    draw_failing(canvas, said)
    draw_footer(canvas, _notes(figures, words), words, ramp=False)
    return parts


def _draw_charts(canvas: Canvas, figures: Figures, words: Words, last: int, top: float) -> None:
    """Losses and answers side by side, gradients below them; `top` is in inches from below."""
    room, width = top - _BOTTOM, canvas.width - 2 * MARGIN
    upper, half = room * 0.45, (width - _BETWEEN) / 2
    bottom = top - upper
    left = (MARGIN, bottom, half, upper)
    right = (MARGIN + half + _BETWEEN, bottom, half, upper)
    draw_curves(canvas, left, words("losses"), figures.losses, last=last)
    heading = words("answers") if figures.answers else words("no_answers")
    draw_curves(canvas, right, heading, figures.answers, last=last, answers=True)
    below = (MARGIN, _BOTTOM, width, room - upper - 0.1)
    draw_heat(canvas, below, words("heat"), figures.gradients, last=last)


def _failure(trace: Trace, words: Words) -> list[str]:
    """That the training ended in a step that failed, and why."""
    failure = trace.failure
    if failure is None:
        return []
    message = style.printable(" ".join(failure.message.split()))
    return [words("failed_step", step=failure.step, message=message)]


def _notes(figures: Figures, words: Words) -> list[str]:
    notes = [words("step_axis_note")]
    if any_lost((*figures.losses, *figures.answers, *figures.gradients)):
        notes.append(words("lost"))
    if figures.hidden:
        notes.append(words("rows_hidden", count=figures.hidden))
    return notes
