"""One tensor at one moment: its shape, its statistics, a few of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Value = bool | int | float
"""One number out of a tensor."""

HISTOGRAM_BINS = 32


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values in 32 bins of equal width between the smallest and the largest value.

    Attributes:
        low: Left edge of the first bin: the smallest finite value of the tensor.
        high: Right edge of the last bin: the largest finite value. Where it equals `low`,
            all values stand in the first bin.
        counts: 32 counts.
        sampled: None where every value was counted, else how many values the counts were
            taken from (evenly spaced over the whole tensor).
    """

    low: float
    high: float
    counts: tuple[int, ...]
    sampled: int | None = None


@dataclass(frozen=True, slots=True)
class TensorStats:
    """Figures of one tensor's values.

    With non-finite values the figures cover the finite ones; where there are none, or no
    values at all, the figures are None.

    Attributes:
        count: Number of values, non-finite ones included.
        mean: Arithmetic mean.
        std: Population standard deviation (divided by n, not n - 1).
        min: Smallest value.
        max: Largest value.
        norm: L2 norm of all values as one vector.
        fraction_nonpositive: Share of values at or below zero, 0 to 1.
        fraction_zero: Share of values equal to zero, 0 to 1.
        nonfinite: Number of NaN and infinite values.
        histogram: Distribution of the values.
    """

    count: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    norm: float | None
    fraction_nonpositive: float | None
    fraction_zero: float | None
    nonfinite: int
    histogram: Histogram | None


@dataclass(frozen=True, slots=True)
class Samples:
    """Real values of a tensor, kept for the pictures.

    Attributes:
        indices: Which rows of the batch (dimension 0) these are.
        shape: Shape of the kept values; the first number is ``len(indices)``. Maps and
            pixels beyond 16 and 64 × 64 are left out by even spacing.
        data: The values as little-endian float16, in row-major order.
    """

    indices: tuple[int, ...]
    shape: tuple[int, ...]
    data: bytes = field(repr=False)


TENSOR, PLAIN, OBJECT = "tensor", "plain", "object"
"""Kinds of records: of a tensor; of None, a truth value, a number or a text; of anything else."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """Which network made a tensor's values before the step in which it was recorded.

    Attributes:
        network: The network whose output they were, in an earlier step.
        share: Share of the batch's rows that are outputs of networks, above 0 and up to 1.
        how: How that was inferred: ``values``, by comparing rows with those kept of outputs.
    """

    network: str
    share: float
    how: str = "values"

    @property
    def whole(self) -> bool:
        """Whether all rows of the batch are outputs of networks."""
        return self.share >= 1


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """What was recorded of one tensor, or the reason why nothing was.

    Attributes:
        shape: Its shape, or None where the value holds no tensor.
        dtype: Its type without the ``torch.`` prefix, such as ``float32``.
        device: Such as ``cpu`` or ``cuda:0``.
        requires_grad: Whether autograd follows it.
        stats: Its statistics, or None; `note` then says why.
        note: For people: why there are no statistics, or what is special about them.
        preview: The first 8 values in row-major order.
        samples: Real values for the pictures, where kept.
        name: The keyword or the position in a structure: ``labels``, ``logits``, ``[1]``.
        id: One tensor object at one version, unique in the recording; None for what is no tensor.
        alias_of: Id of another object over the same memory that was there first: this one is a
            view, a ``detach`` or a reshape of it. None where there is none.
        changed_from: Id of the same object (or, for a view made later, of the object under it)
            before its values were changed in place.
        is_leaf: Whether autograd begins at it, rather than at what it was made of; None where it
            does not require a gradient.
        kind: `TENSOR`, `PLAIN` or `OBJECT`.
        earlier: Which network made its values in an earlier step, where that was inferred.
        spread: How far the samples of a batch differ: the standard deviation (population) across
            the first dimension, averaged over all values of a sample. Of inputs and outputs of
            whole networks alone, floating point on the CPU, with at least 2 samples.
    """

    shape: tuple[int, ...] | None
    dtype: str | None
    device: str | None
    requires_grad: bool
    stats: TensorStats | None
    note: str | None = None
    preview: tuple[Value, ...] = ()
    samples: Samples | None = None
    name: str | None = None
    id: int | None = None
    alias_of: int | None = None
    changed_from: int | None = None
    is_leaf: bool | None = None
    kind: str = TENSOR
    earlier: Earlier | None = None
    spread: float | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it stands for None, a truth value, a number or a text."""
        return self.kind == PLAIN


def tensors_of(records: Sequence[TensorRecord]) -> list[TensorRecord]:
    """Those that stand for tensors."""
    return [record for record in records if record.shape is not None]


def sides_of(shape: Sequence[int], *, between: str = "×", scalar: str = "scalar") -> str:
    """``(64, 1, 28, 28)`` as ``64×1×28×28``.

    Args:
        shape: A shape.
        between: What stands between two sides.
        scalar: What a shape without dimensions is called.
    """
    return between.join(map(str, shape)) or scalar
