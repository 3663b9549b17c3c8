"""What happened, as immutable values: the nouns of a trace and their plain form."""

from ganscope.traces.call import Call, CallSite, Gradient
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
    "Backward",
    "BufferChange",
    "Call",
    "CallSite",
    "Earlier",
    "Failure",
    "Finding",
    "Gradient",
    "GradientSplit",
    "Histogram",
    "Judgement",
    "LedgerEntry",
    "Loss",
    "LossPart",
    "Meta",
    "Network",
    "Optimizer",
    "ParameterUpdate",
    "Samples",
    "Step",
    "TensorRecord",
    "TensorStats",
    "Trace",
    "Update",
]
