"""Nothing is retained: no activation, no model, no growth from trace to trace."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe.model import Conditions, observe
from ganscope.traces import Trace
from tests.probe.helpers import Net


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    """What is let go only by the collector of cycles counts as kept."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 64), nn.BatchNorm1d(64), nn.LeakyReLU(0.2, inplace=True), nn.Linear(64, 8)
    )


def _watching(alive: list[weakref.ref[Tensor]]) -> nn.Module:
    def forward(self: Any, x: Tensor) -> Tensor:
        hidden = self.stack(x)
        part = hidden.view(-1)
        joined = torch.cat([part, part])[::2]
        joined += 1
        alive.extend(weakref.ref(tensor) for tensor in (hidden, part, joined))
        return joined

    return Net(forward, stack=_model())


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("samples", [False, True])
def test_activations_die_without_the_collector(grad: bool, samples: bool) -> None:
    alive: list[weakref.ref[Tensor]] = []
    conditions = Conditions(grad=grad, samples=samples)
    trace, error = observe(_watching(alive), (torch.randn(6, 8),), conditions=conditions)
    assert error is None
    assert trace.steps[0].calls
    assert [reference() for reference in alive] == [None] * 3


def test_inputs_and_model_die_with_the_last_name_of_the_user() -> None:
    model, inputs = _model(), torch.randn(6, 8)
    watched = [weakref.ref(model), weakref.ref(model[1]), weakref.ref(inputs)]
    trace = ganscope.trace(model, inputs)
    del model, inputs
    assert [reference() for reference in watched] == [None] * 3
    assert trace.networks[0].name == "model"


def test_a_tensor_is_let_go_as_soon_as_the_forward_lets_it_go() -> None:
    alive: list[int] = []

    def forward(self: Any, x: Tensor) -> Tensor:
        references = []
        for _ in range(5):
            x = self.layer(x).relu()
            references.append(weakref.ref(x))
            alive.append(sum(reference() is not None for reference in references))
        return x

    trace, error = observe(Net(forward, layer=nn.Linear(8, 8)), (torch.randn(6, 8),))
    assert error is None
    assert trace.meta.completeness == "complete"
    assert alive == [1] * 5


def _tensors() -> int:
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


@pytest.mark.parametrize("failing", [False, True])
def test_memory_is_flat_over_fifty_traces(failing: bool) -> None:
    model, inputs = _model(), torch.randn(6, 9 if failing else 8)

    def once() -> Trace:
        trace, error = observe(model, (inputs,))
        assert (error is not None) is failing
        return trace

    for _ in range(5):
        once()
    gc.collect()
    tensors = _tensors()
    tracemalloc.start()
    try:
        for _ in range(5):
            once()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            once()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert _tensors() == tensors
    assert after - before < 20_000  # 400 bytes a trace; one trace alone holds far more


def test_a_trace_holds_no_tensor() -> None:
    before = _tensors()
    model = _model()
    kept = _tensors() - before
    traces = [observe(model, (torch.randn(6, 8),))[0] for _ in range(3)]
    assert len(traces) == 3
    assert _tensors() - before == kept
