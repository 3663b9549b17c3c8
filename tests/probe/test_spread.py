"""How far the samples of a batch differ, against numpy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import Call, Trace

torch.manual_seed(0)


def exact(values: Tensor) -> float:
    return float(np.std(values.detach().double().numpy(), axis=0).mean())


BATCHES: dict[str, Tensor] = {
    "images": torch.randn(8, 3, 16, 16),
    "channels last": torch.randn(8, 3, 16, 16).to(memory_format=torch.channels_last),
    "transposed": torch.randn(30, 8).t(),
    "with gaps": torch.randn(16, 40)[::2, ::3],
    "expanded": torch.randn(1, 5).expand(4, 5),
    "one value each": torch.randn(64),
    "two samples": torch.randn(2, 1),
    "wide": torch.randn(3, 200_000),
    "long": torch.randn(20_000, 9),
    "doubles": torch.randn(8, 5, dtype=torch.float64),
    "halves": torch.randn(8, 5).half(),
    "bfloats": torch.randn(8, 5).bfloat16(),
    "far from 0": torch.randn(8, 50) * 1e-3 + 1e3,
    "small": torch.randn(8, 50) * 1e-12,
    "one sample apart": torch.cat([torch.full((1, 5), 100.0), torch.randn(63, 5)]),
}


class Passing(nn.Module):
    """Gives out what it takes, in a tensor of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.inner = nn.Identity()

    def forward(self, x: Any) -> Any:
        return self.inner(x.clone())


def traced(module: nn.Module, values: Tensor) -> Trace:
    return ganscope.trace(module, values)


def outermost(trace: Trace) -> Call:
    return next(call for call in trace.steps[0].calls if call.parent is None)


@pytest.mark.parametrize("name", BATCHES)
def test_the_spread_is_that_of_numpy(name: str) -> None:
    values = BATCHES[name]
    call = outermost(traced(Passing(), values))
    expected = exact(values)
    size = float(values.double().abs().max())
    for record in (*call.inputs, *call.outputs):
        assert record.spread == pytest.approx(expected, rel=2e-5, abs=1e-7 * size)


def test_equal_samples_have_no_spread_at_all() -> None:
    values = torch.full((16, 3, 7), 0.1) * torch.arange(7)
    assert outermost(traced(Passing(), values)).inputs[0].spread == 0.0


@pytest.mark.parametrize(
    "values",
    [
        torch.randn(1, 5),
        torch.tensor(1.0),
        torch.arange(8),
        torch.ones(4, dtype=torch.bool),
        torch.randn(4, 3, dtype=torch.complex64),
        torch.tensor([[1.0, torch.nan], [2.0, 3.0]]),
        torch.tensor([[1.0, torch.inf], [2.0, 3.0]]),
        torch.randn(4, 0),
        torch.randn(4, 3, device="meta"),
        torch.randn(4, 3).to_sparse(),
    ],
)
def test_what_has_no_spread(values: Tensor) -> None:
    call = outermost(traced(Passing(), values))
    assert {record.spread for record in (*call.inputs, *call.outputs)} == {None}


def test_only_what_a_whole_network_takes_and_gives_has_one() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    loss = nn.MSELoss()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record() as recording:
        x, y = torch.randn(6, 4), torch.randn(6, 2)
        out = net(x)
        loss(out, y).backward()
        opt.step()
    calls = {call.path: call for call in recording.trace.steps[0].calls}
    assert calls["net"].inputs[0].spread == pytest.approx(exact(x), rel=1e-5)
    assert calls["net"].outputs[0].spread == pytest.approx(exact(out), rel=1e-5)
    assert calls["net.0"].outputs[0].spread is None
    assert calls["net.1"].outputs[0].spread is None
    assert calls["loss"].inputs[1].spread is None
    # The same tensors, wherever they are met.
    assert calls["net.0"].inputs[0] == calls["net"].inputs[0]
    assert calls["net.2"].outputs[0] == calls["net"].outputs[0]


def test_several_inputs_and_outputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor, *, label: Tensor, scale: float) -> dict[str, Tensor]:
            return {"a": self.layer(x) * scale, "b": label.float() * 2}

    net = Two()
    x, label = torch.randn(5, 3), torch.arange(5)
    with ganscope.record() as recording:
        out = net(x, label=label, scale=2.0)
        out["a"].sum().backward()
        torch.optim.SGD(net.parameters(), 0.1).step()
    call = next(each for each in recording.trace.steps[0].calls if each.path == "net")
    assert [each.spread for each in call.inputs] == [pytest.approx(exact(x), rel=1e-5), None, None]
    assert [each.spread for each in call.outputs] == [
        pytest.approx(exact(out[name]), rel=1e-5) for name in ("a", "b")
    ]
