from __future__ import annotations

import pytest

from ganscope.traces import Network
from ganscope.views.diagrams.subject import role_of


@pytest.mark.parametrize(
    ("name", "kind", "role"),
    [
        ("generator", "Sequential", "generator"),
        ("netG", "Net", "generator"),
        ("model", "UpsamplingGenerator", "generator"),
        ("my_critic", "Net", "discriminator"),
        ("D", "Net", "discriminator"),
        ("model", "PatchDiscriminator", "discriminator"),
        ("model", "GeneralNet", "unknown"),
        ("edge", "Decoder", "unknown"),
        ("model", "Conv3d", "unknown"),
        ("resnet18", "ResNet", "unknown"),
    ],
)
def test_a_lone_networks_role_is_in_its_name(name: str, kind: str, role: str) -> None:
    assert role_of(Network(name, kind, "unknown", 1)) == role


def test_what_a_training_has_shown_goes_before_names() -> None:
    assert role_of(Network("generator", "Net", "discriminator", 1)) == "discriminator"
    assert role_of(Network("my_gen", "Net", "other", 1)) == "generator"
