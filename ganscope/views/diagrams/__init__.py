"""Pictures for teaching, drawn by matplotlib from a trace: what flows, what learns, what comes
of it. No figure of pyplot is made and no setting of matplotlib is left changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ganscope.traces import Trace
from ganscope.views.diagrams.options import DiagramOptions

if TYPE_CHECKING:
    from ganscope.views.diagrams.picture import Picture

__all__ = ["DiagramOptions", "draw", "frames"]


def draw(trace: Trace, kind: str = "flow", options: DiagramOptions | None = None) -> Picture:
    """See `drawing.draw`; matplotlib is imported here and not before."""
    from ganscope.views.diagrams import drawing

    return drawing.draw(trace, kind, options)


def frames(
    trace: Trace, kind: str = "flow", options: DiagramOptions | None = None
) -> Iterator[Picture]:
    """See `drawing.frames`."""
    from ganscope.views.diagrams import drawing

    return drawing.frames(trace, kind, options)
