"""A standalone trace leaves no mark on the model and on random numbers."""

from __future__ import annotations

import copy
import io
import random
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

import ganscope
from ganscope.errors import ObserverError
from ganscope.probe.model import Conditions, observe
from tests.probe.helpers import Net, call, run


def _noisy(self: Any, x: Tensor) -> Tensor:
    x = x + random.random() + float(np.random.rand()) + torch.randn(1)
    return self.drop(self.norm(x))


def _rebinds(self: Any, x: Tensor) -> Tensor:
    self.count += 1
    self.last = x * 2
    self.memory = x.mean(0)
    self.track.mul_(0.5).add_(x.mean())
    return x


def _stateful() -> nn.Module:
    model = Net(_rebinds)
    model.count = 3
    model.register_buffer("memory", torch.zeros(4))
    model.register_buffer("track", torch.ones(1))
    model.plain = torch.arange(3.0)
    return model


MODELS: dict[str, Any] = {
    "batch norm": lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)),
    "random": lambda: Net(_noisy, norm=nn.BatchNorm1d(4), drop=nn.Dropout(0.5)),
    "rebinding": _stateful,
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(4, 4)),
    "old spectral norm": lambda: nn.utils.spectral_norm(nn.Linear(4, 4)),
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(4, 4)),
    "instance norm": lambda: nn.InstanceNorm1d(4, track_running_stats=True),
}


def _mark(model: nn.Module) -> dict[str, Any]:
    """Everything that can be told of a model, by identity and by value."""
    marks: dict[str, Any] = {}
    for path, part in model.named_modules():
        for key, value in vars(part).items():
            marks[f"{path}.{key} id"] = id(value)
        for key, value in {**part._buffers, **part._parameters, **vars(part)}.items():
            if isinstance(value, Tensor):
                marks[f"{path}.{key}"] = value.detach().numpy().tobytes()
                marks[f"{path}.{key} tensor"] = id(value)
    return marks


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_no_mark_on_the_model(name: str, mode: Any) -> None:
    model = MODELS[name]()
    before = _mark(model)
    observe(model, (torch.randn(6, 4),), conditions=Conditions(mode=mode))
    assert _mark(model) == before


def test_random_numbers_go_on_as_if_nothing_had_been() -> None:
    model = MODELS["random"]()

    def draw() -> list[Any]:
        return [torch.rand(3).tolist(), random.random(), np.random.rand(), np.random.randn()]

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    np.random.randn()  # leaves a second normal number waiting
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    np.random.randn()
    run(model, torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    assert draw() == expected


def test_a_generator_of_the_models_own_is_put_back() -> None:
    model = Net(lambda self, x: x + torch.randn(4, generator=self.source))
    model.source = torch.Generator().manual_seed(3)
    run(model, torch.randn(6, 4))
    assert torch.equal(
        torch.rand(2, generator=model.source),
        torch.rand(2, generator=torch.Generator().manual_seed(3)),
    )


def test_mixed_flags_stay_mixed() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4).eval(), nn.Dropout(0.5))
    trace = run(model, torch.randn(3, 4))
    assert [part.training for part in model.modules()] == [True, True, False, True]
    assert trace.meta.mode == "mixed"
    observe(model, (torch.randn(3, 4),), conditions=Conditions(mode="eval"))
    assert [part.training for part in model.modules()] == [True, True, False, True]


def test_reading_parameters_runs_no_power_iteration() -> None:
    layer = parametrizations.spectral_norm(nn.Linear(4, 4))
    entered = []
    layer.parametrizations.weight[0].register_forward_hook(lambda *_: entered.append(1))
    trace = run(layer, torch.randn(3, 4))
    assert len(entered) == 1
    assert call(trace, "net").parameters == 20
    assert not any("parametrizations" in c.path for c in trace.steps[0].calls)
    assert parametrize.is_parametrized(layer)


def test_cached_activation_does_not_stay_on_the_model() -> None:
    alive = []

    def forward(self: Any, x: Tensor) -> Tensor:
        self.last = self.layer(x)
        alive.append(weakref.ref(self.last))
        return self.last

    model = Net(forward, layer=nn.Linear(4, 4))
    run(model, torch.randn(3, 4))
    assert not hasattr(model, "last")
    assert alive[0]() is None


def test_a_graph_from_before_still_runs_backward() -> None:
    for norm in (nn.BatchNorm1d(4), parametrizations.spectral_norm(nn.Linear(4, 4))):
        model = nn.Sequential(nn.Linear(4, 4), norm)
        inputs = torch.randn(6, 4)
        before = model(inputs).square().sum()
        run(model, inputs)
        before.backward()


def test_a_changed_weight_is_said() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.layer.weight.clamp_(-0.01, 0.01)
        return self.layer(x)

    trace, _ = observe(Net(forward, layer=nn.Linear(4, 4)), (torch.randn(3, 4),))
    assert trace.meta.notes == (
        "the forward changed the parameter layer.weight in place; that change stays",
    )


def test_the_model_can_be_saved_and_copied() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    before = [dict(part._forward_hooks) for part in model.modules()]
    run(model, torch.randn(3, 4))
    torch.save(model, io.BytesIO())
    run(copy.deepcopy(model), torch.randn(3, 4))
    assert [dict(part._forward_hooks) for part in model.modules()] == before


def test_shared_parameters_count_once() -> None:
    model = Net(lambda self, x: self.b(self.a(x)), a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    model.b.weight = model.a.weight
    trace = run(model, torch.randn(3, 4))
    assert trace.networks[0].parameters == 24
    assert call(trace, "net.b").parameters == 20


def test_a_second_observer_is_refused_and_the_first_goes_on() -> None:
    caught = []

    def forward(self: Any, x: Tensor) -> Tensor:
        try:
            ganscope.trace(self.layer, x)
        except ObserverError as error:
            caught.append(str(error))
        return self.layer(x)

    trace = run(Net(forward, layer=nn.Linear(4, 4)), torch.randn(3, 4))
    assert len(caught) == 1
    assert "\n" not in caught[0]
    assert len(trace.steps[0].calls) == 2
    run(nn.Linear(2, 2), torch.randn(1, 2))


def test_dtype_and_device_stay() -> None:
    model = nn.Linear(4, 4, dtype=torch.float64)
    trace = run(model, torch.randn(3, 4, dtype=torch.float64))
    assert model.weight.dtype == torch.float64
    assert call(trace, "net").outputs[0].dtype == "float64"
    assert trace.meta.device == "cpu"
