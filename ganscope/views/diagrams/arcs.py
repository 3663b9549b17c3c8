"""Lines over the blocks of a flow, each in a lane of its own: skips, ways to more outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ganscope.analysis.network_path import Branch
from ganscope.views.diagrams.canvas import Canvas, Point
from ganscope.views.diagrams.labels import CAPTION, arrow_texts, branch_text
from ganscope.views.diagrams.scene import Column
from ganscope.views.diagrams.words import Words

_MOST = 5
_FIRST, _LANE = 0.2, 0.25
"""Inches from the blocks to the lowest lane, and from lane to lane."""
_ASIDE = 0.12
"""Inches between lines that leave or reach one block."""
_OVER_ARROW = 0.3
"""Inches above an arrow at which lines of the stages that it stands for begin and end."""


@dataclass(frozen=True, slots=True)
class Arc:
    """A line.

    Attributes:
        start: Where it begins, inches from the left and from below.
        end: Where it ends.
        last: Index of the last column that it needs.
        lane: Inches from below at which it runs.
        text: Stands on it.
        forks: Whether it leads to a further output; else it is a branch that joins again.
        parameters: Of the layers on a branch.
    """

    start: Point
    end: Point
    last: int
    lane: float
    text: str
    forks: bool
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class _End:
    """A place where lines begin and end: a column, or the arrow before it, for what is hidden."""

    column: int
    at: Point


def arcs_of(
    canvas: Canvas, columns: Sequence[Column], tops: Sequence[float], middle: float, words: Words
) -> tuple[tuple[Arc, ...], tuple[Arc, ...]]:
    """The lines over columns, and those that are left out.

    Args:
        canvas: What measures texts.
        columns: From left to right.
        tops: Inches from below to where each one's drawing reaches.
        middle: Inches from below at which arrows run.
        words: Of a language.
    """
    begins: dict[int, _End] = {}
    ends: dict[int, _End] = {}
    for at, column in enumerate(columns):
        where = _End(at, (_between(columns, at), middle + _OVER_ARROW))
        above = _End(at, (column.centre, tops[at] + 0.04))
        beside = _End(at, (column.right + _ASIDE, middle + 0.04))
        begin = beside if column.stage.sides else above
        for known, shown in ((begins, begin), (ends, above)):
            known.update(dict.fromkeys(column.stage.hidden_calls, where))
            known.update(dict.fromkeys(column.stage.calls, shown))
    wanted = [*_forks(columns, begins, middle, words), *_skips(columns, begins, ends, words)]
    drafts = sorted(wanted[:_MOST], key=lambda arc: arc.end[0] - arc.start[0])
    return tuple(_in_lanes(canvas, _apart(drafts), columns, tops)), tuple(wanted[_MOST:])


def _between(columns: Sequence[Column], at: int) -> float:
    """The middle of the arrow to a column, inches from the left."""
    return (columns[at - 1].right + columns[at].left) / 2 if at else columns[at].left


def _forks(
    columns: Sequence[Column], begins: Mapping[int, _End], middle: float, words: Words
) -> Iterable[Arc]:
    for at, column in enumerate(columns):
        begin = begins.get(column.stage.after) if column.stage.after is not None else None
        if begin is not None:
            text = "  ".join(arrow_texts(column.stage, words))
            end = (_between(columns, at), middle)
            yield Arc(begin.at, end, at, 0.0, text, forks=True)


def _skips(
    columns: Sequence[Column],
    begins: Mapping[int, _End],
    ends: Mapping[int, _End],
    words: Words,
) -> list[Arc]:
    """A line from each stage to one that takes its values in again beside the way, each once."""
    found: dict[tuple[_End, _End], Branch] = {}
    for column in columns:
        stage = column.stage
        into_shown, into_hidden = stage.calls[:1], stage.hidden_calls[:1]
        for branches, into in (
            (stage.branches, into_shown),
            (stage.hidden_branches, into_hidden),
        ):
            for branch in branches:
                begin, end = begins.get(branch.start), ends[into[0]]
                if begin is not None and begin.at[0] < end.at[0]:
                    known = found.get((begin, end), Branch(branch.start))
                    both = _both(known, branch)
                    found[begin, end] = both
    # Where not all find room, those with parameters do.
    first = sorted(found.items(), key=lambda item: not item[1].parameters)
    return [
        Arc(begin.at, end.at, end.column, 0.0, branch_text(one, words), False, one.parameters)
        for (begin, end), one in first
    ]


def _both(one: Branch, other: Branch) -> Branch:
    calls = (*one.calls, *other.calls)
    return Branch(one.start, calls, one.parameters + other.parameters)


def _apart(arcs: Sequence[Arc]) -> list[Arc]:
    """Lines that meet at one place side by side, the longest outermost."""
    moved, starts, ends = [], {}, {}  # type: list[Arc], dict[Point, int], dict[Point, int]
    for arc in arcs:
        starts[arc.start] = right = starts.get(arc.start, 0) + 1
        ends[arc.end] = left = ends.get(arc.end, 0) + 1
        begin = (arc.start[0] + _ASIDE * (1.5 - right), arc.start[1])
        end = arc.end if arc.forks else (arc.end[0] - _ASIDE * (1.5 - left), arc.end[1])
        moved.append(replace(arc, start=begin, end=end))
    return moved


def _in_lanes(
    canvas: Canvas, arcs: Iterable[Arc], columns: Sequence[Column], tops: Sequence[float]
) -> Iterable[Arc]:
    """Each line above what it spans, and above the shorter lines that it meets."""
    placed: list[Arc] = []
    for arc in arcs:
        left, right = _span(canvas, arc)
        under = [
            top
            for top, column in zip(tops, columns, strict=True)
            if column.right > left - 0.1 and column.left < right + 0.1
        ]
        lane = max([*under, arc.start[1], arc.end[1]]) + _FIRST
        for other in placed:
            start, end = _span(canvas, other)
            if start < right + 0.1 and end > left - 0.1:
                lane = max(lane, other.lane + _LANE)
        placed.append(replace(arc, lane=lane))
    return placed


def _span(canvas: Canvas, arc: Arc) -> tuple[float, float]:
    """Where a line begins and ends, or its text where that is longer; inches from the left."""
    middle = (arc.start[0] + arc.end[0]) / 2
    half = canvas.width_of(arc.text, CAPTION) / 2
    return min(arc.start[0], middle - half), max(arc.end[0], middle + half)


def draw_arc(canvas: Canvas, arc: Arc, end: float) -> None:
    """Draw a line.

    Args:
        canvas: Where to.
        arc: The line.
        end: Inches from the left at which the arrow of one that forks ends.
    """
    theme, (left, bottom), (right, foot) = canvas.theme, arc.start, arc.end
    dashes = "-" if arc.forks else "--"
    points = [(left, bottom), (left, arc.lane), (right, arc.lane)]
    if arc.forks:
        canvas.line([*points, (right, foot)], theme.quiet, line=1.4)
        canvas.arrow((right, foot), (end, foot), theme.quiet)
    else:
        canvas.line(points, theme.quiet, line=1.1, dashes=dashes)
        canvas.arrow((right, arc.lane), (right, foot), theme.quiet, line=1.1, head=5)
    if arc.text:
        at = ((left + right) / 2, arc.lane + 0.05)
        canvas.text(at, arc.text, CAPTION, colour=theme.quiet)
