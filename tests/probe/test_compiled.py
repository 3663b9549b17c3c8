"""Compiled modules: one opaque call; the compiler meets the same code, observed or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from tests.probe.helpers import Net, call, paths, run


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Backend:
    """Compiles nothing, counts the nodes of each graph."""

    def __init__(self) -> None:
        self.graphs: list[int] = []

    def __call__(self, module: torch.fx.GraphModule, inputs: Any) -> Callable[..., Any]:
        self.graphs.append(len(module.graph.nodes))
        return module.forward


def _inner() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))


def _whole(backend: Backend) -> nn.Module:
    return torch.compile(_inner(), backend=backend)


def _part(backend: Backend) -> nn.Module:
    return Net(lambda self, x: self.inner(x).relu(), inner=torch.compile(_inner(), backend=backend))


def _in_place(backend: Backend) -> nn.Module:
    inner = _inner()
    inner.compile(backend=backend)
    return Net(lambda self, x: self.inner(x).relu(), inner=inner)


@pytest.mark.parametrize("make", [_whole, _part, _in_place])
def test_the_same_graphs_and_bits_observed_or_not(make: Any) -> None:
    inputs = torch.randn(3, 4)
    kept, counts = [], []
    for observed in (False, True):
        torch._dynamo.reset()
        backend = Backend()
        model = make(backend)
        holder = Net(lambda self, x: kept.append(self.model(x)) or kept[-1], model=model)
        with torch.no_grad():
            (run if observed else lambda m, x: m(x))(holder, inputs)
            model(inputs)  # unobserved, and compiled already
        counts.append(backend.graphs)
    assert torch.equal(kept[0], kept[1])
    assert counts[0] == counts[1]
    assert len(counts[0]) == 1


@pytest.mark.parametrize("make", [_part, _in_place])
def test_compiled_part_is_one_opaque_call(make: Any) -> None:
    trace = run(make(Backend()), torch.randn(3, 4))
    assert paths(trace) == ["net", "net.inner", "net/relu"]
    inner = call(trace, "net.inner")
    assert "compiled" in inner.note
    assert (inner.type, inner.parameters) == ("Sequential", 40)
    assert inner.outputs[0].stats is not None
    assert inner.seconds is not None


def test_compiled_network_is_one_opaque_call_without_a_prefix() -> None:
    trace = run(_whole(Backend()), torch.randn(3, 4))
    assert paths(trace) == ["net"]
    assert trace.networks[0].wrapper == "compiled"
    assert trace.networks[0].type == "Sequential"


@pytest.mark.parametrize("make", [_part, _in_place])
def test_a_failure_inside_a_compiled_part(make: Any) -> None:
    from ganscope.probe.model import observe

    trace, error = observe(make(Backend()), (torch.randn(3, 5),), name="net")
    assert error is not None
    assert trace.failure is not None
    assert trace.steps[0].calls[trace.failure.call].label == "net.inner"
    assert not torch.nn.modules.module._global_forward_hooks


def test_wrapped_in_data_parallel() -> None:
    trace = run(nn.DataParallel(_inner()), torch.randn(3, 4))
    assert paths(trace) == ["net", "net.0", "net.1", "net.2"]
    assert trace.networks[0].wrapper == "DataParallel"
