"""The steps of a recording, each read when it is asked for."""

from __future__ import annotations

import sqlite3
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

from ganscope.errors import TraceFileError, UsageError
from ganscope.traces.layout import Layout, read_layout
from ganscope.traces.source import Source
from ganscope.traces.step import Step
from ganscope.traces.tables import COLUMNS, PLACES, TEXTS, VIEWS
from ganscope.traces.unpacking import unpack

_KEPT = 4
"""Steps, and layouts of steps, held in memory."""


class RecordedSteps(Sequence[Step]):
    """A sequence of steps that stand in a file.

    It holds the steps that were there when it was made; `refresh` looks for further ones. A
    step's place in the sequence is not its `index` where not every step was recorded: see
    `by_index`. A slice is such a sequence too, and reads nothing. At most a few steps are held
    in memory.

    Args:
        source: The file.
        numbers: The steps' indices, where they are known already.
        places: Which of them, for a slice.

    Raises:
        TraceFileError: The file is damaged; so does everything else here that reads.
    """

    def __init__(
        self, source: Source, numbers: array[int] | None = None, places: range | None = None
    ) -> None:
        self._source = source
        self._numbers: array[int] = array("q") if numbers is None else numbers
        self._places = places
        self._regrouped = -1
        self._memory: OrderedDict[int, Step] = OrderedDict()
        self._layouts: OrderedDict[int, tuple[Layout, bytes]] = OrderedDict()
        if numbers is None:
            self.refresh()

    @property
    def path(self) -> Path:
        """The file that they stand in."""
        return self._source.path

    @property
    def indices(self) -> Sequence[int]:
        """The `index` of every step, in order."""
        return self._numbers if self._places is None else [self._numbers[p] for p in self._places]

    def refresh(self) -> int:
        """Look for steps recorded since; how many there are now.

        A slice stays what it is.
        """
        if self._places is None:
            with self._source.look() as connection:
                self._read_numbers(connection)
        return len(self)

    def by_index(self, index: int) -> Step:
        """The step with this `index`.

        Raises:
            UsageError: It was not recorded.
        """
        return step_by_index(self, index)

    def table(self, view: str, columns: Sequence[str], **equal: str | int) -> list[tuple[Any, ...]]:
        """Figures of all steps, without reading the steps: quick for thousands of them.

        Args:
            view: ``steps``, ``losses``, ``calls`` or ``parameter_updates``; docs/gscope.md has
                their columns.
            columns: Which of them.
            **equal: Columns → what they must be: ``path="generator.model.0", nth=1``.

        Returns:
            One tuple per row, in the order of the steps; NaN and what is missing are None.

        Raises:
            TraceFileError: The file is damaged; these figures bear no checksums, the steps do.
            ValueError: There is no such view or column.
        """
        unknown = {*columns, *equal} - set(COLUMNS.get(view, ()))
        if unknown:
            raise ValueError(f"no view '{view}' has the column(s) {', '.join(sorted(unknown))}")
        where = " AND ".join(f"{column} = ?" for column in equal) or "1"
        with self._source.look(f"the figures of its {view}") as connection:
            rows = connection.execute(
                f"SELECT {', '.join(columns)} FROM ({VIEWS[view]}) WHERE {where}", [*equal.values()]
            ).fetchall()
            for column, values in zip(columns, zip(*rows, strict=True), strict=False):
                kinds = {str} if column in TEXTS else {int, float}
                if not set(map(type, values)) <= kinds | {type(None)}:
                    raise ValueError(f"{column} holds other than it should")
        return rows

    def keep(self, owner: object) -> None:
        """Keep `owner` (a temporary folder) alive for as long as a step can be read."""
        self._source.owner = owner

    def __len__(self) -> int:
        return len(self._numbers) if self._places is None else len(self._places)

    @overload
    def __getitem__(self, place: int) -> Step: ...
    @overload
    def __getitem__(self, place: slice) -> RecordedSteps: ...
    def __getitem__(self, place: int | slice) -> Step | RecordedSteps:
        places = range(len(self._numbers)) if self._places is None else self._places
        if isinstance(place, slice):
            return RecordedSteps(self._source, self._numbers, places[place])
        return self._step(places[place])

    def __iter__(self) -> Iterator[Step]:
        for place in range(len(self._numbers)) if self._places is None else self._places:
            yield self._step(place)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} step(s) of {self._source.name}>"

    def _step(self, place: int) -> Step:
        step = self._memory.get(place)
        if step is None:
            number = self._numbers[place]
            with self._source.look(f"step {number}") as connection:
                step = self._read_step(connection, place, number)
            self._memory[place] = step
            if len(self._memory) > _KEPT:
                self._memory.popitem(last=False)
        return step

    def _read_step(self, connection: sqlite3.Connection, place: int, number: int) -> Step:
        row = connection.execute(
            "SELECT layout, numbers FROM step_list JOIN step_data USING(position) "
            "WHERE position = ?",
            (place,),
        ).fetchone()
        if row is not None:
            layout, digest = self._layout(connection, row[0])
            samples = connection.execute(
                "SELECT data FROM sample_data WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
                (place * PLACES, (place + 1) * PLACES - 1, len(layout.samples) + 1),
            )
            step = unpack(layout, digest, row[1], [data for (data,) in samples])
            if step.index == number:
                return step
        (regrouped,) = connection.execute("SELECT regrouped FROM recording").fetchone()
        if regrouped != self._regrouped:
            raise TraceFileError(
                f"{self._source.name}: step {number} has been regrouped since the file was "
                "opened; open it again"
            )
        raise ValueError("it is not where it should be")

    def _layout(self, connection: sqlite3.Connection, number: int) -> tuple[Layout, bytes]:
        """A layout and the digest of its bytes."""
        if number not in self._layouts:
            row = connection.execute(
                "SELECT body, digest FROM layouts WHERE id = ?", (number,)
            ).fetchone()
            if row is None:
                raise ValueError("its layout is lost")
            self._layouts[number] = read_layout(row[0]), row[1]
            if len(self._layouts) > _KEPT:
                self._layouts.popitem(last=False)
        return self._layouts[number]

    def _read_numbers(self, connection: sqlite3.Connection) -> None:
        closed, steps, regrouped = connection.execute(
            "SELECT closed, steps, regrouped FROM recording"
        ).fetchone()
        if regrouped != self._regrouped:  # what was read may have changed
            self._memory.clear()
            self._layouts.clear()
            del self._numbers[:]
        self._regrouped = regrouped
        expected = len(self._numbers)
        for position, number in connection.execute(
            "SELECT position, step FROM step_list WHERE position >= ? ORDER BY position",
            (expected,),
        ):
            if position != expected:  # also what keeps a tangled file from going on for ever
                raise ValueError(f"its steps go on from {expected - 1} to {position}")
            self._numbers.append(number)
            expected += 1
        if closed and steps != expected:
            raise ValueError(f"it had {steps} steps and has {expected}")


def indices_of(steps: Sequence[Step]) -> Sequence[int]:
    """The `index` of every step, without reading those of a file."""
    return steps.indices if isinstance(steps, RecordedSteps) else [step.index for step in steps]


def step_by_index(steps: Sequence[Step], index: int) -> Step:
    """The step with this `index`, among those of a file or any others.

    Raises:
        UsageError: There is none; the message names those there are.
    """
    numbers = indices_of(steps)
    try:
        place = numbers.index(index)
    except ValueError:
        raise UsageError(no_such_step(index, numbers)) from None
    return steps[place]


def no_such_step(index: int, numbers: Sequence[int]) -> str:
    """Words for a step that is not among those recorded: ``0 to 90, every 10th``."""
    if not numbers:
        return f"there is no step {index}: none was recorded"
    first, last = numbers[0], numbers[-1]
    strides = {after - before for before, after in pairwise(numbers)}
    stride = strides.pop() if len(strides) == 1 else 0
    if len(numbers) <= 8:
        there = ", ".join(map(str, numbers))
    elif stride > 0:
        there = f"{first} to {last}" + (f", every {stride}th" if stride > 1 else "")
    else:
        there = f"{len(numbers)} steps from {first} to {last}"
    near = min(numbers, key=lambda number: abs(number - index))
    return f"there is no step {index}; recorded are {there}; the nearest is {near}"
