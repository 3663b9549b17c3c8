"""A trace that knows how to show itself, and how one is read from a file: all without torch."""

from __future__ import annotations

from pathlib import Path

from ganscope.traces import Trace
from ganscope.traces.file import read_trace
from ganscope.views import TablePresenter

Trace.presenter = TablePresenter()

__all__ = ["Trace", "load"]


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
