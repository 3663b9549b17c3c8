"""A trace that knows how to show itself, and how one is read from a file: all without torch."""

from __future__ import annotations

from pathlib import Path

from ganscope.traces import Trace
from ganscope.traces.compare import compare
from ganscope.traces.comparison import Comparison
from ganscope.traces.file import read_trace
from ganscope.views import TablePresenter

Trace.presenter = TablePresenter()

__all__ = ["Trace", "diff", "load"]


def load(path: str | Path) -> Trace:
    """The trace in a file: a recording (``.gscope``), or one saved as JSON.

    Args:
        path: The file. What it is, its content tells; the name does not matter.

    Returns:
        The trace. A recording opens at once, however long it is: each step is read when it is
        asked for, and one that is still being written grows at ``trace.steps.refresh()``.

    Raises:
        TraceFileError: It holds no trace, is damaged or was recorded by a newer ganscope.
    """
    return read_trace(Path(path))


def diff(
    first: Trace | str | Path, second: Trace | str | Path, *, tolerance: float = 0.0
) -> Comparison:
    """What differs between two traces, step by step.

    Steps are matched by their index, unless each trace has a single one. Calls are matched by
    path and nth call, losses, backward runs, optimizers and parameters by name.

    Args:
        first: A trace, or the file that holds one.
        second: Another.
        tolerance: Relative difference up to which two figures are equal; 0 is to the last bit.

    Returns:
        The first call, in order, of which an input or the output differs, all that differs with
        the furthest apart first, and what only one of them has; `Comparison.equal` says whether
        nothing does.

    Raises:
        TraceFileError: A file holds no trace.
    """
    one, other = (item if isinstance(item, Trace) else load(item) for item in (first, second))
    return compare(one, other, tolerance=tolerance)
