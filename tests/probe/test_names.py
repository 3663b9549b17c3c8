"""What a network is called."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import ganscope
from ganscope.probe.names import snake_case

held_globally = nn.Linear(2, 2)
inputs = torch.ones(1, 2)


def named(trace: Any) -> str:
    return trace.networks[0].name


def test_local_variable() -> None:
    generator = nn.Linear(2, 2)
    assert named(ganscope.trace(generator, inputs)) == "generator"
    assert named(
        ganscope.trace(
            generator,
            inputs,
        )
    ) == ("generator")


def test_attribute_item_and_expression() -> None:
    class Holder:
        netG = nn.Linear(2, 2)

    nets = {"D": nn.Linear(2, 2)}
    assert named(ganscope.trace(Holder().netG, inputs)) == "netG"
    assert named(ganscope.trace(nets["D"], inputs)) == "D"
    assert named(ganscope.trace(nn.Linear(2, 2), inputs)) == "model"
    assert named(ganscope.trace(*(held_globally, inputs))) == "held_globally"


def test_without_source() -> None:
    scope: dict[str, Any] = {"critic": nn.Linear(2, 2), "x": inputs, "ganscope": ganscope}
    exec("result = ganscope.trace(critic, x)", scope)
    assert named(scope["result"]) == "critic"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Generator", "generator"),
        ("UNetGenerator", "unet_generator"),
        ("DCGAN", "dcgan"),
        ("DCGANGenerator", "dcgan_generator"),
        ("PatchD", "patch_d"),
        ("generator", "generator"),
        ("Conv2dBlock", "conv2d_block"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected
