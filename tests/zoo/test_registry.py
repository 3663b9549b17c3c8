"""Models by name: what is listed, built and refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
from torch import nn

from ganscope.errors import TargetError
from ganscope.zoo import GAN, build, entries, register, registry


@pytest.fixture(autouse=True)
def private_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def toy(**_: object) -> GAN:
    """A toy.

    More about it.
    """
    return GAN(nn.Identity(), nn.Identity(), (1,), (1, 1, 1))


def message(name: str, **arguments: object) -> str:
    with pytest.raises(TargetError) as caught:
        build(name, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_entries_are_sorted_and_described() -> None:
    register("aaa", source="nowhere")(toy)
    assert [entry.name for entry in entries()] == ["aaa", "dcgan", "gan"]
    assert entries()[0].summary == "A toy."
    assert entries()[0].source == "nowhere"
    assert entries()[2].arguments == (
        "latent_dimension=100, image_size=28, channels=1, batch_norm=True, batch_norm_eps=0.8, "
        "sigmoid=True"
    )
    assert all("arXiv:" in entry.source and entry.summary for entry in entries()[1:])


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="there is already a model named 'gan'"):
        register("gan", source="elsewhere")(toy)
    assert build("gan").latent_shape == (100,)


def test_the_decorated_function_stays_itself() -> None:
    assert register("toy", source="nowhere")(toy) is toy


def test_a_gan_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        build("gan").latent_shape = (3,)  # type: ignore[misc]


def test_unknown_model() -> None:
    assert message("dcgam") == (
        "no model is named 'dcgam'; there are dcgan, gan; did you mean 'dcgan'?"
    )
    assert message("stylewhatever") == "no model is named 'stylewhatever'; there are dcgan, gan"


def test_unknown_argument() -> None:
    assert message("dcgan", latent_dim=3) == (
        "dcgan takes no argument 'latent_dim'; accepted are latent_dimension=100, image_size=28, "
        "channels=1, base_channels=64, discriminator_batch_norm=True, sigmoid=True; "
        "did you mean 'latent_dimension'?"
    )


def test_ill_typed_argument() -> None:
    accepted = "; accepted are latent_dimension=100, image_size=28, channels=1, base_channels=64"
    accepted += ", discriminator_batch_norm=True, sigmoid=True"
    assert message("dcgan", channels="three") == (
        f"dcgan: channels=three is not a whole number{accepted}"
    )
    assert message("dcgan", channels=1.5) == f"dcgan: channels=1.5 is not a whole number{accepted}"
    assert message("gan", batch_norm="perhaps").startswith(
        "gan: batch_norm=perhaps is not true or false; accepted are "
    )


def test_too_large_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    @register("huge", source="nowhere")
    def huge(*, size: int = 1) -> GAN:
        """Huge."""
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    assert message("huge", size="9") == (
        "huge with size=9 does not fit in memory; try the defaults: size=1"
    )


def test_other_faults_of_a_builder_come_through() -> None:
    @register("broken", source="nowhere")
    def broken() -> GAN:
        """Broken."""
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        build("broken")


def test_importing_the_zoo_stays_light() -> None:
    code = (
        "import sys, ganscope.zoo; "
        "heavy = {'torchvision', 'matplotlib', 'PIL', 'ganscope.traces', 'ganscope.probe'}; "
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
