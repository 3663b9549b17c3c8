"""The real values that a trace kept, as arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganscope.traces import Samples, TensorRecord

Values = NDArray[Any]


def all_rows(samples: Samples) -> Values:
    """Every kept row, as float32 of `Samples.shape`."""
    kept: Values = np.frombuffer(samples.data, "<f2").reshape(samples.shape).astype(np.float32)
    return kept


def one_sample(record: TensorRecord, sample: int) -> Values | None:
    """What was kept of one row of a batch, without the batch's dimension; None for nothing.

    Of a tensor with more than three dimensions behind the batch, the first slice of each of
    the further ones.
    """
    samples = record.samples
    if samples is None or sample not in samples.indices:
        return None
    values: Values = all_rows(samples)[samples.indices.index(sample)]
    while values.ndim > 3:
        values = values[..., 0]
    return values


def is_thinned(record: TensorRecord) -> bool:
    """Whether fewer values were kept of a row than there are."""
    return (
        record.samples is not None
        and record.shape is not None
        and math.prod(record.samples.shape[1:]) != math.prod(record.shape[1:])
    )


def limit_of(values: Values) -> float:
    """The largest size among the finite values; 0 where there is none."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0
