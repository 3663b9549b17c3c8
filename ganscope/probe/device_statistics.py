"""Figures of tensors that live on a device, fetched in one transfer.

Each tensor leaves two small rows of numbers on its device: figures in floating point, counts
in int64. Nothing is synchronised until the first result is asked for; then all rows of a
device come over together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganscope.probe.figures import PREVIEW, Figures
from ganscope.probe.samples import corner_of, fetch
from ganscope.probe.statistics import BINS_BELOW, EMPTY, HISTOGRAM_SAMPLE, sample_stride
from ganscope.traces import Histogram, TensorStats
from ganscope.traces.tensor import HISTOGRAM_BINS

_NUMBERS = 6
"""Mean, std, low, high, norm, and the factor of mean, std and norm; the preview follows."""
_COUNTS = 3
"""Finite, nonpositive, zero; the histogram follows."""


class Batch:
    """Rows of figures that wait on their devices."""

    def __init__(self) -> None:
        self._waiting: list[_Row] = []
        self._corners: list[tuple[Figures, Tensor]] = []

    def add(self, tensor: Tensor, *, samples: bool = False) -> Figures:
        """Compute the figures of `tensor` where it lives; real, strided types only."""
        figures = Figures()
        with torch.no_grad(), torch.autocast(tensor.device.type, enabled=False):
            numbers, counts = _rows(tensor.detach())
            corner = corner_of(tensor) if samples else None
        value = float if tensor.is_floating_point() else bool if tensor.dtype == torch.bool else int
        self._waiting.append(_Row(figures, numbers, counts, tensor.numel(), value))
        if corner is not None:
            self._corners.append((figures, corner))
        return figures

    def flush(self) -> None:
        """Bring every waiting row over: three transfers per device, whatever its number."""
        waiting, self._waiting = self._waiting, []
        corners, self._corners = self._corners, []
        for device in {row.numbers.device for row in waiting}:
            here = [row for row in waiting if row.numbers.device == device]
            all_numbers = torch.stack([row.numbers for row in here]).cpu().tolist()
            all_counts = torch.stack([row.counts for row in here]).cpu().tolist()
            for row, numbers, counts in zip(here, all_numbers, all_counts, strict=True):
                row.arrive(numbers, counts)
            fetch([entry for entry in corners if entry[1].device == device])


@dataclass(frozen=True, slots=True)
class _Row:
    """Figures of one tensor, on their way."""

    figures: Figures
    numbers: Tensor
    counts: Tensor
    count: int
    value: type

    def arrive(self, numbers: list[float], counts: list[int]) -> None:
        """They are here: the tensor's figures, and the counts of its histogram."""
        preview = numbers[_NUMBERS : _NUMBERS + min(self.count, PREVIEW)]
        self.figures.preview = tuple(map(self.value, preview))
        self.figures.stats = _stats(self.count, numbers, counts)


def _stats(count: int, numbers: list[float], counts: list[int]) -> TensorStats:
    """The statistics out of the two rows that came over."""
    finite, nonpositive, zero = counts[:_COUNTS]
    if finite == 0:
        return replace(EMPTY, count=count, nonfinite=count)
    mean, std, low, high, norm, largest = numbers[:_NUMBERS]
    bins = tuple(counts[_COUNTS:])
    return TensorStats(
        count,
        mean * largest,
        std * largest,
        low,
        high,
        norm * largest,
        nonpositive / finite,
        zero / finite,
        count - finite,
        Histogram(low, high, bins, sum(bins) if count > HISTOGRAM_SAMPLE else None),
    )


def _rows(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """The two rows of one tensor: (6 + 8,) floating, (3 + 32,) int64."""
    # Whole numbers and doubles need float64; MPS has none.
    exact = tensor.dtype == torch.float64 or not tensor.is_floating_point()
    precise = torch.float64 if exact and tensor.device.type != "mps" else torch.float32
    flat = tensor.reshape(-1).to(precise)  # (n,)
    if flat.numel() == 0:
        return flat.new_zeros(_NUMBERS + PREVIEW), _zeros(flat, _COUNTS + HISTOGRAM_BINS)
    finite = torch.isfinite(flat)
    number = finite.sum()
    low = torch.where(finite, flat, torch.inf).amin()
    high = torch.where(finite, flat, -torch.inf).amax()
    # Scaled by a power of two (exact), so that no square under- or overflows.
    largest = torch.maximum(high.abs(), low.abs())
    largest = torch.where(largest > 0, torch.exp2(torch.floor(torch.log2(largest))), 1.0)
    clean = torch.where(finite, flat, 0.0) / largest
    mean = clean.sum() / number
    std = (torch.where(finite, clean - mean, 0.0).square().sum() / number).sqrt()
    norm = torch.linalg.vector_norm(clean)
    preview = flat.new_zeros(PREVIEW)
    preview[: min(flat.numel(), PREVIEW)] = flat[:PREVIEW]
    figures = torch.cat([torch.stack([mean, std, low, high, norm, largest]), preview])
    nonpositive = (finite & (flat <= 0)).sum()
    zero = (flat == 0).sum()
    bins = _histogram(clean, finite, low / largest, high / largest)
    return figures.to(precise), torch.cat([torch.stack([number, nonpositive, zero]), bins])


def _histogram(flat: Tensor, finite: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """32 counts between `low` and `high`, of evenly spaced values where there are many."""
    if flat.numel() > HISTOGRAM_SAMPLE:
        stride = sample_stride(flat.numel())
        flat, finite = flat[::stride], finite[::stride]
    width = high - low
    scale = torch.where(width > 0, BINS_BELOW / width, 0.0)
    place = ((flat - low) * scale).nan_to_num(nan=0.0).clamp(0, HISTOGRAM_BINS - 1)
    place = torch.where(finite, place, 0.0).to(torch.int64)
    return _zeros(flat, HISTOGRAM_BINS).scatter_add_(0, place, finite.to(torch.int64))


def _zeros(like: Tensor, size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.int64, device=like.device)
