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
from ganscope.traces.reading import StepReader
from ganscope.traces.source import Source
from ganscope.traces.step import Step
from ganscope.traces.table import view_columns

_KEPT = 4
"""Steps held in memory."""
_TEXTS = frozenset(
    (
        "purpose", "kind", "network", "path", "type", "file", "arguments", "output_shape", "name",
        "optimizer", "shape", "direction", "dtype", "device", "earlier_network", "loss", "reached",
        "learning_rates", "fate",
    )
)  # fmt: skip
"""Columns of views that hold text; the others hold numbers."""


class Labels:
    """Which steps there are, and which intervals make up each.

    Attributes:
        indices: The `index` of every step, in order.
        starts: The first interval of each.
        intervals: How many intervals there are.
    """

    def __init__(self) -> None:
        self.indices, self.starts = array("q"), array("q")
        self.intervals = 0

    def clear(self) -> None:
        """Forget all."""
        del self.indices[:], self.starts[:]
        self.intervals = 0

    def intervals_of(self, place: int) -> range:
        """The intervals of a step."""
        ends = self.starts[place + 1] if place + 1 < len(self.starts) else self.intervals
        return range(self.starts[place], ends)

    def read_on(self, connection: sqlite3.Connection) -> bool:
        """Read those that are new; whether the last step that was known has grown by them.

        Raises:
            sqlite3.Error, ValueError: The file is damaged.
        """
        known = len(self.indices)
        grown = False
        for number, step in connection.execute(
            "SELECT id, step FROM interval WHERE id >= ? ORDER BY id", (self.intervals,)
        ):
            # This also is what keeps a tangled file from being read without end.
            if number != self.intervals:
                raise ValueError(f"interval {self.intervals - 1} is followed by {number}")
            if not self.indices or self.indices[-1] != step:
                self.indices.append(step)
                self.starts.append(number)
            elif len(self.indices) == known:
                grown = True
            self.intervals += 1
        return grown


class RecordedSteps(Sequence[Step]):
    """A sequence of steps that stand in a file.

    It holds the steps that were there when it was made; `refresh` looks for further ones. A
    step's place in the sequence is not its `index` where not every step was recorded: see
    `by_index`. A slice is such a sequence too, and reads nothing. At most a few steps are held
    in memory.

    Args:
        source: The file.
        labels: The steps that there are, where they are known already.
        places: Which of them, for a slice.

    Raises:
        TraceFileError: The file is damaged; so does everything else here that reads.
    """

    def __init__(
        self, source: Source, labels: Labels | None = None, places: range | None = None
    ) -> None:
        self._source = source
        self._labels = labels or Labels()
        self._places = places
        self._regrouped = -1
        self._memory: OrderedDict[int, Step] = OrderedDict()
        self._reader = StepReader()
        if labels is None:
            self.refresh()

    @property
    def path(self) -> Path:
        """The file that they stand in."""
        return self._source.path

    @property
    def indices(self) -> Sequence[int]:
        """The `index` of every step, in order."""
        every = self._labels.indices
        return every if self._places is None else [every[place] for place in self._places]

    @property
    def intervals(self) -> list[range]:
        """The intervals of every step, in order."""
        return [self._labels.intervals_of(place) for place in self._every]

    def refresh(self) -> int:
        """Look for steps recorded since; how many there are now.

        A slice stays what it is.
        """
        if self._places is None:
            with self._source.look() as connection:
                self._read_labels(connection)
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
            view: A view of the file, such as ``losses`` or ``calls``; docs/gscope.md lists them
                and their columns.
            columns: Which of them.
            **equal: Columns → what they must be: ``path="generator.model.0", nth=1``.

        Returns:
            One tuple per row, in the order of the steps; NaN and what is missing are None.

        Raises:
            TraceFileError: The file is damaged; these figures bear no checksums, the steps do.
            ValueError: There is no such view or column.
        """
        unknown = {*columns, *equal} - set(view_columns().get(view, ()))
        if unknown:
            raise ValueError(f"no view '{view}' has the column(s) {', '.join(sorted(unknown))}")
        where = " AND ".join(f"{column} = ?" for column in equal) or "1"
        with self._source.look(f"the figures of its {view}") as connection:
            rows = connection.execute(
                f"SELECT {', '.join(columns)} FROM {view} WHERE {where} ORDER BY step",
                [*equal.values()],
            ).fetchall()
            for column, values in zip(columns, zip(*rows, strict=True), strict=False):
                kinds = {str} if column in _TEXTS else {int, float}
                if not set(map(type, values)) <= kinds | {type(None)}:
                    raise ValueError(f"{column} holds other than it should")
        return rows

    def keep(self, owner: object) -> None:
        """Keep `owner` (a temporary folder) alive for as long as a step can be read."""
        self._source.owner = owner

    def __len__(self) -> int:
        return len(self._every)

    @overload
    def __getitem__(self, place: int) -> Step: ...
    @overload
    def __getitem__(self, place: slice) -> RecordedSteps: ...
    def __getitem__(self, place: int | slice) -> Step | RecordedSteps:
        if isinstance(place, slice):
            return RecordedSteps(self._source, self._labels, self._every[place])
        return self._step(self._every[place])

    def __iter__(self) -> Iterator[Step]:
        for place in self._every:
            yield self._step(place)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} step(s) of {self._source.name}>"

    @property
    def _every(self) -> range:
        """The places of the steps among all labels."""
        return range(len(self._labels.indices)) if self._places is None else self._places

    def _step(self, place: int) -> Step:
        step = self._memory.get(place)
        if step is None:
            number, intervals = self._labels.indices[place], self._labels.intervals_of(place)
            with self._source.look(f"step {number}") as connection:
                step = self._reader.read(connection, intervals, number)
                if step is None:
                    raise self._lost(connection, number)
            self._memory[place] = step
            if len(self._memory) > _KEPT:
                self._memory.popitem(last=False)
        return step

    def _lost(self, connection: sqlite3.Connection, number: int) -> Exception:
        """Why a step is not where it was."""
        (regrouped,) = connection.execute("SELECT regrouped FROM recording").fetchone()
        if regrouped == self._regrouped:
            return ValueError("it is not where it should be")
        return TraceFileError(
            f"{self._source.name}: step {number} has been regrouped since the file was "
            "opened; open it again"
        )

    def _read_labels(self, connection: sqlite3.Connection) -> None:
        closed, intervals, regrouped = connection.execute(
            "SELECT closed, intervals, regrouped FROM recording"
        ).fetchone()
        if regrouped != self._regrouped:  # what was read may have changed
            self._memory.clear()
            self._labels.clear()
        self._regrouped = regrouped
        if self._labels.read_on(connection):
            self._memory.clear()
        if closed and intervals != self._labels.intervals:
            raise ValueError(f"it had {intervals} intervals and has {self._labels.intervals}")


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
