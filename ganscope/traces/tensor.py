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


@dataclass(frozen=True, slots=True)
class Earlier:
    """Who made a tensor's values before the step in which it was seen.

    Attributes:
        network: The network whose output they were, in an earlier step.
        whole: Whether all rows of the batch are outputs of networks; else some of them are.
    """

    network: str
    whole: bool

    @property
    def note(self) -> str:
        """What a record says of it."""
        return f"{'' if self.whole else _IN_PART}{_MADE_BY}{self.network}{_EARLIER}"

    @classmethod
    def of_note(cls, note: str | None) -> Earlier | None:
        """Read back from a record's note; None where that says something else."""
        text = note or ""
        whole = not text.startswith(_IN_PART)
        text = text.removeprefix(_IN_PART)
        if not (text.startswith(_MADE_BY) and text.endswith(_EARLIER)):
            return None
        return cls(text.removeprefix(_MADE_BY).removesuffix(_EARLIER), whole)


_IN_PART, _MADE_BY, _EARLIER = "in part ", "made by ", " in an earlier step"


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """What was seen of one tensor, or why nothing was.

    Attributes:
        shape: Its shape, or None where the value holds no tensor.
        dtype: Its type without the ``torch.`` prefix, such as ``float32``.
        device: Such as ``cpu`` or ``cuda:0``.
        requires_grad: Whether autograd follows it.
        stats: Its figures, or None; `note` then says why.
        note: Why there are no figures, or what is special about them.
        preview: The first 8 values in row-major order.
        samples: Real values for the pictures, where kept.
        name: The keyword or the place in a structure: ``labels``, ``logits``, ``[1]``.
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

    @property
    def is_plain(self) -> bool:
        """Whether it stands for None, a truth value, a number or a text: nothing to be seen."""
        note = self.note or ""
        return self.shape is None and note.endswith(NO_TENSOR) and not note.startswith("a ")

    @property
    def earlier(self) -> Earlier | None:
        """Who made the values in an earlier step, where that was noticed."""
        return Earlier.of_note(self.note)


NO_TENSOR = ": no tensor"
"""Ends the note of what is no tensor; before it stands a plain value, or ``a`` and a class."""


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
