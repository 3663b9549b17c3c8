"""One training step: a panel for each update, data flowing right and gradients back left."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.traces import Step, Trace
from ganscope.views import style
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.frame import MARGIN, draw_footer, draw_title
from ganscope.views.diagrams.headline import seed_of
from ganscope.views.diagrams.lanes import Panel, panels_of
from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.panels import FOOT, HEADER, PanelPainter
from ganscope.views.diagrams.subject import require_kept, step_of
from ganscope.views.diagrams.words import Words, number
from ganscope.views.steps.cast import numeral

_TOP, _BOTTOM = 1.28, 0.62
_GAP = 0.16
_LANE = 1.62
_LEAST_LANE = 1.0
_MOST_PANELS = 3


def draw_step(
    canvas: Canvas, trace: Trace, options: DiagramOptions, *, upto: int | None = None
) -> int:
    """Draw a training step.

    Args:
        canvas: Where to.
        trace: Where from.
        options: What to show.
        upto: How many parts are shown: each update's way forward, then its way back.

    Returns:
        How many parts there are.

    Raises:
        UsageError: There is no such step, or no optimizer steps in it.
    """
    words = Words(options.language)
    step = step_of(trace, options, _is_trained)
    room = canvas.height - _TOP - _BOTTOM
    panels = panels_of(trace, step)
    for call in step.calls:
        if call.parent is None and call.network:
            require_kept(call, options.sample)
    shown = _fitting(panels, room)
    lanes = sum(max(1, len(panel.lanes)) for panel in shown)
    high = min(_LANE, (room - len(shown) * (HEADER + FOOT + _GAP)) / lanes)
    boxes = max((len(lane.boxes) for panel in shown for lane in panel.lanes), default=1)
    top = canvas.height - _TOP
    for place, panel in enumerate(shown):
        height = HEADER + FOOT + high * max(1, len(panel.lanes))
        if upto is None or upto > 2 * place:
            box = (MARGIN, top - height, canvas.width - 2 * MARGIN, height)
            painter = PanelPainter(canvas, words, panel, box, high, options.sample, boxes)
            painter.draw(backward=upto is None or upto > 2 * place + 1)
        top -= height + _GAP
    title = options.title or _title(step, shown, words)
    draw_title(canvas, title, _subtitle(trace, shown, words), canvas.theme.ink)
    notes = _notes(step, panels, shown, words)
    draw_footer(canvas, notes, words, ramp=False)
    return 2 * len(shown)


def _is_trained(step: Step) -> bool:
    return any(update.optimizers for update in step.updates)


def _fitting(panels: Sequence[Panel], room: float) -> list[Panel]:
    """As many panels and lanes as find room: the last lanes of the fullest panel go first."""
    shown = list(panels[:_MOST_PANELS])
    most = int((room - len(shown) * (HEADER + FOOT + _GAP)) / _LEAST_LANE)
    while sum(len(panel.lanes) for panel in shown) > max(most, len(shown)):
        fullest = max(range(len(shown)), key=lambda place: len(shown[place].lanes))
        shown[fullest] = shown[fullest].without_last_lane()
    return shown


def _title(step: Step, panels: Sequence[Panel], words: Words) -> str:
    updates = [
        words(
            "learns" if len(panel.update.networks) == 1 else "learn",
            numeral=numeral(panel.update.index),
            name=words.joined([words.called(name) for name in panel.update.networks]),
        )
        for panel in panels
    ]
    return words("step_title", step=step.index, updates=words.comma.join(updates))


def _subtitle(trace: Trace, panels: Sequence[Panel], words: Words) -> str:
    networks = [
        f"{style.printable(words.network(network.name))} "
        + words("parameters", count=style.format_count(network.parameters))
        for network in trace.networks[:4]
    ]
    record = panels[0].lanes[0].start.record if panels[0].lanes else None
    batch = [words("batch", batch=record.shape[0])] if record is not None and record.shape else []
    return words.separator.join([*networks, *batch, *seed_of(trace.meta, words)])


def _notes(step: Step, panels: Sequence[Panel], shown: Sequence[Panel], words: Words) -> list[str]:
    notes = [words("forward"), words("backward"), words("filled")]
    tensors = [
        one for panel in shown for lane in panel.lanes for one in (lane.start, *lane.tensors)
    ]
    cuts = dict.fromkeys(tensor.cut for tensor in tensors if tensor.cut)
    if cuts:
        notes.append(words("cut", how=", ".join(cuts)))
    if any(lane.start.record.samples is None for panel in shown for lane in panel.lanes):
        notes.append(words("hatched"))
    hidden = sum(panel.hidden for panel in shown)
    hidden += sum(len(panel.lanes) for panel in panels[len(shown) :])
    if hidden:
        notes.append(words("chains", count=hidden))
    if len(step.judgements) == 2:
        before, after = step.judgements
        notes.append(
            words(
                "before_after",
                real=number(before.real),
                fake=number(before.fake),
                real_after=number(after.real),
                fake_after=number(after.fake),
            )
        )
    return notes
