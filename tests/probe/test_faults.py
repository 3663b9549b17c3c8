"""A fault inside the observer becomes a note; the forward goes on to the same result."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganscope.probe import calls, figures, operations, sites, statistics
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


def test_a_tensor_that_cannot_be_measured_gets_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "measure", _raise)
    trace, error = observe(nn.Linear(3, 3), (torch.randn(2, 3),))
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
