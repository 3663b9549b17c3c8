"""The function mode among other modes, other threads, functorch and autocast."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganscope.probe.model import observe
from tests.probe.helpers import Net, assert_figures, call, paths, run


def _depth() -> int:
    return torch._C._len_torch_function_stack()


class Counting(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_inside_a_device_context() -> None:
    model = Net(lambda self, x: self.layer(x).relu(), layer=nn.Linear(3, 3))
    with torch.device("meta"):
        assert run(model, torch.randn(2, 3, device="cpu")).failure is None
        assert torch.empty(1).is_meta
    assert torch.empty(1).device.type == "cpu"
    assert _depth() == 0


def test_device_context_inside_the_forward() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.device("meta"):
            inside = torch.empty(2)
            y = self.layer(x)
        assert inside.is_meta
        assert not torch.empty(1).is_meta
        return y.relu()

    trace = run(Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3))
    assert paths(trace)[-1] == "net/relu"
    assert not torch.empty(1).is_meta
    assert _depth() == 0


@pytest.mark.parametrize("around", [True, False])
def test_users_own_mode_sees_what_it_saw_before(around: bool) -> None:
    mine = Counting()

    def forward(self: Any, x: Tensor) -> Tensor:
        if around:
            return self.layer(x).relu()
        with mine:
            return self.layer(x).relu()

    model, inputs = Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3)
    counts = []
    for observed in (False, True):
        mine.count = 0
        if around:
            with mine, torch.no_grad():
                (observe(model, (inputs,)) if observed else model(inputs))
        else:
            (observe(model, (inputs,)) if observed else model(inputs))
        counts.append(mine.count)
        assert _depth() == 0
    assert around or counts[0] == counts[1]


def test_a_mode_left_on_by_the_forward_is_left_alone() -> None:
    mine = Counting()

    def forward(self: Any, x: Tensor) -> Tensor:
        mine.__enter__()
        return self.layer(x)

    run(Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3))
    assert _depth() == 1
    mine.__exit__(None, None, None)
    assert _depth() == 0


def test_calls_on_other_threads_are_counted_and_left_out() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        thread = threading.Thread(target=lambda: self.layer(x))
        thread.start()
        thread.join()
        return self.layer(x)

    trace, _ = observe(Net(forward, layer=nn.Linear(3, 3)), (torch.randn(2, 3),), name="net")
    assert paths(trace) == ["net", "net.layer"]
    assert trace.meta.completeness == "partial"
    assert "other threads" in trace.meta.notes[0]


def test_vmap_inside_the_forward() -> None:
    model = Net(lambda self, x: torch.vmap(self.layer)(x), layer=nn.Linear(3, 3))
    trace = run(model, torch.randn(4, 2, 3))
    inner = call(trace, "net.layer")
    assert inner.outputs[0].stats is None
    assert inner.outputs[0].note == "inside vmap or grad"
    assert call(trace, "net").outputs[0].shape == (4, 2, 3)


def test_autocast_is_neither_used_nor_changed() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.layer(x)
            assert torch.is_autocast_enabled("cpu")
            return self.layer(y)

    model, inputs = Net(forward, layer=nn.Linear(30, 30)), torch.randn(20, 30)
    record = call(run(model, inputs), "net").outputs[0]
    with torch.no_grad():
        expected = model(inputs)
    assert record.dtype == "bfloat16"
    assert_figures(record, expected)


def test_inference_mode() -> None:
    model = Net(lambda self, x: self.layer(x).relu_().view(-1), layer=nn.Linear(3, 3))
    inputs = torch.randn(2, 3)
    with torch.inference_mode():
        trace = run(model, inputs)
        assert_figures(call(trace, "net").outputs[0], model(inputs).clone())


def test_grad_mode_is_as_asked() -> None:
    from ganscope.probe.model import Conditions

    model = nn.Linear(3, 3)
    for grad in (False, True):
        trace, _ = observe(model, (torch.randn(2, 3),), conditions=Conditions(grad=grad))
        assert trace.steps[0].calls[0].outputs[0].requires_grad is grad
    assert torch.is_grad_enabled()
