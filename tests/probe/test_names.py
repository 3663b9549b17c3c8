"""What a network is called."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ganscope
from ganscope.probe.names import assignment, snake_case

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


def test_a_method_tracing_its_own_network() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.netG = nn.Linear(2, 2)
            self.nets = {"G": self.netG, "not a name": self.netG, 0: self.netG}

        def look(self) -> list[str]:
            return [
                named(ganscope.trace(self.netG, inputs)),
                named(ganscope.trace(self.nets["G"], inputs)),
                named(ganscope.trace(self.nets["not a name"], inputs)),
                named(ganscope.trace(self.nets[0], inputs)),
                named(ganscope.trace(self.netG.eval(), inputs)),
            ]

    assert Trainer().look() == ["netG", "G", "model", "model", "model"]


def test_calls_of_every_shape() -> None:
    critic, others = nn.Linear(2, 2), [nn.Linear(2, 2)]
    trace = ganscope.trace
    assert named(trace(critic, inputs)) == "critic"
    later = lambda: trace(critic, inputs)  # noqa: E731
    assert named(later()) == "critic"
    assert [named(trace(each, inputs)) for each in others] == ["each"]
    assert named(ganscope.trace(critic, torch.cat([inputs, inputs]), seed=1)) == "critic"
    assert named(trace(others[0], inputs)) == "model"
    first = trace(critic, inputs), trace(held_globally, inputs)
    assert [named(result) for result in first] == ["critic", "held_globally"]
    assert ("größer", named(trace(critic, inputs))) == ("größer", "critic")


def test_the_networks_name_is_the_root_of_every_path() -> None:
    generator = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    trace = ganscope.trace(generator, inputs)
    assert [call.path for call in trace.steps[0].calls] == [
        "generator",
        "generator.0",
        "generator.1",
    ]
    assert {call.network for call in trace.steps[0].calls} == {"generator"}


def test_a_private_global_name_is_not_taken() -> None:
    scope: dict[str, Any] = {"_hidden": nn.Linear(2, 2), "x": inputs, "ganscope": ganscope}
    exec("result = ganscope.trace(_hidden, x)", scope)
    assert named(scope["result"]) == "model"


def test_looking_for_the_name_keeps_nothing_alive() -> None:
    def look() -> weakref.ref[torch.Tensor]:
        generator, z = nn.Linear(2, 2), torch.randn(3, 2)
        ganscope.trace(generator, z)
        reference = weakref.ref(z)
        del z
        return reference

    assert look()() is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", ""),
        ("G", "g"),
        ("G_AB", "g_ab"),
        ("netG", "net_g"),
        ("NLayerDiscriminator", "nlayer_discriminator"),
        ("WGAN_GP", "wgan_gp"),
        ("StyleGAN2Generator", "style_gan2_generator"),
        ("already_snake", "already_snake"),
    ],
)
def test_more_names_in_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_what_a_line_assigns(tmp_path: Path) -> None:
    lines = [
        "a = f(x)",
        "lr = f(x); lf = f(y)",
        "loss = (",
        "    f(x)",
        "    + f(y)",
        ")",
        "if x: b: float = f(x)",
        "p, q = f(x)",
        "f(x)",
        "self.total += f(x)",
    ]
    file = tmp_path / "loop.py"
    file.write_text("\n".join(lines), encoding="utf-8")
    found = [assignment(str(file), number + 1) for number in range(len(lines))]
    assert found == [
        ("a", 1),
        (None, 2),  # nothing tells which of the two ran
        ("loss", 3),
        ("loss", 3),
        ("loss", 3),
        ("loss", 3),
        ("b", 7),
        (None, 8),
        None,
        ("total", 10),
    ]
