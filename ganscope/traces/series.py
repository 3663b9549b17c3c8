"""One figure over all steps of a trace, without reading the steps.

A recording keeps the figures that one asks for most in thin tables. Which of them a name stands
for is looked up in one step of each layout; the rest is one query.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganscope.traces.recorded import RecordedSteps
from ganscope.traces.source import Source
from ganscope.traces.step import Step
from ganscope.traces.tables import PLACES

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

_COLUMNS: dict[Kind, dict[str, str]] = {
    "loss": {"value": "f.value"},
    "call": {
        "output_mean": "f.output_mean",
        "output_std": "f.output_std",
        "gradient_norm": "f.gradient_norm",
    },
    "parameter": {
        "gradient_norm": "f.gradient_norm",
        "weight_norm": "f.weight_norm",
        "update_norm": "f.update_norm",
        "update_ratio": "coalesce(f.update_ratio, f.update_norm / f.weight_norm)",
    },
}
_TABLES: dict[Kind, str] = {
    "loss": "loss_figures",
    "call": "call_figures",
    "parameter": "parameter_figures",
}


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
            return [steps[position] for position in _first_positions(connection, len(steps))]
    return list(steps)


def _first_positions(connection: sqlite3.Connection, count: int) -> list[int]:
    rows = connection.execute("SELECT min(position) FROM step_list GROUP BY layout ORDER BY 1")
    return [position for (position,) in rows if position < count]


def _recorded(
    steps: RecordedSteps, source: Source, places: Places
) -> Iterator[tuple[int, float | None]]:
    sums: dict[int, list[float | None]] = {}
    with source.look() as connection:
        for position in _first_positions(connection, len(steps)):
            for place in places(steps[position]):
                for at, value in _column(connection, position, place):
                    sums.setdefault(at, []).append(value)
    numbers = steps.indices
    for position in sorted(sums):
        if position < len(numbers):
            yield numbers[position], _mean(sums[position])


def _column(
    connection: sqlite3.Connection, position: int, place: Place
) -> Iterator[tuple[int, float | None]]:
    """A figure in all steps with the layout of the one at `position`."""
    column, table = _COLUMNS[place.kind][place.column], _TABLES[place.kind]
    for at, value in connection.execute(
        f"SELECT s.position, {column} FROM step_list AS s "
        f"JOIN {table} AS f ON f.key = s.position * {PLACES} + ? "
        "WHERE s.layout = (SELECT layout FROM step_list WHERE position = ?) ORDER BY s.position",
        (place.number, position),
    ):
        if value is not None and not isinstance(value, float | int):
            raise ValueError(f"a figure that is no number: {type(value).__name__}")
        yield at, value


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
