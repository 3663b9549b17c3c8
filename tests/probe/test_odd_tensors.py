"""Tensors that are no plain float32 in row-major order: right figures, or a note that says why."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.probe.helpers import Net, assert_figures, assert_statistics, call, run


def _quantized() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.rand(4), 0.1, 0, torch.quint8)


def _nested(layout: Any) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)


def _sparse_rows() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.eye(4).to_sparse_csr()


NOTES: dict[str, tuple[Callable[[], Tensor], str]] = {
    "meta": (lambda: torch.empty(2, 3, device="meta"), "the meta device holds no values"),
    "fake": (lambda: FakeTensorMode().from_tensor(torch.ones(2)), "a fake tensor holds no values"),
    "sparse": (lambda: torch.eye(4).to_sparse(), "sparse: no figures for this layout"),
    "sparse rows": (_sparse_rows, "sparse: no figures for this layout"),
    "complex": (lambda: torch.ones(3, dtype=torch.complex64), "complex: no order, so no figures"),
    "quantized": (_quantized, "quantized: no figures for this type"),
    "nested": (lambda: _nested(torch.strided), "nested: no figures for this layout"),
    "jagged": (lambda: _nested(torch.jagged), "nested: no figures for this layout"),
}


@pytest.mark.parametrize("name", NOTES)
def test_unsupported_kinds_get_a_note(name: str) -> None:
    make, note = NOTES[name]
    trace = run(Net(lambda self, x: x), make())
    for record in (*call(trace, "net").inputs, *call(trace, "net").outputs):
        assert record.stats is None
        assert record.note == note
    trace.to_dict()


SUPPORTED: dict[str, Callable[[], Tensor]] = {
    "float64": lambda: torch.randn(40, 7, dtype=torch.float64),
    "float16": lambda: torch.randn(40, 7).half(),
    "bfloat16": lambda: torch.randn(40, 7).bfloat16(),
    "float8": lambda: torch.randn(40, 7).to(torch.float8_e4m3fn),
    "int64": lambda: torch.randint(-9, 9, (40, 7)),
    "uint8": lambda: torch.randint(0, 255, (40, 7), dtype=torch.uint8),
    "bool": lambda: torch.randn(40, 7) > 0,
    "empty": lambda: torch.empty(0, 7),
    "scalar": lambda: torch.tensor(3.25),
    "one value": lambda: torch.tensor([-2.0]),
    "with nan": lambda: torch.tensor([1.0, float("nan"), 3.0]),
    "with infinity": lambda: torch.tensor([1.0, float("inf"), -float("inf"), 3.0]),
    "all nan": lambda: torch.full((5,), float("nan")),
    "huge": lambda: torch.tensor([3e38, -3e38, 1e38]),
    "tiny": lambda: torch.tensor([1e-42, -3e-41, 2e-40]),
    "zeros": lambda: torch.zeros(9000),
    "constant": lambda: torch.full((70_000,), 0.1),
    "offset": lambda: torch.randn(70_000) + 1e4,
    "transposed": lambda: torch.randn(9, 40).T,
    "channels last": lambda: torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last),
    "sliced": lambda: torch.randn(40, 9)[:, ::2],
    "expanded": lambda: torch.randn(40, 1).expand(40, 6),
    "negative view": lambda: torch.randn(40)._neg_view(),
    "requires grad": lambda: torch.randn(40, requires_grad=True),
    "large": lambda: torch.randn(300, 1000),
}


@pytest.mark.parametrize("name", SUPPORTED)
def test_figures_are_numpys(name: str) -> None:
    torch.manual_seed(0)
    tensor = SUPPORTED[name]()
    with np.errstate(all="ignore"):
        record = call(run(Net(lambda self, x: x), tensor), "net").outputs[0]
        if tensor.numel() == 0:
            assert record.stats is not None
            assert (record.stats.count, record.stats.mean) == (0, None)
            return
        assert_figures(record, tensor)
    flat = tensor.detach().to(torch.float64).reshape(-1)[:8].tolist()
    assert list(map(repr, map(float, record.preview))) == list(map(repr, flat))
    if record.stats.histogram is not None:
        sampled = record.stats.histogram.sampled
        assert sum(record.stats.histogram.counts) == sampled or sampled is None


def test_figures_of_a_view_are_of_the_view() -> None:
    base = torch.randn(50, 4)
    record = call(run(Net(lambda self, x: x), base[10:20]), "net").inputs[0]
    assert_statistics(record.stats, base[10:20].numpy())


def test_parameters_in_half_precision() -> None:
    model = nn.Linear(8, 8).bfloat16()
    inputs = torch.randn(4, 8).bfloat16()
    with torch.no_grad():
        expected = model(inputs)
    assert_figures(call(run(model, inputs), "net").outputs[0], expected)
