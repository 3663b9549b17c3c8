"""What happened, as immutable values: the nouns of a trace and their plain form."""

from ganscope.traces.call import Call, CallSite, Gradient
from ganscope.traces.event import Event
from ganscope.traces.interval import Arrival, Fate, Interval, Received
from ganscope.traces.source_text import SourceText
from ganscope.traces.step import (
    EARLIER,
    Backward,
    BufferChange,
    GradientSplit,
    Judgement,
    LedgerEntry,
    Loss,
    LossPart,
    Optimizer,
    ParameterUpdate,
    Step,
    Update,
)
from ganscope.traces.tensor import Earlier, Histogram, Samples, TensorRecord, TensorStats
from ganscope.traces.trace import SCHEMA, Failure, Finding, Meta, Network, Trace

__all__ = [
    "EARLIER",
    "SCHEMA",
    "Arrival",
    "Backward",
    "BufferChange",
    "Call",
    "CallSite",
    "Earlier",
    "Event",
    "Failure",
    "Fate",
    "Finding",
    "Gradient",
    "GradientSplit",
    "Histogram",
    "Interval",
    "Judgement",
    "LedgerEntry",
    "Loss",
    "LossPart",
    "Meta",
    "Network",
    "Optimizer",
    "ParameterUpdate",
    "Received",
    "Samples",
    "SourceText",
    "Step",
    "TensorRecord",
    "TensorStats",
    "Trace",
    "Update",
]
