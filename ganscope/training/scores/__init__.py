"""How good generated images are: a figure per file, each with what real images get."""

from __future__ import annotations

from ganscope.training.scores.evaluate import Scores, evaluate, evaluate_real
from ganscope.training.scores.reference import Reference, read_reference, to_scored

__all__ = [
    "Reference",
    "Scores",
    "evaluate",
    "evaluate_real",
    "read_reference",
    "to_scored",
]
