"""Functional operations between modules: which are recorded, with which figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganscope.probe.model import Conditions, observe
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


MORE: dict[str, tuple[Any, str]] = {
    "split": (lambda x: torch.split(x, [1, 3], dim=1), "split"),
    "stack": (lambda x: torch.stack([x, x + 1]), "stack"),
    "einsum": (lambda x: torch.einsum("ij,kj->ik", x, x), "einsum"),
    "reflected power": (lambda x: 2.0**x, "pow"),
    "reflected divide": (lambda x: 1 / (x + 9), "div"),
    "negative": (lambda x: -x, "neg"),
    "comparison": (lambda x: x > 0, "gt"),
    "mask": (lambda x: x[x > 0], "getitem"),
    "with None": (lambda x: x[None, ..., 0], "getitem"),
    "max with places": (lambda x: x.max(dim=1), "max"),
    "unbind": (lambda x: x.unbind(1), "unbind"),
    "to": (lambda x: x.to(torch.float64), "to"),
    "contiguous": (lambda x: x.T.contiguous(), "contiguous"),
    "matmul function": (lambda x: torch.matmul(x, x), "matmul"),
    "linear function": (lambda x: F.linear(x, x), "linear"),
    "convolution function": (lambda x: F.conv2d(x[None, None], x[None, None]), "conv2d"),
    "dropout function": (lambda x: F.dropout(x, 0.5, training=False), "dropout"),
    "pad": (lambda x: F.pad(x, (1, 1)), "pad"),
    "where": (lambda x: torch.where(x > 0, x, -x), "where"),
    "norm": (lambda x: torch.linalg.vector_norm(x, dim=1), "linalg_vector_norm"),
}


@pytest.mark.parametrize("case", MORE)
def test_the_last_operation_has_its_name_and_the_figures_of_its_result(case: str) -> None:
    operation, name = MORE[case]
    torch.manual_seed(0)
    inputs = torch.randn(4, 4)
    trace = run(Net(lambda self, x: operation(x)), inputs)
    last = [record for record in calls(trace) if record.kind == "op"][-1]
    assert last.type == name
    assert last.path == f"net/{last.type}"
    expected = operation(inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for output, tensor in zip(last.outputs, expected, strict=True):
        assert_figures(output, tensor)


def test_sliced_assignments_and_augmented_ones_change_the_tensor_that_is_shown_next() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y = self.first(x)
        y[:, 0] = 5.0
        y[1] += 1
        y[y > 5] *= 2
        return self.second(y)

    inputs = torch.randn(4, 4)
    model = Net(forward, first=nn.Softplus(), second=nn.Identity())
    expected = F.softplus(inputs)
    assert_figures(call(run(model, inputs), "net.first").outputs[0], expected)
    expected[:, 0] = 5.0
    expected[1] += 1
    expected[expected > 5] *= 2
    assert_figures(call(run(model, inputs), "net.second").inputs[0], expected)


def test_operations_have_their_own_line_and_nth() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = x.view(8, 2)
        return x.view(2, 8)

    trace = run(Net(forward), torch.randn(4, 4))
    first, second = call(trace, "net/view"), call(trace, "net/view #2")
    assert (first.nth, second.nth) == (1, 2)
    assert first.site is not None
    assert second.site is not None
    assert (first.site.code, second.site.code) == ("x = x.view(8, 2)", "return x.view(2, 8)")
    assert second.site.line == first.site.line + 1
    assert first.site.file == __file__


def test_every_result_is_the_object_that_torch_made() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y = x * 1
        assert y.add_(1) is y
        before = y
        y += 1
        assert y is before
        assert F.relu(y, inplace=True) is y
        assert y.view(4, 4)._base is y
        out = torch.empty(4, 4)
        assert torch.add(y, 1, out=out) is out
        assert y.to(torch.float32) is y
        return y

    trace = run(Net(forward), torch.randn(4, 4))
    assert trace.failure is None
    assert trace.meta.completeness == "complete"


def test_an_operation_inside_a_layer_of_torchs_own_is_its_business_and_of_users_it_is_not() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(self.layer(x)) * x

    attention = nn.Sequential(nn.LayerNorm(4), nn.GELU(), nn.Dropout(0.1), nn.GLU())
    trace = run(nn.Sequential(attention, nn.Linear(2, 4), Gate()), torch.randn(2, 4))
    operations = [record.path for record in calls(trace) if record.kind == "op"]
    assert operations == ["net.2/sigmoid", "net.2/mul"]
    parents = {record.parent for record in calls(trace) if record.kind == "op"}
    assert parents == {call(trace, "net.2").id}


def test_operations_in_helpers_and_methods_belong_to_the_module_that_runs() -> None:
    def normalise(x: Tensor) -> Tensor:
        return x / x.norm()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def helper(self, x: Tensor) -> Tensor:
            return normalise(self.layer(x))

        def forward(self, x: Tensor) -> Tensor:
            return self.helper(x)

    trace = run(nn.Sequential(Outer(), nn.ReLU()), torch.randn(2, 4))
    operations = [record for record in calls(trace) if record.kind == "op"]
    assert [record.type for record in operations] == ["norm", "div"]
    assert {record.parent for record in operations} == {call(trace, "net.0").id}
    assert operations[0].site is not None
    assert operations[0].site.code == "return x / x.norm()"


def test_settings_of_long_arguments_are_cut_short() -> None:
    trace = run(Net(lambda self, x: x[list(range(100))]), torch.randn(100, 2))
    assert len(call(trace, "net/getitem").settings) <= 72


def test_outputs_that_require_gradients_say_so() -> None:
    model = Net(lambda self, x: self.layer(x).relu().detach() + 1, layer=nn.Linear(4, 4))
    trace, error = observe(model, (torch.randn(2, 4),), conditions=Conditions(grad=True))
    assert error is None
    wanted = {record.type: record.outputs[0].requires_grad for record in calls(trace)}
    assert wanted == {
        "Net": False,
        "Linear": True,
        "relu": True,
        "detach": False,
        "add": False,
    }


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda values: values.flatten(2), (16, 16)),
        (lambda values: values.view(4, 64, 2, 8), (16, 2, 8)),
        (lambda values: values.view(4, 8, 8, 16), None),
        (lambda values: values.flatten(1), None),
    ],
)
def test_samples_of_a_new_shape_are_there_where_what_was_kept_suffices(
    change: Callable[[Tensor], Tensor], kept: tuple[int, ...] | None
) -> None:
    class Reread(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 64, 8, 8)

        def forward(self, images: Tensor) -> Tensor:
            return change(self.patch(images))

    network, images = Reread(), torch.randn(4, 3, 32, 32)
    record = run(network, images).steps[0].calls[0].outputs[0]
    if kept is None:
        assert record.samples is None
        return
    assert record.samples is not None
    assert record.samples.shape == (4, *kept)
    found = np.frombuffer(record.samples.data, "<f2").reshape(4, *kept)
    values = network.patch(images).detach().numpy()[:, :16].reshape(found.shape)
    assert np.array_equal(found, values.astype("<f2"))
