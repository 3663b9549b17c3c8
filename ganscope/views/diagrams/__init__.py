"""Pictures for teaching, drawn by matplotlib from a trace: what flows, what learns, what comes
of it. No figure of pyplot is made and no setting of matplotlib is left changed."""

from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.registry import draw, frames, kinds

__all__ = ["DiagramOptions", "draw", "frames", "kinds"]
