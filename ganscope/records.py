"""A trace that knows how to show itself, without torch."""

from __future__ import annotations

from ganscope.traces import Trace
from ganscope.views import TablePresenter

Trace.presenter = TablePresenter()

__all__ = ["Trace"]
