"""The real values that a trace kept, as arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganscope.traces import Samples, TensorRecord

Values = NDArray[Any]
_MAPS = 16


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


def reread(samples: Samples, shape: tuple[int, ...]) -> Samples | None:
    """The same values as those of a tensor of another shape; None where some are missing.

    Args:
        samples: Of the tensor before.
        shape: The other shape, the batch first; of many maps the first 16 are taken.
    """
    rows = len(samples.indices)
    if math.prod(shape[1:]) != math.prod(samples.shape[1:]) or len(shape) < 2:
        return None
    values = np.frombuffer(samples.data, "<f2").reshape(rows, *shape[1:])
    if len(shape) > 2:
        values = values[:, :_MAPS]
    return Samples(samples.indices, values.shape, values.tobytes())


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
