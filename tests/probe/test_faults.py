"""A fault inside the observer becomes a note; the forward goes on to the same result."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganscope.probe import (
    calls,
    failures,
    figures,
    modes,
    modules,
    operations,
    sites,
    statistics,
    structure,
    tensors,
)
from ganscope.probe.model import observe
from tests.probe.helpers import Net


def _raise(*args: Any, **kwargs: Any) -> Any:
    raise OSError("a fault of ours")


PLACES = {
    "sites": (sites, "find"),
    "begin": (calls.CallLog, "begin"),
    "end": (calls.CallLog, "end"),
    "begin operation": (calls.CallLog, "begin_operation"),
    "end operation": (calls.CallLog, "end_operation"),
    "settings": (operations.Operation, "settings"),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_forward_goes_on(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    model = Net(
        lambda self, x: kept.append(self.layer(x).relu()) or kept[-1], layer=nn.Linear(3, 3)
    )
    inputs = torch.randn(2, 3)
    with torch.no_grad():
        model(inputs)
    monkeypatch.setattr(*PLACES[place], _raise)
    trace, error = observe(model, (inputs,), name="net")
    assert error is None
    assert torch.equal(kept[0], kept[1])
    assert trace.meta.completeness == "partial"
    assert "the observer failed: OSError: a fault of ours" in trace.meta.notes
    assert not torch.nn.modules.module._global_forward_hooks
    assert torch._C._len_torch_function_stack() == 0


@pytest.mark.parametrize(
    ("place", "dtype"), [((figures, "measure_many"), "f4"), ((statistics, "measure"), "f8")]
)
def test_a_tensor_that_cannot_be_measured_gets_a_note(
    monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], dtype: str
) -> None:
    monkeypatch.setattr(*place, _raise)
    wide = torch.float64 if dtype == "f8" else torch.float32
    trace, error = observe(nn.Linear(3, 3, dtype=wide), (torch.randn(2, 3, dtype=wide),))
    assert error is None
    record = trace.steps[0].calls[0].outputs[0]
    assert record.stats is None
    assert record.note == "no figures: OSError while reading it"


def test_settings_that_fail_are_left_out() -> None:
    class Odd(nn.Module):
        def extra_repr(self) -> str:
            raise AttributeError("no")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    trace, _ = observe(Odd(), (torch.randn(2, 3),))
    assert trace.steps[0].calls[0].settings == ""
    assert figures.SMALL > 0


DEEP_PLACES: dict[str, tuple[Any, str]] = {
    "records": (tensors.TensorObserver, "record"),
    "views": (tensors.TensorObserver, "record_result"),
    "leaves": (structure, "leaves"),
    "paths": (modules.Paths, "place_of"),
    "operation name": (operations, "shown_name"),
    "finish": (calls.CallLog, "finish"),
    "settle": (tensors.TensorObserver, "settle"),
    "reading of sites": (sites, "read"),
    "mode in": (modes, "put_in"),
    "parameter count": (modules, "parameter_count"),
}


@pytest.mark.parametrize("place", DEEP_PLACES)
def test_a_fault_anywhere_in_the_observer_is_noted_and_not_raised(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        kept.append(self.norm(self.layer(x)).view(-1).relu())
        return kept[-1]

    model = Net(forward, layer=nn.Linear(3, 3), norm=nn.BatchNorm1d(3))
    inputs = torch.randn(4, 3)
    observe(model, (inputs,), name="net")
    with monkeypatch.context() as patch:
        patch.setattr(*DEEP_PLACES[place], _raise)
        trace, error = observe(model, (inputs,), name="net")
    assert error is None
    assert torch.equal(kept[0], kept[1])
    assert trace.meta.completeness == "partial"
    assert any("OSError: a fault of ours" in note for note in trace.meta.notes)
    assert model.norm.num_batches_tracked == 0
    assert not torch.nn.modules.module._global_forward_hooks
    assert torch._C._len_torch_function_stack() == 0
    again, error = observe(model, (inputs,), name="net")
    assert error is None
    assert again.meta.completeness == "complete"


@pytest.mark.parametrize("place", ["describe", "_message"])
def test_a_fault_while_a_failure_is_described_leaves_the_users_exception(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, place, _raise)
    trace, error = observe(nn.Linear(3, 3), (torch.randn(2, 4),), name="net")
    assert isinstance(error, RuntimeError)
    assert "shapes cannot be multiplied" in str(error)
    assert trace.meta.completeness == "partial"


def test_faults_in_one_layer_leave_the_others_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    measure_many = figures.measure_many

    def choosy(values: Any, sizes: Any, known: Any) -> Any:
        if 10 in sizes:
            raise MemoryError
        return measure_many(values, sizes, known)

    monkeypatch.setattr(figures, "measure_many", choosy)
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4))
    trace, error = observe(model, (torch.randn(2, 3),), name="net")
    assert error is None
    first, second = trace.steps[0].calls[1:]
    assert (first.outputs[0].stats, second.inputs[0].stats) == (None, None)
    assert first.outputs[0].note == "no figures: MemoryError while reading it"
    assert first.outputs[0].shape == (2, 5)
    assert first.inputs[0].stats is not None
    assert second.outputs[0].stats is not None


def test_faults_are_not_piled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "find", _raise)
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(40)))
    trace, _ = observe(model, (torch.randn(2, 3),), name="net")
    assert 1 <= len(trace.meta.notes) <= 4
