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
from ganscope.probe import state as state_module
from ganscope.probe import tensors
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


# -- forwards that are not the class's own, and other corners ------------------------------------


def test_a_forward_put_on_one_of_torchs_layers_leaves_no_mark_either() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Identity())

    def forward(x: Tensor) -> Tensor:
        model[1].last = x
        return x + random.random() + float(np.random.rand())

    model[1].forward = forward
    before = _mark(model)
    random.seed(2), np.random.seed(2)
    expected = random.random(), np.random.rand()
    random.seed(2), np.random.seed(2)
    run(model, torch.randn(6, 4))
    assert _mark(model) == before
    assert (random.random(), np.random.rand()) == expected


def test_a_function_handed_to_one_of_torchs_layers_may_draw_random_numbers() -> None:
    def noisy(x: Tensor) -> Tensor:
        return x * random.random() * float(np.random.rand())

    model = nn.TransformerEncoderLayer(4, 1, 8, activation=noisy, batch_first=True)
    random.seed(2), np.random.seed(2)
    expected = random.random(), np.random.rand()
    random.seed(2), np.random.seed(2)
    run(model, torch.randn(2, 3, 4))
    assert (random.random(), np.random.rand()) == expected


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize("mode", [None, "train", "eval"])
def test_buffers_flags_and_random_state_survive_a_failing_forward(failing: bool, mode: Any) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.drop(self.norm(x))
        self.eval()
        return self.last(x)

    parts = {"norm": nn.BatchNorm1d(4), "drop": nn.Dropout(0.5)}
    model = Net(forward, **parts, last=nn.Linear(9 if failing else 4, 1))
    model.drop.eval()
    before, flags = _mark(model), [part.training for part in model.modules()]
    state = torch.get_rng_state()
    conditions = Conditions(mode=mode, seed=7)
    _, error = observe(model, (torch.ones(6, 4),), conditions=conditions)
    assert (error is not None) is failing
    assert _mark(model) == before
    assert [part.training for part in model.modules()] == flags
    assert torch.equal(torch.get_rng_state(), state)


def test_a_seed_set_inside_the_forward_does_not_outlive_it() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        torch.manual_seed(0), random.seed(0), np.random.seed(0)
        return x + torch.randn(4)

    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    run(Net(forward), torch.zeros(2, 4))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]


def test_dropout_draws_the_numbers_that_it_would_have_drawn_unobserved() -> None:
    kept: list[Tensor] = []
    model = Net(lambda self, x: kept.append(self.drop(x)) or x, drop=nn.Dropout(0.5))
    run(model, torch.ones(50, 4))
    model(torch.ones(50, 4))
    run(model, torch.ones(50, 4))
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[1], kept[2])


def test_buffers_that_share_memory_with_others_come_back() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        self.whole.add_(1)
        self.part.mul_(2)
        return x

    model = Net(forward)
    model.register_buffer("whole", torch.arange(4.0))
    model.register_buffer("part", model.whole[1:2])
    model.register_buffer("absent", None)
    model.register_buffer("hidden", torch.ones(2), persistent=False)
    before = _mark(model)
    run(model, torch.zeros(2, 4))
    assert _mark(model) == before
    assert model.part.untyped_storage().data_ptr() == model.whole.untyped_storage().data_ptr()
    assert set(model._non_persistent_buffers_set) == {"hidden"}


BUFFERS: dict[str, Any] = {
    "half": lambda: torch.ones(3).half(),
    "whole number": lambda: torch.tensor(3),
    "boolean": lambda: torch.tensor([True, False]),
    "complex": lambda: torch.ones(3, dtype=torch.complex64),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "empty": lambda: torch.empty(0, 2),
    "transposed": lambda: torch.randn(2, 3).T,
    "expanded": lambda: torch.ones(1).expand(5),
    "wanting gradients": lambda: torch.ones(3, requires_grad=True),
    "meta": lambda: torch.empty(3, device="meta"),
    "inference": lambda: _in_inference_mode(),
}


def _in_inference_mode() -> Tensor:
    with torch.inference_mode():
        return torch.ones(3)


@pytest.mark.parametrize("name", BUFFERS)
@pytest.mark.parametrize("place", ["buffer", "attribute"])
def test_a_buffer_of_any_kind_is_no_obstacle_and_stays_the_object_it_was(
    name: str, place: str
) -> None:
    model = Net(lambda self, x: self.layer(x), layer=nn.Linear(4, 4))
    tensor = BUFFERS[name]()
    if place == "buffer":
        model.register_buffer("held", tensor)
    else:
        model.held = tensor
    trace, error = observe(model, (torch.randn(2, 4),), name="net")
    assert error is None
    assert trace.meta.completeness == "complete", trace.meta.notes
    assert model.held is tensor


def test_weights_keep_their_gradients_versions_and_flags() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model[2].requires_grad_(False)
    model(torch.randn(6, 4)).sum().backward()
    before = [
        (id(p), id(p.grad), p._version, p.requires_grad, p.is_leaf) for p in model.parameters()
    ]
    gradients = [p.grad.clone() for p in model[:2].parameters()]
    observe(model, (torch.randn(6, 4),), conditions=Conditions(grad=True))
    after = [
        (id(p), id(p.grad), p._version, p.requires_grad, p.is_leaf) for p in model.parameters()
    ]
    assert after == before
    assert all(
        torch.equal(p.grad, old) for p, old in zip(model[:2].parameters(), gradients, strict=True)
    )


def test_a_traced_model_saved_and_loaded_computes_the_same() -> None:
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 4)), nn.BatchNorm1d(4))
    fresh = copy.deepcopy(model)
    run(model, torch.randn(6, 4))
    sink = io.BytesIO()
    torch.save(model.state_dict(), sink)
    sink.seek(0)
    loaded = torch.load(sink)
    for key, value in fresh.state_dict().items():
        assert torch.equal(loaded[key], value), key
    inputs = torch.randn(6, 4)
    assert torch.equal(copy.deepcopy(model)(inputs), fresh(inputs))


def test_tracing_twice_gives_the_same_figures() -> None:
    model = nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(4, 4)), nn.BatchNorm1d(4), nn.Dropout(0.5)
    )
    inputs = torch.randn(6, 4)
    first, second = (
        [[record.stats for record in c.outputs] for c in run(model, inputs).steps[0].calls]
        for _ in range(2)
    )
    assert first == second


def test_parameters_used_by_two_parts_are_counted_once_in_each_and_in_all() -> None:
    shared = nn.Linear(4, 4, bias=False)
    left, right = nn.Sequential(shared, nn.ReLU()), nn.Sequential(nn.Tanh(), shared)
    trace = run(nn.Sequential(left, right), torch.randn(2, 4))
    assert trace.networks[0].parameters == 16
    assert [call(trace, f"net{path}").parameters for path in ("", ".0", ".1")] == [16, 16, 16]


def test_a_network_given_another_observer_at_work_is_left_as_it_was() -> None:
    inner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    marks: list[Any] = []

    def forward(self: Any, x: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            marks.append(_mark(inner))
        with pytest.raises(ObserverError):
            observe(inner, (x,), conditions=Conditions(mode="eval", seed=3))
        with torch._C.DisableTorchFunction():
            marks.append(_mark(inner))
        return self.layer(x).relu()

    trace = run(Net(forward, layer=nn.Linear(4, 4)), torch.randn(3, 4))
    assert marks[0] == marks[1]
    assert [c.label for c in trace.steps[0].calls] == ["net", "net.layer", "net/relu"]
    assert len(run(inner, torch.randn(3, 4)).steps[0].calls) == 4


def _given_other_memory(self: Any, x: Tensor) -> Tensor:
    self.held.data = torch.zeros(5)
    return x


def _given_another_type(self: Any, x: Tensor) -> Tensor:
    self.held.data = self.held.data.double()
    return x


def _deleted(self: Any, x: Tensor) -> Tensor:
    del self.held
    return x


@pytest.mark.parametrize("change", [_given_other_memory, _given_another_type, _deleted])
def test_a_buffer_of_another_size_or_type_comes_back_and_random_state_too(change: Any) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return change(self, x) + torch.randn(2)

    model = Net(forward)
    held = torch.arange(3.0)
    model.register_buffer("held", held)
    state = torch.get_rng_state()
    trace, error = observe(model, (torch.ones(2),), name="net")
    assert error is None
    assert torch.equal(torch.get_rng_state(), state)
    assert model.held is held
    restored = torch.equal(held, torch.arange(3.0)) and held.dtype == torch.float32
    assert restored or any("held" in note for note in trace.meta.notes)


def test_a_weight_frozen_inside_the_forward_is_thawed_or_said() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        self.layer.weight.requires_grad_(False)
        return self.layer(x)

    model = Net(forward, layer=nn.Linear(4, 4))
    trace, _ = observe(model, (torch.randn(2, 4),), name="net")
    said = any("layer.weight" in note for note in trace.meta.notes)
    assert said or model.layer.weight.requires_grad


@pytest.mark.parametrize("place", ["restore", "settle"])
def test_a_fault_in_putting_back_one_thing_leaves_the_others_put_back(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise OSError("a fault of ours")

    model = Net(lambda self, x: self.drop(self.norm(x)), norm=nn.BatchNorm1d(4), drop=nn.Dropout())
    state = torch.get_rng_state()
    with monkeypatch.context() as patch:
        if place == "restore":
            patch.setattr(state_module._PartState, "restore", fail)
        else:
            patch.setattr(tensors.TensorObserver, "settle", fail)
        trace, error = observe(model, (torch.randn(6, 4, generator=torch.Generator()),))
    assert error is None
    assert trace.meta.completeness == "partial"
    assert torch.equal(torch.get_rng_state(), state)
    assert model.norm.num_batches_tracked == 0
    assert not torch.nn.modules.module._global_forward_hooks
