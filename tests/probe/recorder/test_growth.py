"""Networks that get new layers while they are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import Step
from tests.probe.recorder.loops import make_critic


class Growing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 8)])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = nn.LeakyReLU(0.2)(block(x))  # made on the fly, in no network
        return x


def _calls(step: Step) -> set[str]:
    return {call.path for call in step.calls if call.network == "generator"}


def test_a_new_layer_has_its_path_its_weights_and_counts() -> None:
    generator, critic = Growing(), make_critic()
    opt_g = torch.optim.SGD(generator.parameters(), lr=0.1)
    opt_c = torch.optim.SGD(critic.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for turn in range(4):
            for optimizer, sign in ((opt_c, 1), (opt_g, -1)):
                optimizer.zero_grad()
                (sign * critic(generator(torch.randn(5, 8)))).mean().backward()
                optimizer.step()
            if turn == 1:
                layer = nn.Linear(8, 8)
                generator.blocks.append(layer)
                opt_g.add_param_group({"params": layer.parameters()})
    trace = recording.trace
    size = sum(parameter.numel() for parameter in generator.parameters())
    assert [each.parameters for each in trace.networks if each.name == "generator"] == [size]
    first = {"generator", "generator.blocks.0", "generator/LeakyReLU"}
    for step in trace.steps:
        new = {"generator.blocks.1"} if step.index > 1 else set()
        assert _calls(step) == first | new
        updated = {each.name for each in step.updates[1].parameters}
        layers = ("0", "1") if step.index > 1 else ("0",)
        assert updated == {
            f"generator.blocks.{each}.{kind}" for each in layers for kind in ("weight", "bias")
        }


def test_a_layer_that_is_put_first_moves_the_others() -> None:
    generator = nn.Sequential(nn.Linear(8, 8))
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for turn in range(2):
            generator(torch.randn(5, 8)).mean().backward()
            optimizer.step()
            if turn == 0:
                generator.insert(0, nn.Linear(8, 8))
                optimizer.add_param_group({"params": generator[0].parameters()})
    names = [[each.name for each in step.updates[0].parameters] for step in recording.trace.steps]
    assert names == [
        ["generator.0.weight", "generator.0.bias"],
        ["generator.1.weight", "generator.1.bias", "generator.0.weight", "generator.0.bias"],
    ]
