"""Compiled modules: one opaque call; the compiler meets the same code, observed or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from ganscope.probe.model import observe
from tests.probe.helpers import Net, assert_figures, call, paths, run


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
    trace, error = observe(make(Backend()), (torch.randn(3, 5),), name="net")
    assert error is not None
    assert trace.failure is not None
    assert trace.steps[0].calls[trace.failure.call].label == "net.inner"
    assert not torch.nn.modules.module._global_forward_hooks


def test_wrapped_in_data_parallel() -> None:
    trace = run(nn.DataParallel(_inner()), torch.randn(3, 4))
    assert paths(trace) == ["net", "net.0", "net.1", "net.2"]
    assert trace.networks[0].wrapper == "DataParallel"


def test_a_compiled_model_in_use_is_not_compiled_again_by_a_trace() -> None:
    for make in (_whole, _part, _in_place):
        torch._dynamo.reset()
        backend, inputs = Backend(), torch.randn(3, 4)
        model = make(backend)
        with torch.no_grad():
            before = model(inputs)
            run(model, inputs)
            run(model, inputs)
            after = model(inputs)
        assert len(backend.graphs) == 1, make
        assert torch.equal(before, after)


def test_a_compiled_forward_of_a_part_meets_no_observer() -> None:
    counts = []
    for observed in (False, True):
        torch._dynamo.reset()
        backend, inner = Backend(), _inner()
        inner.forward = torch.compile(inner.forward, backend=backend)
        model = Net(lambda self, x: self.inner(x).relu(), inner=inner)
        inputs = torch.ones(3, 4)
        with torch.no_grad():
            if observed:
                trace = run(model, inputs)
                assert call(trace, "net.inner").outputs[0].stats is not None
            model(inputs)
        counts.append(backend.graphs)
    assert counts[0] == counts[1]


def test_a_compiled_part_used_twice_is_two_calls_with_figures_of_their_own() -> None:
    model = Net(lambda self, x: self.inner(self.inner(x)), inner=_part(Backend()).inner)
    inputs = torch.randn(3, 4)
    trace = run(model, inputs)
    assert paths(trace) == ["net", "net.inner", "net.inner #2"]
    with torch.no_grad():
        first = model.inner(inputs)
    assert_figures(call(trace, "net.inner").outputs[0], first)
    assert_figures(call(trace, "net.inner #2").inputs[0], first)


@pytest.mark.parametrize("make", [_part, _in_place])
def test_what_a_compiled_part_does_in_place_to_its_input_shows(make: Any) -> None:
    model = make(Backend())
    inner = nn.Sequential(nn.ReLU(inplace=True))
    if make is _part:
        model.inner = torch.compile(inner, backend=Backend())
    else:
        inner.compile(backend=Backend())
        model.inner = inner
    inputs = torch.randn(3, 4)
    trace = run(model, inputs.clone())
    assert_figures(call(trace, "net.inner").inputs[0], inputs)
    assert_figures(call(trace, "net.inner").outputs[0], inputs.relu())


@pytest.mark.parametrize("make", [_whole, _part, _in_place])
def test_compiled_modules_are_what_they_were_after_a_trace(make: Any) -> None:
    model = make(Backend())
    before = [dict(vars(part)) for part in model.modules()]
    wrapper = type(model).__call__
    run(model, torch.randn(3, 4))
    observe(model, (torch.randn(3, 5),))
    for part, kept in zip(model.modules(), before, strict=True):
        assert {key: id(value) for key, value in vars(part).items()} == {
            key: id(value) for key, value in kept.items()
        }
    assert type(model).__call__ is wrapper


@pytest.mark.parametrize("make", [_part, _in_place])
def test_an_interruption_inside_a_compiled_part_passes_through(make: Any) -> None:
    class Interrupted:
        def __call__(self, module: torch.fx.GraphModule, inputs: Any) -> Callable[..., Any]:
            def stop(*_: Any) -> Any:
                raise KeyboardInterrupt

            return stop

    model = make(Interrupted())
    with pytest.raises(KeyboardInterrupt):
        observe(model, (torch.randn(3, 4),))
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert torch._C._len_torch_function_stack() == 0
    assert paths(run(nn.Linear(2, 2), torch.randn(1, 2))) == ["net"]


def test_scripted_network_is_one_opaque_call() -> None:
    with pytest.warns(FutureWarning):
        scripted = torch.jit.script(_inner())
    inputs = torch.randn(3, 4)
    trace = run(scripted, inputs)
    assert paths(trace) == ["net"]
    assert "scripted" in call(trace, "net").note
    assert trace.networks[0].parameters == 40
    with torch.no_grad():
        assert_figures(call(trace, "net").outputs[0], scripted(inputs))
