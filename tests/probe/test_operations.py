"""Functional operations between modules: which are recorded, with which figures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.probe.helpers import Net, assert_figures, call, calls, paths, run


def _setitem(x: Tensor) -> Tensor:
    y = x.clone()
    y[0] = 7.0
    return y


def _in_place_add(x: Tensor) -> Tensor:
    y = x * 1
    y += 2
    return y


OPERATIONS: dict[str, tuple[Any, str, str]] = {
    "view": (lambda x: x.view(2, 8), "view", "2, 8"),
    "reshape": (lambda x: torch.reshape(x, (16,)), "reshape", "(16)"),
    "cat": (lambda x: torch.cat([x, x], dim=1), "cat", "dim=1"),
    "relu": (lambda x: F.relu(x), "relu", "inplace=False"),
    "add": (lambda x: x + 1, "add", "1"),
    "reflected": (lambda x: 1 - x, "sub", "1"),
    "matmul": (lambda x: x @ x, "matmul", ""),
    "getitem": (lambda x: x[:, 1:], "getitem", "(:, 1:)"),
    "chunk": (lambda x: x.chunk(2, dim=1), "chunk", "2, dim=1"),
    "detach": (lambda x: x.detach(), "detach", ""),
    "transpose": (lambda x: x.T, "T", ""),
    "mean": (lambda x: x.mean(0), "mean", "0"),
    "interpolate": (
        lambda x: F.interpolate(x[None, None], scale_factor=2),
        "interpolate",
        "",
    ),
}


@pytest.mark.parametrize("case", OPERATIONS)
def test_operation_is_recorded(case: str) -> None:
    operation, name, settings = OPERATIONS[case]
    inputs = torch.randn(4, 4)
    trace = run(Net(lambda self, x: operation(x)), inputs)
    record = call(trace, f"net/{name}")
    expected = operation(inputs.clone())
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert record.kind == "op"
    assert record.parent == 0
    assert len(record.outputs) == len(expected)
    for output, tensor in zip(record.outputs, expected, strict=True):
        assert_figures(output, tensor)
    if settings:
        assert settings in record.settings


def test_in_place_operations_show_before_and_after() -> None:
    inputs = torch.randn(4, 4)
    for operation, label, place in (
        (_in_place_add, "net/add_", 0),
        (_setitem, "net/setitem", 0),
        (lambda x: F.leaky_relu(x * 1, 0.1, True), "net/leaky_relu", 0),
        (lambda x: torch.nn.functional.relu_(x * 1), "net/relu_", 0),
        (lambda x: (x * 1).clamp_(0, 1), "net/clamp_", 0),
    ):
        record = call(run(Net(lambda self, x, f=operation: f(x)), inputs.clone()), label)
        assert_figures(record.inputs[place], inputs)
        assert_figures(record.outputs[0], operation(inputs.clone()))


def test_view_shares_its_figures_and_keeps_its_own_samples() -> None:
    model = Net(lambda self, x: self.layer(x).view(-1, 1, 4, 4), layer=nn.Linear(3, 16))
    inputs = torch.randn(10, 3)
    record = call(run(model, inputs), "net/view")
    assert_figures(record.outputs[0], model(inputs))
    assert record.outputs[0].samples.shape == (8, 1, 4, 4)
    assert record.inputs[0].samples.shape == (8, 16)
    assert record.outputs[0].samples.data == record.inputs[0].samples.data


def test_part_of_a_tensor_is_not_taken_for_the_whole() -> None:
    trace = run(Net(lambda self, x: x[:2].view(-1)), torch.arange(12.0).view(4, 3))
    assert call(trace, "net/getitem").outputs[0].stats.max == 5.0
    assert call(trace, "net/view").outputs[0].stats.max == 5.0


def test_operations_inside_a_leaf_are_its_own_business() -> None:
    class Swish(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.sigmoid(x)

    trace = run(nn.Sequential(Swish(), nn.Linear(4, 4)), torch.randn(2, 4))
    assert paths(trace) == ["net", "net.0", "net.1"]


def test_operations_of_a_module_with_parts_and_of_a_bare_network_are_shown() -> None:
    def block(self: Any, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x) + x)

    model = Net(lambda self, x: self.block(x), block=Net(block, layer=nn.Linear(4, 4)))
    trace = run(model, torch.randn(2, 4))
    assert paths(trace) == [
        "net",
        "net.block",
        "net.block.layer",
        "net.block/add",
        "net.block/tanh",
    ]
    assert [c.parent for c in calls(trace)] == [None, 0, 1, 1, 1]
    bare = run(Net(lambda self, x: torch.tanh(x)), torch.randn(2, 4))
    assert paths(bare) == ["net", "net/tanh"]


def test_what_makes_no_tensor_is_no_call() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        assert x.shape[0] == x.size(0) == len(x)
        assert not torch.is_complex(x)
        x.requires_grad_(False)
        return x

    assert paths(run(Net(forward), torch.randn(2, 4))) == ["net"]


def test_new_tensors_are_recorded() -> None:
    trace = run(Net(lambda self, x: x + torch.randn(2, 4)), torch.zeros(2, 4))
    assert paths(trace) == ["net", "net/randn", "net/add"]
    assert call(trace, "net/randn").inputs == ()
