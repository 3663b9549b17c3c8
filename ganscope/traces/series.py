"""One figure over all steps of a trace, without reading the steps.

Which row a name stands for is looked up in one step of every kind, as the intervals' forms
distinguish them; the rest is one query.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganscope.traces.recorded import RecordedSteps
from ganscope.traces.source import Source
from ganscope.traces.step import Step

Kind = Literal["loss", "call", "parameter"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a figure stands in a step.

    Attributes:
        kind: ``loss``, ``call`` or ``parameter``.
        number: Which of the step's calls, or of all its updates' losses or parameters, from 0.
        column: ``value`` of a loss; ``output_mean``, ``output_std`` or ``gradient_norm`` of a
            call; ``gradient_norm``, ``weight_norm``, ``update_norm`` or ``update_ratio`` of a
            parameter.
    """

    kind: Kind
    number: int
    column: str


Places = Callable[[Step], Sequence[Place]]
"""What a name stands for in a step; several figures are taken together in their mean."""

Points = list[tuple[int, float | None]]
"""Index of a step and its figure; None where it is not finite or not known."""

_OF_OUTPUT = """SELECT f.{} FROM call_output AS o JOIN tensor AS t ON t.key = o.tensor
JOIN statistics AS f ON f.key = t.statistics WHERE o.call = k.value ORDER BY o.place LIMIT 1"""
_FIGURES: dict[Kind, dict[str, str]] = {
    "loss": {"value": "SELECT value FROM loss WHERE key = k.value"},
    "call": {
        "output_mean": _OF_OUTPUT.format("mean"),
        "output_std": _OF_OUTPUT.format("std"),
        "gradient_norm": "SELECT f.norm FROM gradient AS g JOIN statistics AS f "
        "ON f.key = g.statistics WHERE g.call = k.value ORDER BY g.key LIMIT 1",
    },
    "parameter": {
        "gradient_norm": "SELECT f.norm FROM parameter_update AS p JOIN statistics AS f "
        "ON f.key = p.statistics WHERE p.key = k.value",
        **{
            column: f"SELECT {column} FROM parameter_update WHERE key = k.value"
            for column in ("weight_norm", "update_norm", "update_ratio")
        },
    },
}
"""The figure of the row whose key is ``k.value``."""
_TABLES: dict[Kind, str] = {"loss": "loss", "call": "call", "parameter": "parameter_update"}


def series(steps: Sequence[Step], path: Path | None, places: Places) -> Points:
    """A figure over all steps in which it stands.

    Args:
        steps: The steps of a trace.
        path: Where they stand, if in a recording.
        places: Which figure.

    Raises:
        TraceFileError: The file is damaged.
    """
    if isinstance(steps, RecordedSteps) and path is not None:
        return list(_recorded(steps, Source(path), places))
    found = ((step, places(step)) for step in steps)
    return [
        (step.index, _mean([_value(step, one) for one in some])) for step, some in found if some
    ]


def layouts(steps: Sequence[Step], path: Path | None) -> list[Step]:
    """One step of every kind: those of one kind make the same calls and updates.

    Args:
        steps: The steps of a trace.
        path: Where they stand, if in a recording.

    Raises:
        TraceFileError: The file is damaged.
    """
    if isinstance(steps, RecordedSteps) and path is not None:
        with Source(path).look() as connection:
            return [steps[kind[0]] for kind in _kinds(connection, steps)]
    return list(steps)


def _kinds(connection: sqlite3.Connection, steps: RecordedSteps) -> list[list[int]]:
    """The places of the steps of every kind, in the order in which the kinds first appear."""
    forms = [form for (form,) in connection.execute("SELECT form FROM interval ORDER BY id")]
    kinds: dict[tuple[int, ...], list[int]] = {}
    for place, intervals in enumerate(steps.intervals):
        kinds.setdefault(tuple(forms[intervals.start : intervals.stop]), []).append(place)
    return list(kinds.values())


def _recorded(
    steps: RecordedSteps, source: Source, places: Places
) -> Iterator[tuple[int, float | None]]:
    sums: dict[int, list[float | None]] = {}
    with source.look() as connection:
        starts = [intervals.start for intervals in steps.intervals]
        for kind in _kinds(connection, steps):
            for place in places(steps[kind[0]]):
                found = _column(connection, [starts[position] for position in kind], place)
                for position, value in zip(kind, found, strict=True):
                    sums.setdefault(position, []).append(value)
    numbers = steps.indices
    for position in sorted(sums):
        yield numbers[position], _mean(sums[position])


def _column(
    connection: sqlite3.Connection, intervals: Sequence[int], place: Place
) -> list[float | None]:
    """A figure in the steps that begin with these intervals."""
    table, figure = _TABLES[place.kind], _FIGURES[place.kind][place.column]
    ends = [0, *(end for (end,) in connection.execute(f"SELECT {table} FROM interval ORDER BY id"))]
    keys = json.dumps([ends[interval] + place.number for interval in intervals])
    values = [
        value
        for (value,) in connection.execute(f"SELECT ({figure}) FROM json_each(?) AS k", (keys,))
    ]
    for value in values:
        if value is not None and not isinstance(value, float | int):
            raise ValueError(f"a figure that is no number: {type(value).__name__}")
    return values


def _value(step: Step, place: Place) -> float | None:
    """The same figure in a step that is in memory."""
    if place.kind == "loss":
        losses = [loss.value for update in step.updates for loss in update.losses]
        return losses[place.number]
    if place.kind == "parameter":
        one = [each for update in step.updates for each in update.parameters][place.number]
        if place.column == "gradient_norm":
            return one.gradient.norm if one.gradient else None
        found: float | None = getattr(one, place.column)
        return found
    call = step.calls[place.number]
    if place.column == "gradient_norm":
        gradient = next((each.stats for each in call.gradients if each.stats), None)
        return gradient.norm if gradient else None
    stats = next((record.stats for record in call.outputs if record.stats), None)
    figure: float | None = getattr(stats, place.column.removeprefix("output_"), None)
    return figure


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
