"""Recordings of several processes that train one model together, beside each other.

Each has data of its own, so losses, outputs and gradients may differ. What has to be the same is
the order of updates and how they move the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganscope.traces import Trace
    from ganscope.traces.comparison import Comparison

_TOLERANCE = 1e-5
"""Relative difference up to which weights of two processes count as the same."""


def lines(files: Sequence[Path], traces: Sequence[Trace]) -> Iterator[str]:
    """Where the ranks differ: one line for each further file, against the first.

    Args:
        files: The recordings.
        traces: What they hold.
    """
    from ganscope.traces.compare import compare

    first, *others = traces
    for file, other in zip(files[1:], others, strict=True):
        comparison = compare(first, other, tolerance=_TOLERANCE)
        yield f"{file.name} beside {files[0].name}: {'; '.join(_differences(comparison))}"


def _differences(comparison: Comparison) -> Iterator[str]:
    lacking = (
        ("steps only in the first", comparison.steps_only_first),
        ("steps only in the second", comparison.steps_only_second),
        ("calls only in the first", [each.label for each in comparison.only_first]),
        ("calls only in the second", [each.label for each in comparison.only_second]),
    )
    apart = [f"{what}: {_few(which)}" for what, which in lacking if which]
    moved = [each for each in comparison.differences if each.what in ("update", "optimizer")]
    if moved:
        since = min(each.since for each in moved)
        early = [each.where for each in moved if each.since == since]
        apart.append(f"weights or updates differ from step {since} on: {_few(early)}")
    yield from apart or ("the same steps, and every weight moves alike",)
    losses = (each.where for each in comparison.differences if each.what == "loss")
    data = {where for where in losses if ": " not in where}
    if data:
        yield f"losses differ ({_few(sorted(data))}), as each has its own data"


def _few(names: Sequence[object]) -> str:
    shown = ", ".join(map(str, list(dict.fromkeys(names))[:3]))
    more = len(dict.fromkeys(names)) - 3
    return f"{shown} and {more} more" if more > 0 else shown
