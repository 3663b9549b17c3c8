"""The table of a run's figures, one row a step, as CSV that only grows."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

FILE = "metrics.csv"


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one step, over all processes.

    Attributes:
        step: From 0.
        epoch: From 0.
        batch: The step in the epoch, from 0.
        d_loss: The discriminator's loss.
        g_loss: The generator's loss.
        d_real: D(x): the discriminator's mean answer on real images.
        d_fake: D(G(z)): its mean answer on generated ones.
        seconds: Spent training up to here.
    """

    step: int
    epoch: int
    batch: int
    d_loss: float
    g_loss: float
    d_real: float
    d_fake: float
    seconds: float

    @property
    def bad(self) -> bool:
        """Whether a figure is NaN or infinite."""
        figures = (self.d_loss, self.g_loss, self.d_real, self.d_fake)
        return not all(math.isfinite(figure) for figure in figures)


COLUMNS = tuple(each.name for each in fields(Row))


class MetricsFile:
    """The file, up to a length that is known to be whole.

    Rows that a full disk did not take are kept and written with the next ones.

    Args:
        path: The file.
        size: How much of it belongs to the run; what stands behind is cut off.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self._path = path
        self._pending: list[str] = []
        there = path.stat().st_size if path.exists() else 0
        self.size = min(size, there)
        if there > self.size:
            with path.open("rb+") as file:
                file.truncate(self.size)
        if self.size == 0:
            self._pending.append(",".join(COLUMNS) + "\n")

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows.

        Raises:
            OSError: They cannot be written yet.
        """
        self._pending += [",".join(_text(getattr(row, name)) for name in COLUMNS) + "\n"
                          for row in rows]  # fmt: skip
        content = "".join(self._pending).encode("ascii")
        with self._path.open("ab") as file:
            try:
                file.write(content)
                file.flush()
            except OSError:
                file.truncate(self.size)
                raise
        self.size += len(content)
        self._pending.clear()

    def sync(self) -> int:
        """Bring it to the disk, as far as that is possible; returns its length."""
        with contextlib.suppress(OSError), self._path.open("ab") as file:
            os.fsync(file.fileno())
        return self.size


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; one that is not whole ends them.

    Raises:
        OSError: It cannot be read.
    """
    rows: list[Row] = []
    for line in path.read_text(encoding="ascii", errors="replace").splitlines()[1:]:
        cells = line.split(",")
        try:
            numbers = [*map(int, cells[:3]), *map(float, cells[3:])]
        except ValueError:
            break
        if len(numbers) != len(COLUMNS):
            break
        rows.append(Row(*numbers))  # type: ignore[arg-type]
    return rows


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9g}"
