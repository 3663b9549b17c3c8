"""One memory under several names: a figure is of that tensor at that moment all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.probe.helpers import Net, assert_figures, call, calls, run


class Leaf(nn.Module):
    """A module without parts, whose inside is its own business."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def test_a_module_that_returns_its_very_input() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.ReLU(inplace=True), nn.Identity())
    inputs = torch.randn(8, 4)
    with torch.no_grad():
        linear = model[0](inputs)
    trace = run(model, inputs)
    for path, before, after in (
        ("net.1", linear, linear),
        ("net.2", linear, linear.relu()),
        ("net.3", linear.relu(), linear.relu()),
    ):
        assert_figures(call(trace, path).inputs[0], before)
        assert_figures(call(trace, path).outputs[0], after)


def test_a_network_that_changes_what_it_was_given() -> None:
    inputs = torch.randn(8, 4)
    trace = run(nn.Sequential(nn.LeakyReLU(0.3, inplace=True), nn.Identity()), inputs.clone())
    assert_figures(call(trace, "net").inputs[0], inputs)
    assert_figures(call(trace, "net").outputs[0], F.leaky_relu(inputs, 0.3))


def test_temporaries_of_a_leaf_each_have_their_own_figures() -> None:
    class Source(nn.Module):
        def forward(self, step: int) -> Tensor:
            return torch.full((9, 30), float(step))

    def forward(self: Any, x: Tensor) -> Tensor:
        for step in range(60):
            self.source(step)
        return x

    trace = run(Net(forward, source=Source()), torch.ones(2))
    means = [c.outputs[0].stats.mean for c in calls(trace) if c.path == "net.source"]
    assert means == [float(step) for step in range(60)]


@pytest.mark.parametrize("rows", [40, 4000])
def test_a_tensor_too_large_to_wait_is_measured_before_it_changes(rows: int) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y = self.first(x)
        for _ in range(3):
            y.add_(1)
            self.look(y)
        return y

    inputs = torch.randn(rows, 8)
    trace = run(Net(forward, first=nn.Tanh(), look=nn.Identity()), inputs)
    assert_figures(call(trace, "net.first").outputs[0], inputs.tanh())
    for nth, label in enumerate(("net.look", "net.look #2", "net.look #3"), 1):
        expected = inputs.tanh()
        for _ in range(nth):
            expected.add_(1)
        assert_figures(call(trace, label).outputs[0], expected)


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "whole": lambda x: x.view(-1),
    "head": lambda x: x[:6].reshape(-1),
    "transposed": lambda x: x.T,
    "square transposed": lambda x: x[:, :].transpose(0, 1),
    "flipped": lambda x: x.flip(0),
    "strided": lambda x: x.as_strided((6, 12), (12, 1)),
    "overlapping": lambda x: x.as_strided((12, 6), (1, 1)),
    "other type": lambda x: x.view(torch.int32),
    "negative": lambda x: torch.complex(x, x).conj().imag,
    "expanded": lambda x: x[:1].expand(12, 6),
    "unfolded": lambda x: x.unfold(0, 2, 1),
    "diagonal": lambda x: x.diagonal(),
    "permuted back": lambda x: x.T.T,
    "split": lambda x: x.chunk(2)[0],
    "unsqueezed": lambda x: x[None].squeeze(0)[:, None],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_have_figures_of_their_own_values(name: str) -> None:
    view = VIEWS[name]
    inputs = torch.randn(12, 6)
    trace = run(Net(lambda self, x: self.look(view(self.first(x))), first=nn.Softplus(),
                    look=nn.Identity()), inputs)  # fmt: skip
    expected = view(F.softplus(inputs))
    assert_figures(call(trace, "net.look").inputs[0], expected)
    operations = [c for c in calls(trace) if c.kind == "op"]
    assert_figures(operations[-1].outputs[0], expected)
    assert list(call(trace, "net.look").inputs[0].preview) == expected.reshape(-1)[:8].tolist()


def test_change_through_a_view_shows_in_the_whole() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y = self.first(x)
        part = y[2:4]
        self.look(part)
        part.zero_()
        self.look(part)
        return self.second(y)

    model = Net(forward, first=nn.Softplus(), second=nn.Identity(), look=nn.Identity())
    inputs = torch.randn(6, 5)
    trace = run(model, inputs)
    expected = F.softplus(inputs)
    assert_figures(call(trace, "net.look").inputs[0], expected[2:4])
    assert call(trace, "net.look #2").inputs[0].stats.max == 0.0
    expected[2:4] = 0
    assert_figures(call(trace, "net.second").inputs[0], expected)


def _data(x: Tensor) -> Tensor:
    x.data.mul_(3)
    return x


def _array(x: Tensor) -> Tensor:
    np.multiply(x.numpy(), 3, out=x.numpy())
    return x


def _binding(x: Tensor) -> Tensor:
    x.data = x.data * 3
    return x


UNVERSIONED = {"data": _data, "numpy": _array, "binding": _binding}


@pytest.mark.parametrize("way", UNVERSIONED)
def test_an_unversioned_change_inside_a_leaf_is_seen(way: str) -> None:
    model = nn.Sequential(nn.Softplus(), Leaf(UNVERSIONED[way]), nn.Identity())
    inputs = torch.randn(6, 5)
    trace = run(model, inputs)
    expected = F.softplus(inputs)
    assert_figures(call(trace, "net.1").inputs[0], expected)
    assert_figures(call(trace, "net.1").outputs[0], expected * 3)
    assert_figures(call(trace, "net.2").inputs[0], expected * 3)
    assert_figures(call(trace, "net").outputs[0], expected * 3)


OVERWRITING: dict[str, tuple[Callable[[Any, Tensor, Tensor], Any], int]] = {
    "batch_norm": (
        lambda self, x, y: F.batch_norm(x, y, torch.ones(3), training=True, momentum=0.5),
        0,
    ),
    "instance_norm": (
        lambda self, x, y: F.instance_norm(x[:, :, None].repeat(1, 1, 2), y, torch.ones(3)),
        0,
    ),
    "out": (lambda self, x, y: torch.add(x[0], 1, out=y), -1),
    "copy_": (lambda self, x, y: y.copy_(x[0]), 0),
    "setitem": (lambda self, x, y: y.__setitem__(0, x[0, 0]), 0),
    "lerp_": (lambda self, x, y: y.lerp_(x[0], 0.5), 0),
    "where": (lambda self, x, y: y.masked_fill_(y == 0, 3.0), 0),
    "init": (lambda self, x, y: nn.init.constant_(y, 3.0), 0),
}


@pytest.mark.parametrize("name", OVERWRITING)
def test_what_an_operation_overwrites_is_recorded_as_it_was_before(name: str) -> None:
    function, place = OVERWRITING[name]

    def forward(self: Any, x: Tensor, y: Tensor) -> Tensor:
        function(self, x, y)
        return x

    trace = run(Net(forward), torch.randn(4, 3) + 7, torch.zeros(3))
    first = next(
        c for c in calls(trace) if c.kind == "op" and any(r.shape == (3,) for r in c.inputs)
        and c.type not in ("ones", "getitem", "eq")
    )  # fmt: skip
    overwritten = [record for record in first.inputs if record.shape == (3,)][place]
    assert overwritten.stats.max == 0.0, first
