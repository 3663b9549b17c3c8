"""Hooks and attributes of the user's own: they work as without an observer, and are seen."""

from __future__ import annotations

import copy
import io
import random
import warnings
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations, prune

import ganscope
from ganscope.errors import ObserverError
from ganscope.probe.model import Conditions, observe
from tests.probe.helpers import Net, assert_figures, call, calls, run


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hook_that_raises_fails_as_without_an_observer(when: str) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("no")

    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    if when == "before":
        model[1].register_forward_pre_hook(refuse)
    else:
        model[1].register_forward_hook(refuse)
    trace, error = observe(model, (torch.randn(2, 3),), name="net")
    assert isinstance(error, ValueError)
    assert trace.failure is not None
    assert trace.failure.message == "ValueError: no"
    assert [c.path for c in calls(trace)] == ["net", "net.0", "net.1"]
    assert trace.steps[0].calls[trace.failure.call].path in ("net", "net.1")
    assert not torch.nn.modules.module._global_forward_hooks


def test_global_hooks_of_the_user_stay_and_see_the_same() -> None:
    seen: list[str] = []
    handle = register_module_forward_hook(lambda m, a, o: seen.append(type(m).__name__))
    try:
        model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        run(model, torch.randn(2, 3))
        first, seen[:] = list(seen), []
        model(torch.randn(2, 3))
    finally:
        handle.remove()
    assert first == seen == ["Linear", "ReLU", "Sequential"]


def test_a_trace_inside_a_forward_hook_is_refused() -> None:
    refused: list[str] = []

    def look(module: nn.Module, args: Any, output: Tensor) -> None:
        with pytest.raises(ObserverError) as caught:
            ganscope.trace(nn.Linear(3, 3), output)
        refused.append(str(caught.value))

    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    handle = model[0].register_forward_hook(look)
    trace = run(model, torch.randn(2, 3))
    handle.remove()
    assert len(refused) == 1
    assert [c.path for c in calls(trace)] == ["net", "net.0", "net.1"]
    assert len(calls(run(model, torch.randn(2, 3)))) == 3


# -- what a forward leaves on its modules --------------------------------------------------------


ALIVE: list[weakref.ref[Tensor]] = []


def _noted(activation: Tensor) -> Tensor:
    ALIVE.append(weakref.ref(activation))
    return activation


def _parent_marks_a_child(self: Any, x: Tensor) -> Tensor:
    self.layer.last = _noted(self.layer(x))
    return self.layer.last


def _parent_turns_a_knob(self: Any, x: Tensor) -> Tensor:
    self.layer.momentum = 0.9
    return self.layer(x)


def _parent_binds_a_buffer(self: Any, x: Tensor) -> Tensor:
    self.layer.running_mean = x.mean(0)
    return self.layer(x)


def _builds_a_layer(self: Any, x: Tensor) -> Tensor:
    if not hasattr(self, "late"):
        self.late = nn.Linear(x.shape[1], 2)
    return self.late(x)


def _registers(self: Any, x: Tensor) -> Tensor:
    self.register_buffer("count", torch.ones(1))
    self.layer.register_buffer("count", torch.ones(1))
    return x


def _turns_to_eval(self: Any, x: Tensor) -> Tensor:
    self.eval()
    return self.layer(x)


def _appends(self: Any, x: Tensor) -> Tensor:
    self.history.append(_noted(self.layer(x)))
    return self.history[-1]


def _enters_in_a_dict(self: Any, x: Tensor) -> Tensor:
    self.cache["last"] = _noted(self.layer(x))
    return self.cache["last"]


def _own_arrays(self: Any, x: Tensor) -> Tensor:
    self.array += 1
    return x


def _own_random(self: Any, x: Tensor) -> Tensor:
    return x + self.python.random()


def _own_numpy_random(self: Any, x: Tensor) -> Tensor:
    return x + float(self.numpy.random())


def _changes_a_weight_through_data(self: Any, x: Tensor) -> Tensor:
    self.layer.weight.data.mul_(0.5)
    return self.layer(x)


FORWARDS = {
    "attribute of a child": _parent_marks_a_child,
    "setting of a child": _parent_turns_a_knob,
    "buffer of a child": _parent_binds_a_buffer,
    "layer": _builds_a_layer,
    "buffer": _registers,
    "flags": _turns_to_eval,
    "list": _appends,
    "dict": _enters_in_a_dict,
    "numpy array": _own_arrays,
    "python's random": _own_random,
    "numpy's random": _own_numpy_random,
}


def _bare(function: Any) -> Net:
    model = Net(function, layer=nn.BatchNorm1d(4))
    model.history, model.cache, model.array = [], {}, np.zeros(3)
    model.python, model.numpy = random.Random(0), np.random.default_rng(0)
    return model


def _mark(model: nn.Module) -> Any:
    """All there is on a model that compares by value."""
    return [
        (
            path,
            {k: id(v) if callable(v) else repr(v) for k, v in vars(part).items() if k[0] != "_"},
            {k: (id(v), v.tolist()) for k, v in part._buffers.items()},
            list(part._modules),
            list(part._parameters),
        )
        for path, part in model.named_modules()
    ] + [model.python.getstate(), str(model.numpy.bit_generator.state)]


@pytest.mark.parametrize("name", FORWARDS)
def test_a_forward_leaves_nothing_behind(name: str) -> None:
    model = _bare(FORWARDS[name])
    before = _mark(model)
    run(model, torch.randn(6, 4))
    assert _mark(model) == before


@pytest.mark.parametrize("name", ["attribute of a child", "list", "dict"])
def test_a_kept_activation_dies_with_the_trace(name: str) -> None:
    model = _bare(FORWARDS[name])
    ALIVE.clear()
    run(model, torch.randn(6, 4))
    assert [activation() for activation in ALIVE] == [None]


def test_a_weight_changed_through_data_is_said() -> None:
    model = Net(_changes_a_weight_through_data, layer=nn.Linear(4, 4))
    trace, _ = observe(model, (torch.randn(3, 4),))
    assert any("layer.weight" in note for note in trace.meta.notes)


def _pruned() -> nn.Module:
    return prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5)


def _old_weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(nn.Linear(4, 4))


RENORMED = {
    "pruned": _pruned,
    "old weight norm": _old_weight_norm,
    "old spectral norm": lambda: nn.utils.spectral_norm(nn.Linear(4, 4)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(4, 4)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(4, 4)),
}


@pytest.mark.parametrize("name", RENORMED)
@pytest.mark.parametrize("grad", [False, True])
def test_a_recomputed_weight_stays_the_same_object_and_value(name: str, grad: bool) -> None:
    model = nn.Sequential(RENORMED[name](), nn.ReLU())
    layer = model[0]
    inputs = torch.randn(5, 4)
    waiting = model(inputs).sum()
    held = vars(layer).get("weight")
    state = {key: value.clone() for key, value in model.state_dict().items()}
    kept: list[Tensor] = []
    layer.register_forward_hook(lambda m, a, o: kept.append(o.detach().clone()))
    trace, error = observe(model, (inputs,), name="net", conditions=Conditions(grad=grad))
    assert error is None
    assert vars(layer).get("weight") is held
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert_figures(call(trace, "net.0").outputs[0], kept[0])
    waiting.backward()
    model(inputs)
    assert torch.equal(kept[0], kept[1])


def test_a_model_is_saved_and_copied_while_it_is_watched() -> None:
    made: list[Any] = []

    def forward(self: Any, x: Tensor) -> Tensor:
        sink = io.BytesIO()
        torch.save(self.inner, sink)
        made.append(sink)
        made.append(copy.deepcopy(self.inner))
        return self.inner(x) + made[-1](x)

    inner = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True))
    inputs = torch.randn(2, 3)
    run(Net(forward, inner=inner), inputs)
    sink, twin = made
    sink.seek(0)
    loaded = torch.load(sink, weights_only=False)
    for model in (loaded, twin):
        assert torch.equal(model(inputs), inner(inputs))
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
