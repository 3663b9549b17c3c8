"""Along the depth of a network: how its activations are spread, its gradients and its updates."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.analysis.path_search import path_through
from ganscope.analysis.weights import weights_of
from ganscope.errors import UsageError
from ganscope.traces import Call, ParameterUpdate, Trace
from ganscope.traces.call import main_output
from ganscope.views import style
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.failing import (
    LINE,
    draw_failing,
    failing_in,
    failing_title,
    failing_words,
)
from ganscope.views.diagrams.frame import draw_footer, draw_title
from ganscope.views.diagrams.headline import subtitle_of
from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.ridges import Row, StatsPainter
from ganscope.views.diagrams.subject import Subject, subject_of
from ganscope.views.diagrams.words import Words

_LEAST_ROW = 0.26
_TOP, _BOTTOM = 1.75, 1.05
"""Inches above and below the rows."""
_AFTER = 0.15
"""Inches behind what is said about a failure."""


def draw_stats(
    canvas: Canvas, trace: Trace, options: DiagramOptions, *, upto: int | None = None
) -> int:
    """Draw the statistics of a network along its depth.

    Args:
        canvas: Where to.
        trace: Where from.
        options: What to show.
        upto: How many rows are shown; None shows all.

    Returns:
        How many rows there are.

    Raises:
        UsageError: There is no such network or step, or no statistics were recorded.
    """
    words = Words(options.language)
    subject = subject_of(trace, options)
    failing = failing_in(trace, subject)
    said = failing_words(failing, words) if failing else []
    every = rows_of(subject, failing.call if failing else None)
    if not every:
        raise UsageError(f"no statistics of {subject.network.name} were recorded to draw")
    top = canvas.height - _TOP - LINE * len(said) - (_AFTER if said else 0.0)
    room = top - _BOTTOM
    rows = thinned(every, int(room / _LEAST_ROW))
    painter = StatsPainter(canvas, words, rows, canvas.theme.role(subject.network.role))
    painter.draw(top, _BOTTOM, upto)
    name = style.printable(words.network(subject.network.name))
    title = words("stats_title", network=name)
    if failing is not None:
        title = failing_title(name, failing, words)
    title = options.title or title
    sub = subtitle_of(trace, subject, options, words, sampled=False)
    draw_title(canvas, title, sub, canvas.theme.role(subject.network.role))
    draw_failing(canvas, said)
    notes = _notes(words, *left_out(subject, rows), has_gradients=painter.has_gradients)
    draw_footer(canvas, notes, words, ramp=False)
    return len(rows)


def _notes(words: Words, layers: int, operations: int, *, has_gradients: bool) -> list[str]:
    """How to read the picture, and how many layers and operations are left out."""
    notes = [words("ridges"), words("logs")]
    if has_gradients:
        notes.append(words("backward_stats"))
    left = {"rows_hidden": layers, "operations_hidden": operations}
    notes += [words(name, count=count) for name, count in left.items() if count]
    return notes


def left_out(subject: Subject, rows: Sequence[Row]) -> tuple[int, int]:
    """How many layers, and how many operations outside layers, have no row.

    Args:
        subject: The network.
        rows: Those that are drawn.
    """
    drawn = {row.call for row in rows}
    around = {call.parent for call in subject.calls if call.kind != "op"}
    alike = [call for call in subject.calls if call.id not in around and call.id not in drawn]
    measured = [call for call in alike if any(one.stats for one in call.outputs)]
    layers = sum(call.kind != "op" for call in measured)
    inside = drawn | {call.id for call in subject.calls if call.parameters} - around
    operations = sum(call.kind == "op" and call.parent not in inside for call in measured)
    return layers, operations


def rows_of(subject: Subject, failed: Call | None = None) -> list[Row]:
    """The layers on the way through a network, its input first; up to the one that failed."""
    way = path_through(subject.call, subject.step.calls, failed)
    updates = [update for update in subject.step.updates if subject.network.name in update.networks]
    parameters = [one for update in updates[-1:] for one in update.parameters]
    rows = []
    if way.start is not None and way.start.stats is not None:
        rows.append(Row("", style.format_shape((way.start.shape or ())[1:]), way.start.stats))
    for link in way.links:
        call, record = link.call, main_output(link.call)
        if record is None or record.stats is None or (call.kind == "op" and len(way.links) > 8):
            continue
        arrived = next((each.stats for each in call.gradients if each.stats), None)
        own = [one for one in parameters if _belongs(one, call.path)] if call.parameters else []
        weights = weights_of(call.path, own)
        rows.append(
            Row(
                style.printable(call.type),
                style.format_shape((record.shape or ())[1:]),
                record.stats,
                place=style.printable(call.path.removeprefix(f"{subject.network.name}.")),
                gradient=arrived.norm if arrived is not None else None,
                ratio=weights.ratio if weights is not None else None,
                call=call.id,
            )
        )
    return rows


def _belongs(parameter: ParameterUpdate, path: str) -> bool:
    return parameter.name.startswith(f"{path}.")


def thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many rows, those with weights first."""
    excess = len(rows) - most
    if excess <= 0:
        return list(rows)
    middle = (len(rows) - 1) / 2
    inner = range(1, len(rows) - 1)
    order = sorted(inner, key=lambda at: (rows[at].ratio is not None, abs(at - middle)))
    dropped = set(order[:excess])
    return [row for at, row in enumerate(rows) if at not in dropped]
