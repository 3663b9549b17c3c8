"""The pixel flow: a network from left to right, a block per stage with the values in it."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.analysis.network_path import NetworkPath
from ganscope.analysis.path_search import path_through
from ganscope.analysis.roles import DISCRIMINATOR
from ganscope.traces import Trace
from ganscope.views import style
from ganscope.views.diagrams.arcs import Arc
from ganscope.views.diagrams.blocks import STRIP
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.failing import draw_failing, failing_in, failing_words
from ganscope.views.diagrams.flow_painter import FlowPainter
from ganscope.views.diagrams.flow_plan import Plan, plan_of
from ganscope.views.diagrams.frame import draw_footer, draw_title
from ganscope.views.diagrams.headline import subtitle_of, title_of, with_symbols
from ganscope.views.diagrams.nonfinite import holds_nonfinite
from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.scene import Column, Scene
from ganscope.views.diagrams.stages import Stage, count_of, stages_of
from ganscope.views.diagrams.subject import Subject, require_sample, subject_of
from ganscope.views.diagrams.values import is_thinned
from ganscope.views.diagrams.words import Words
from ganscope.views.summary import failed_call


def draw_flow(
    canvas: Canvas, trace: Trace, options: DiagramOptions, *, upto: int | None = None
) -> int:
    """Draw a network's flow.

    Args:
        canvas: Where to.
        trace: Where from.
        options: What to show.
        upto: How many stages are shown, in their final places; None shows all.

    Returns:
        How many stages there are to show.

    Raises:
        UsageError: There is no such network, step or sample, or no values were kept.
    """
    words = Words(options.language)
    subject = subject_of(trace, options)
    require_sample(trace, subject, options.sample)
    failing = failing_in(trace, subject)
    way = path_through(subject.call, subject.step.calls, failing.call if failing else None)
    stages = with_symbols(stages_of(way), subject, words)
    scene = Scene(canvas, words, options.sample, _answers(subject, stages))
    said = failing_words(failing, words) if failing else []
    plan = plan_of(scene, stages, len(said))
    colour = canvas.theme.role(subject.network.role)
    FlowPainter(scene, subject, plan, colour).draw(upto)
    title = options.title or title_of(subject, stages, words, failing)
    draw_title(canvas, title, subtitle_of(trace, subject, options, words), colour)
    draw_failing(canvas, said)
    notes = _notes(way, plan, words)
    failed = failed_call(trace)
    if failing is None and failed is not None and failed.network == subject.network.name:
        notes.insert(0, words("failed", where=style.printable(failed.label)))
    draw_footer(canvas, notes, words)
    return len(plan.columns)


def _answers(subject: Subject, stages: Sequence[Stage]) -> bool:
    """Whether the network's main output is one number that says real or fake."""
    ends = [stage for stage in stages if stage.role == "output"]
    return subject.network.role == DISCRIMINATOR and any(count_of(end.shape) == 1 for end in ends)


def _notes(way: NetworkPath, plan: Plan, words: Words) -> list[str]:
    """How to read the picture, and what is left out of it."""
    notes = [words("colours"), words("height"), words("arrows")]
    if any(column.stage.hidden for column in plan.columns):
        notes.append(words("dashed"))
    if any(holds_nonfinite(column.body.values) for column in plan.columns):
        notes.append(words("hatched_bad"))
    if any(_is_spaced(column) for column in plan.columns):
        notes.append(words("thinned"))
    left_out = {"beside": way.beside, "unseen": way.unseen, "inferred": way.inferred}
    notes += [words(name, count=count) for name, count in left_out.items() if count]
    if plan.hidden_arcs:
        notes.append(_lines_left_out(plan.hidden_arcs, words))
    if way.broken:
        notes.append(words("broken"))
    return notes


def _lines_left_out(arcs: Sequence[Arc], words: Words) -> str:
    parameters = sum(arc.parameters for arc in arcs)
    if not parameters:
        return words("more_skips", count=len(arcs))
    return words("more_lines", count=len(arcs), parameters=style.format_count(parameters))


def _is_spaced(column: Column) -> bool:
    """Whether only some of a vector's values were kept."""
    values = column.body.values
    is_vector = column.body.kind == STRIP and values is not None and values.ndim == 1
    return is_vector and is_thinned(column.stage.record)
