"""What may be going on around or inside a forward: nothing of it changes, all of it is said."""

from __future__ import annotations

import copy
import gc
import json
import os
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import ganscope
from ganscope.errors import ObserverError
from ganscope.probe import sites
from ganscope.probe.model import Conditions, observe
from tests.probe.helpers import Net, assert_figures, call, calls, paths, run


def _clean() -> bool:
    """Nothing of the observer is left."""
    module = torch.nn.modules.module
    hooks = [*module._global_forward_hooks, *module._global_forward_pre_hooks]
    return not hooks and torch._C._len_torch_function_stack() == 0


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert _clean()
    run(nn.Linear(2, 2), torch.ones(1, 2))


# -- compiled functions --------------------------------------------------------------------------


class Backend:
    """Compiles nothing, keeps the operations of each graph."""

    def __init__(self) -> None:
        self.graphs: list[list[str]] = []

    def __call__(self, module: torch.fx.GraphModule, inputs: Any) -> Callable[..., Any]:
        self.graphs.append([str(node.target) for node in module.graph.nodes])
        return module.forward


def _function(backend: Backend) -> nn.Module:
    compiled = torch.compile(lambda x: torch.tanh(x) * 2 + 1, backend=backend)
    return Net(lambda self, x: self.layer(compiled(x)), layer=nn.Linear(4, 4))


def _method(backend: Backend) -> nn.Module:
    model = Net(lambda self, x: self.block(x).relu(), layer=nn.Linear(4, 4))
    model.block = torch.compile(lambda x: torch.sigmoid(model.layer(x)), backend=backend)
    return model


def _with_parts(backend: Backend) -> nn.Module:
    inner = Net(lambda self, x: self.b(F.relu(self.a(x))), a=nn.Linear(4, 4), b=nn.Tanh())
    return nn.Sequential(torch.compile(inner, backend=backend), nn.Linear(4, 4))


# -- dispatch modes, default devices and types ---------------------------------------------------


class Dispatches(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def test_fake_tensors_all_around() -> None:
    with FakeTensorMode() as mode:
        model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(inplace=True))
        inputs = mode.from_tensor(torch.empty(2, 4))
        trace, error = observe(model, (inputs,), name="net")
    assert error is None
    assert [c.outputs[0].shape for c in calls(trace)] == [(2, 3)] * 4
    assert {c.outputs[0].note for c in calls(trace)} == {"a fake tensor holds no values"}
    assert torch.rand(1).item() >= 0


def test_a_model_on_the_meta_device() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout()).to("meta")
    trace = run(model, torch.empty(2, 4, device="meta"))
    assert trace.meta.device == "meta"
    assert {c.outputs[0].note for c in calls(trace)} == {"the meta device holds no values"}
    assert trace.networks[0].parameters == 21


def test_default_device_and_type_are_neither_used_nor_changed() -> None:
    model, inputs = nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.randn(2, 4)
    with torch.no_grad():
        expected = model(inputs)
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    try:
        trace = run(model, inputs)
        assert torch.empty(1).is_meta
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert_figures(call(trace, "net.1").outputs[0], expected)


@pytest.mark.parametrize("complaint", ["raise", "warn"])
def test_figures_do_not_depend_on_numpys_error_settings(complaint: Any) -> None:
    values = torch.tensor([1e-30, 1.0, -1e-25, 3e-45, 2.0, 0.0])
    odd = torch.tensor([float("nan"), float("inf"), 3e38, -3e38, 1e-42])
    with np.errstate(all=complaint):
        trace = run(Net(lambda self, x, y: x), values, odd)
    first, second = call(trace, "net").inputs
    assert_figures(first, values)
    assert_figures(second, odd)


def test_autocast_around_is_left_as_it_was() -> None:
    model, inputs = nn.Sequential(nn.Linear(40, 40), nn.Softmax(dim=1)), torch.randn(20, 40)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected = model(inputs)
        trace = run(model, inputs)
        assert torch.is_autocast_enabled("cpu")
        assert torch.equal(model(inputs), expected)
    assert call(trace, "net.0").outputs[0].dtype == "bfloat16"
    assert_figures(call(trace, "net").outputs[0], expected)


@pytest.mark.parametrize("enabled", [True, False])
def test_grad_mode_and_inference_mode_around_stay(enabled: bool) -> None:
    model, inputs = nn.Linear(3, 3), torch.randn(2, 3)
    with torch.set_grad_enabled(enabled):
        run(model, inputs)
        assert torch.is_grad_enabled() is enabled
    with torch.inference_mode():
        run(model, torch.randn(2, 3))
        assert torch.is_inference_mode_enabled()


def test_inference_mode_inside_the_forward_is_never_mistaken() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.inference_mode():
            y = self.first(x)
            for _ in range(3):
                y.mul_(2)
                self.look(y)
        return x

    inputs = torch.randn(5, 3)
    model = Net(forward, first=nn.Tanh(), look=nn.Identity())
    trace = run(model, inputs)
    for label, factor in (("net.look", 2), ("net.look #2", 4), ("net.look #3", 8)):
        assert_figures(call(trace, label).outputs[0], inputs.tanh() * factor)


# -- functorch and subclasses --------------------------------------------------------------------


def test_functional_call_and_grad_inside_the_forward() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        weights = {name: value * 2 for name, value in self.layer.named_parameters()}

        def loss(weights: Any) -> Tensor:
            return torch.func.functional_call(self.layer, weights, (x,)).square().sum()

        gradients = torch.func.grad(loss)(weights)
        return self.layer(x) - gradients["bias"]

    model, inputs = Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3)
    weight = model.layer.weight
    with torch.no_grad():
        expected = model(inputs)
    trace = run(model, inputs)
    assert model.layer.weight is weight
    assert_figures(call(trace, "net").outputs[0], expected)
    json.dumps(trace.to_dict(), allow_nan=False)


def test_vmap_over_a_network_is_said_and_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    inputs = torch.randn(4, 2, 3)
    kept: list[Tensor] = []
    holder = Net(lambda self, x: kept.append(torch.vmap(self.inner)(x)) or kept[-1], inner=model)
    with torch.no_grad():
        holder(inputs)
    trace = run(holder, inputs)
    assert torch.equal(kept[0], kept[1])
    assert call(trace, "net.inner.1").outputs[0].note == "inside vmap or grad"
    assert_figures(call(trace, "net").outputs[0], kept[0])


class Tagged(Tensor):
    """A subclass that counts the functions it takes part in."""

    count = 0

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Tagged.count += 1
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_subclass_meets_the_same_functions_and_has_figures() -> None:
    model = Net(lambda self, x: self.layer(x).relu() + 1, layer=nn.Linear(3, 3))
    inputs = torch.randn(2, 3).as_subclass(Tagged)
    counts = []
    for observed in (False, True):
        Tagged.count = 0
        with torch.no_grad():
            (run if observed else lambda m, x: m(x))(model, inputs)
        counts.append(Tagged.count)
    assert counts[0] == counts[1]
    with torch.no_grad():
        expected = model(inputs).as_subclass(Tensor)
    assert_figures(call(run(model, inputs), "net").outputs[0], expected)


def test_a_parameter_as_output() -> None:
    model = Net(lambda self, x: self.layer.weight, layer=nn.Linear(3, 2))
    assert_figures(call(run(model, torch.ones(1)), "net").outputs[0], model.layer.weight)


# -- shapes of programs --------------------------------------------------------------------------


def test_a_module_that_calls_itself() -> None:
    def forward(self: Any, x: Tensor, depth: int = 3) -> Tensor:
        return self.layer(x) if depth == 0 else self(self.layer(x), depth - 1) + depth

    trace = run(Net(forward, layer=nn.Linear(4, 4)), torch.randn(2, 4))
    modules = [c for c in calls(trace) if c.kind == "module"]
    nets = [c for c in modules if c.path == "net"]
    assert [c.nth for c in nets] == [1, 2, 3, 4]
    assert [c.parent for c in nets] == [None, nets[0].id, nets[1].id, nets[2].id]
    assert [c.parent for c in modules if c.path == "net.layer"] == [c.id for c in nets]


def test_an_output_that_is_an_iterator_is_not_used_up() -> None:
    got: list[Any] = []
    inner = Net(lambda self, x: (x * factor for factor in range(3)))
    model = Net(lambda self, x: got.extend(self.inner(x)) or x, inner=inner)
    trace = run(model, torch.ones(2))
    assert len(got) == 3
    assert call(trace, "net.inner").outputs[0].note == "a generator: no tensor"


def test_a_very_long_output_is_cut_off_and_that_is_said() -> None:
    trace = run(Net(lambda self, x: [x + 0 for _ in range(500)]), torch.ones(2))
    record = call(trace, "net")
    assert len(record.outputs) < 500
    said = [record.note or "", *(output.note or "" for output in record.outputs)]
    assert any("500" in note or "more" in note or "cut" in note for note in said)


def test_an_output_that_holds_itself_does_no_harm() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        endless: list[Any] = [x]
        endless.append(endless)
        return endless

    trace, error = observe(Net(forward), (torch.ones(2),), name="net")
    assert error is None
    assert len(calls(trace)) == 1


def test_none_returned_while_an_exception_is_handled_is_no_failure() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        try:
            raise KeyError("the forward's own")
        except KeyError:
            self.nothing(x)
            x = self.layer(x)
        return self.layer(x)

    model = Net(forward, nothing=Net(lambda self, x: None), layer=nn.Linear(3, 3))
    trace = run(model, torch.ones(2, 3))
    assert trace.failure is None
    assert paths(trace) == ["net", "net.nothing", "net.layer", "net.layer #2"]
    assert call(trace, "net.nothing").outputs[0].note == "None: no tensor"


def test_a_failed_operation_that_the_forward_survives_is_no_failure() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        try:
            return x.view(7, 7)
        except RuntimeError:
            return self.layer(x)

    trace = run(Net(forward, layer=nn.Linear(3, 3)), torch.ones(2, 3))
    assert trace.failure is None
    assert call(trace, "net.layer").parent == 0


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise TypeError("no words")


def test_an_exception_without_words_is_still_the_forwards_own() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        raise UnspeakableError

    trace, error = observe(Net(forward, layer=nn.Linear(3, 3)), (torch.ones(2, 3),), name="net")
    assert isinstance(error, UnspeakableError)
    assert trace.failure is not None
    assert "UnspeakableError" in trace.failure.message


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("where", ["operation", "layer", "compiled"])
def test_an_interruption_passes_and_leaves_nothing(kind: type[BaseException], where: str) -> None:
    def interrupted(self: Any, x: Tensor) -> Tensor:
        raise kind("now")

    inner: nn.Module = Net(interrupted)
    if where == "compiled":
        inner.compile(backend="eager")
    if where == "operation":
        inner = Net(lambda self, x: torch.Tensor.apply_(x.clone(), lambda _: interrupted(self, x)))
    model = nn.Sequential(nn.BatchNorm1d(3), Net(lambda self, x: self.inner(x), inner=inner))
    before = copy.deepcopy(model.state_dict())
    random_state = torch.get_rng_state()
    with pytest.raises(kind):
        observe(model, (torch.ones(2, 3),), name="net")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)


# -- processes and threads -----------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_not_observed() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads that a child does not have
            child = os.fork()
        if child == 0:
            os._exit(0 if _clean() and bool(torch.equal(x + 1, 1 + x)) else 1)
        codes.append(os.waitpid(child, 0)[1])
        return self.layer(x)

    codes: list[int] = []
    trace = run(Net(forward, layer=nn.Linear(3, 3)), torch.ones(2, 3))
    assert codes == [0]
    assert paths(trace) == ["net", "net.layer"]


def test_another_thread_is_refused_while_one_traces() -> None:
    refused: list[str] = []

    def elsewhere() -> None:
        try:
            observe(nn.Linear(2, 2), (torch.ones(1, 2),))
        except ObserverError as error:
            refused.append(str(error))

    def forward(self: Any, x: Tensor) -> Tensor:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return self.layer(x)

    trace, _ = observe(Net(forward, layer=nn.Linear(3, 3)), (torch.ones(2, 3),), name="net")
    assert len(refused) == 1
    assert paths(trace) == ["net", "net.layer"]


# -- checkpoints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpointed_segment_is_recorded_once_under_grad(reentrant: bool) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return checkpoint(self.inner, x, use_reentrant=reentrant)

    model = Net(forward, inner=nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)))
    inputs = torch.randn(2, 3, requires_grad=True)
    torch.manual_seed(0)
    expected = model(inputs)
    trace, error = observe(model, (inputs,), name="net", conditions=Conditions(grad=True, seed=0))
    assert error is None
    assert paths(trace).count("net.inner.0") == 1
    assert_figures(call(trace, "net").outputs[0], expected)
    expected.sum().backward()


# -- memory and faults ---------------------------------------------------------------------------


def test_nothing_outlives_a_trace_even_without_the_collector() -> None:
    alive: list[weakref.ref[Any]] = []

    def forward(self: Any, x: Tensor) -> Any:
        for part in (self.small, self.large):
            x = part(x)
            alive.append(weakref.ref(x))
            x = F.leaky_relu(x * 1.0, 0.1, inplace=True).view(x.shape)
            alive.append(weakref.ref(x))
        alive.append(weakref.ref(x.untyped_storage()))
        return {"out": x, "parts": x.chunk(2)}

    model = Net(forward, small=nn.Linear(3, 9), large=nn.Linear(9, 20_000))
    gc.collect()
    gc.disable()
    try:
        trace = ganscope.trace(model, torch.randn(4, 3), grad=True)
        assert [reference() for reference in alive] == [None] * 5
        twin = weakref.ref(model)
        del model
        assert twin() is None
    finally:
        gc.enable()
    assert trace.failure is None


def test_fifty_traces_take_no_more_memory_than_one() -> None:
    model = nn.Sequential(nn.Linear(30, 300), nn.BatchNorm1d(300), nn.ReLU(), nn.Linear(300, 9))
    inputs = torch.randn(64, 30)
    for _ in range(5):
        run(model, inputs)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            run(model, inputs)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 60_000


def test_two_traces_under_one_seed_are_equal() -> None:
    model = nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.5), nn.BatchNorm1d(5))
    inputs = torch.randn(8, 5)
    first, second = (
        observe(model, (inputs,), name="net", conditions=Conditions(seed=3))[0] for _ in range(2)
    )
    assert [(c.inputs, c.outputs) for c in calls(first)] == [
        (c.inputs, c.outputs) for c in calls(second)
    ]


def test_a_fault_in_finding_sites_is_noted_and_the_rest_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError("a fault of ours")

    monkeypatch.setattr(sites, "find", refuse)
    kept: list[Tensor] = []
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    model.register_forward_hook(lambda m, a, o: kept.append(o.clone()))
    inputs = torch.randn(6, 4)
    for _ in range(2):
        trace, error = observe(model, (inputs,), name="net", conditions=Conditions(seed=1))
        assert error is None
        assert trace.meta.completeness == "partial"
        assert len([note for note in trace.meta.notes if "fault" in note]) <= 3
    torch.manual_seed(1)
    with torch.no_grad():
        model(inputs)
    assert torch.equal(kept[0], kept[1])
    assert torch.equal(kept[0], kept[2])
    json.dumps(trace.to_dict(), allow_nan=False)
