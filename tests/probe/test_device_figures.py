"""Figures that are worked out where a tensor lives agree with those worked out on the CPU.

They run here on CPU tensors, which is the same code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganscope.probe.device_statistics import Batch
from ganscope.probe.statistics import measure
from ganscope.traces import TensorStats
from ganscope.traces.schema import to_plain

TENSORS: dict[str, Callable[[], Tensor]] = {
    "float32": lambda: torch.randn(40, 7),
    "float64": lambda: torch.randn(40, 7, dtype=torch.float64) * 1e100,
    "float16": lambda: (torch.randn(4000) * 1e4).half(),
    "bfloat16": lambda: torch.randn(4000).bfloat16(),
    "float8": lambda: torch.randn(400).to(torch.float8_e4m3fn),
    "whole numbers": lambda: torch.randint(-9, 9, (40, 7)),
    "large whole numbers": lambda: torch.tensor([2**24 + 1, 2**40 + 1, -(2**50) - 1]),
    "bytes": lambda: torch.randint(0, 255, (5000,), dtype=torch.uint8),
    "booleans": lambda: torch.randn(40, 7) > 0,
    "none": lambda: torch.empty(0, 7),
    "scalar": lambda: torch.tensor(3.25),
    "one": lambda: torch.tensor([-2.0]),
    "nan": lambda: torch.tensor([1.0, math.nan, 3.0]),
    "infinite": lambda: torch.tensor([1.0, math.inf, -math.inf, 3.0]),
    "all nan": lambda: torch.full((5,), math.nan),
    "huge": lambda: torch.tensor([3e38, -3e38, 1e38]),
    "tiny": lambda: torch.tensor([1e-30, -3e-31, 2e-30]),
    "denormal": lambda: torch.tensor([1e-42, -3e-41, 2e-40]),
    "zeros": lambda: torch.zeros(9000),
    "constant": lambda: torch.full((70_000,), 0.1),
    "offset": lambda: torch.randn(70_000) + 1e4,
    "transposed": lambda: torch.randn(9, 40).T,
    "sliced": lambda: torch.randn(40, 9)[:, ::2],
    "expanded": lambda: torch.randn(40, 1).expand(40, 6),
    "requires grad": lambda: torch.randn(40, requires_grad=True),
    "large": lambda: torch.randn(300, 1000),
}
EXACT = ("count", "nonfinite", "min", "max", "fraction_nonpositive", "fraction_zero")
WIDE = (torch.float16, torch.bfloat16, torch.float8_e4m3fn)


def _on_cpu(tensor: Tensor) -> tuple[TensorStats, list[float]]:
    plain = tensor.detach()
    array = (plain.float() if plain.dtype in WIDE else plain).numpy()
    return measure(array), array.reshape(-1)[:8].tolist()


@pytest.mark.parametrize("name", TENSORS)
def test_figures_agree(name: str) -> None:
    torch.manual_seed(0)
    tensor = TENSORS[name]()
    batch = Batch()
    figures = batch.add(tensor)
    batch.flush()
    expected, preview = _on_cpu(tensor)
    stats = figures.stats
    assert stats is not None
    for figure in EXACT:
        assert getattr(stats, figure) == getattr(expected, figure), figure
    assert list(map(repr, figures.preview)) == list(map(repr, preview))
    json.dumps(to_plain(stats), allow_nan=False)
    if expected.norm is None:
        assert (stats.mean, stats.std, stats.norm, stats.histogram) == (None, None, None, None)
        return
    rms = expected.norm / math.sqrt(expected.count - expected.nonfinite)
    for figure in ("mean", "std", "norm"):
        value, exact = getattr(stats, figure), getattr(expected, figure)
        assert value is not None
        assert abs(value - exact) <= 1e-5 * max(abs(exact), rms), figure
    assert stats.histogram is not None
    assert stats.histogram.sampled == expected.histogram.sampled
    assert sum(stats.histogram.counts) == sum(expected.histogram.counts)
    moved = sum(
        abs(a - b) for a, b in zip(stats.histogram.counts, expected.histogram.counts, strict=True)
    )
    assert moved <= 2 + 2e-3 * sum(expected.histogram.counts)


def test_many_tensors_come_over_each_with_its_own_figures() -> None:
    batch = Batch()
    tensors = [torch.full((size,), float(size)) for size in range(1, 40)]
    figures = [batch.add(tensor, samples=True) for tensor in tensors]
    for tensor in tensors:
        tensor.zero_()
    batch.flush()
    assert [f.stats.mean for f in figures] == [float(size) for size in range(1, 40)]
    assert [f.samples.shape[0] for f in figures] == [min(size, 8) for size in range(1, 40)]


def test_nothing_is_kept_alive_until_the_transfer() -> None:
    import weakref

    batch = Batch()
    tensor = torch.randn(500, 500)
    reference = weakref.ref(tensor)
    figures = batch.add(tensor, samples=True)
    del tensor
    assert reference() is None
    batch.flush()
    assert figures.stats.count == 250_000
