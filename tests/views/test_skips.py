"""Skip connections: said where a tensor really passes layers by, and only there."""

from __future__ import annotations

import torch
from torch import nn

from .test_explain_operations import MAPS, Does, explained, numbers


def conv() -> nn.Module:
    return nn.Conv2d(4, 4, 3, padding=1)


def test_a_residual_block() -> None:
    block = Does(lambda self, x: x + self.body(x), body=nn.Sequential(conv(), nn.ReLU()))
    text = explained(block, MAPS)["add"]
    assert text.startswith(
        "A skip connection: adds what went into this Does to the output of body, number by "
        "number, so it also gets here without the layers between; standard deviations "
    )


def test_a_residual_block_that_adds_in_place() -> None:
    def forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
        out = self.body(x)
        out += x
        return out

    text = explained(Does(forward, body=conv()), MAPS)["add_"]
    assert "A skip connection: adds what went into this Does to the output of body" in text


def test_a_u_net_names_the_level_it_comes_from() -> None:
    class Up(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = conv()

        def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
            return torch.cat([self.model(x), skip], 1)

    def forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
        first = self.down1(x)
        return self.up(self.down2(first), first)

    net = Does(forward, down1=conv(), down2=conv(), up=Up())
    assert explained(net, MAPS)["cat"] == (
        "Puts 2 tensors side by side along dimension 1 (the maps): 4 + 4 = 8; 4 from the output "
        "of model and 4 from the output of down1: a skip connection, so the output of down1 also "
        "gets here without the layers between; nothing is computed."
    )


def test_an_input_that_the_first_layer_overwrites() -> None:
    body = nn.Sequential(nn.LeakyReLU(0.2, inplace=True), conv())
    block = Does(lambda self, x: torch.cat([x, self.model(x)], 1), model=body)
    text = explained(block, MAPS)["cat"]
    assert "4 from the output of model.0 and 4 from the output of model: a skip" in text


def test_branches_beside_one_another_are_none() -> None:
    branches = Does(lambda self, x: self.a(x) + self.b(x), a=conv(), b=conv())
    assert explained(branches, MAPS)["add"] == (
        "Adds the output of a (2×4×8×8) and the output of b (2×4×8×8) number by number."
    )
    joined = Does(lambda self, x: torch.cat([self.a(x), self.b(x)], 1), a=conv(), b=conv())
    assert "skip" not in explained(joined, MAPS)["cat"]


def test_two_inputs_are_told_apart_and_are_none() -> None:
    net = Does(lambda self, x, y: torch.cat([x, y], 1))
    text = explained(net, numbers(4, 10), numbers(4, 10) * 2)["cat"]
    assert "10 from the first input of this Does and 10 from the second input of this Does" in text
    assert "skip" not in text


def test_noise_beside_a_layer_is_none() -> None:
    net = Does(lambda self, x: self.a(x) + torch.randn(2, 4, 8, 8), a=conv())
    assert "skip" not in explained(net, MAPS)["add"]
    like = Does(lambda self, x: _shaken(self.a(x)), a=conv())
    assert "skip" not in explained(like, MAPS)["add"]


def _shaken(x: torch.Tensor) -> torch.Tensor:
    return x + torch.randn_like(x)


def test_what_is_repeated_to_fit_is_said() -> None:
    net = Does(lambda self, x, b: self.a(x) + b, a=conv())
    text = explained(net, MAPS, numbers(1, 4, 1, 1))["add"]
    assert "1×4×1×1 is repeated to 2×4×8×8" in text
    scaled = Does(lambda self, x, g: g * self.a(x), a=conv())
    text = explained(scaled, MAPS, torch.tensor([0.5]))["mul"]
    assert text == (
        "Multiplies a single number (0.500) by the output of a (2×4×8×8) number by number."
    )
