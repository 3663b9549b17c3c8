"""The kinds of diagrams by name."""

from __future__ import annotations

from ganscope.views.diagrams.options import require

KINDS = {
    "flow": ("ganscope.views.diagrams.flow", "draw_flow"),
    "step": ("ganscope.views.diagrams.step", "draw_step"),
    "stats": ("ganscope.views.diagrams.stats", "draw_stats"),
    "training": ("ganscope.views.diagrams.training", "draw_training"),
}
"""Name → the module that draws it, imported when it is asked for, and its function."""


def require_kind(name: str) -> None:
    """Refuse a name that is no kind.

    Raises:
        UsageError: It names those there are.
    """
    require("kind", name, KINDS)
