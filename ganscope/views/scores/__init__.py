"""How good generated images are, shown: the figures, what they mean, in every format."""

from __future__ import annotations

from ganscope.views.scores.report import Measured, Report, Subject

__all__ = ["Measured", "Report", "Subject"]
