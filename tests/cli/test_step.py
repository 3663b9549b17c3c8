"""`ganscope step`: the walkthrough's step through the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import ganscope as library
from ganscope import zoo
from ganscope.training import begin, train_step

from .conftest import Run

PNG = b"\x89PNG"


def test_the_step_is_told_in_order(ganscope: Run) -> None:
    outcome = ganscope("step", "--show-grads")
    assert outcome.code == 0, outcome.err
    text = outcome.out
    generator = text.index("① update of the generator · Adam lr 0.0002")
    discriminator = text.index("② update of the discriminator · Adam lr 0.0002")
    assert generator < text.index("g_loss 0.6") < discriminator < text.index("d_loss 0.7")
    assert "z 64×100 → generator → 64×1×28×28 → discriminator → 64×1" in text
    assert (
        "backward reached generator (16 parameter tensors) and, unused, discriminator (6)" in text
    )


def test_json_holds_the_whole_step(ganscope: Run) -> None:
    data = json.loads(ganscope("step", "--format", "json").out)
    (step,) = data["steps"]
    first, second = step["updates"]
    assert first["losses"][0]["value"] == pytest.approx(math.log(2), abs=0.05)
    assert second["losses"][0]["value"] == pytest.approx(math.log(2), abs=0.05)
    assert data["meta"]["seed"] == 0
    assert data["meta"]["completeness"] == "complete"
    assert [each["moment"] for each in step["judgements"]] == ["before", "after"]
    assert [n["role"] for n in data["networks"]] == ["generator", "discriminator"]


def test_the_same_seed_gives_the_same_step(ganscope: Run) -> None:
    one, other, another = (
        json.loads(ganscope("step", "--seed", seed, "--format", "json").out) for seed in (3, 3, 4)
    )
    losses = [data["steps"][0]["updates"][0]["losses"] for data in (one, other, another)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_a_recording_is_kept_beside(ganscope: Run, tmp_path: Path) -> None:
    outcome = ganscope("step", "--record", "one.gscope", "--format", "json", "-o", "step.json")
    assert outcome.code == 0, outcome.err
    assert sorted(outcome.err.splitlines()) == ["Wrote one.gscope", "Wrote step.json"]
    recorded = library.load(tmp_path / "one.gscope")
    assert recorded.to_dict() == json.loads((tmp_path / "step.json").read_text())
    again = ganscope("step", "--record", "one.gscope")
    assert again.code == 2
    assert "one.gscope exists already" in again.line
    assert ganscope("step", "--record", "one.gscope", "-f").code == 0


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_misjudged_images_as_a_picture(ganscope: Run, tmp_path: Path, ending: str) -> None:
    outcome = ganscope("step", "-o", f"step.{ending}")
    assert outcome.code == 0, outcome.err
    assert "update of the generator" in outcome.out
    data = (tmp_path / f"step.{ending}").read_bytes()
    assert data.startswith({"png": PNG, "svg": b"<?xml", "pdf": b"%PDF"}[ending])


def test_weights_of_both_networks_or_of_one(ganscope: Run, tmp_path: Path) -> None:
    torch.manual_seed(5)
    gan = zoo.build("gan")
    both = {
        "generator": gan.generator.state_dict(),
        "discriminator": gan.discriminator.state_dict(),
    }
    torch.save(both, tmp_path / "both.pt")
    torch.save(gan.generator.state_dict(), tmp_path / "generator.pt")
    fresh = json.loads(ganscope("step", "--format", "json").out)
    loaded = json.loads(ganscope("step", "--weights", "both.pt", "--format", "json").out)
    one = json.loads(ganscope("step", "--weights", "generator.pt", "--format", "json").out)

    def norm(data: dict[str, object], update: int) -> float:
        steps: list[dict[str, list[dict[str, list[dict[str, float]]]]]] = data["steps"]  # type: ignore[assignment]
        return steps[0]["updates"][update]["parameters"][0]["weight_norm"]

    expected = float(gan.generator.model[0].weight.detach().norm())
    assert norm(loaded, 0) == pytest.approx(expected, rel=1e-6)
    assert norm(one, 0) == norm(loaded, 0) != norm(fresh, 0)
    assert norm(one, 1) == norm(fresh, 1) != norm(loaded, 1)
    assert any("no weights for the discriminator" in note for note in one["meta"]["notes"])


def test_dcgan_and_arguments(ganscope: Run) -> None:
    outcome = ganscope("step", "--model", "dcgan", "--batch", 4, "--show-updates", "--explain")
    assert outcome.code == 0, outcome.err
    outcome = ganscope("step", "--arg", "batch_norm=false", "--batch", 1)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--batch 1", "--batch 1: BatchNorm in train mode needs a batch of at least 2"),
        ("--batch 0", "--batch 0: a batch has at least 1 row"),
        ("--model dcgen", "did you mean 'dcgan'?"),
        ("--weights missing.pt", "no weights at 'missing.pt'"),
        ("--record nowhere/x.gscope", "there is no folder nowhere"),
        ("-o step.xyz", "names no format"),
        ("--data nowhere", "nowhere"),
        ("--only nothing*", "nothing*"),
        ("--device cuda:99", "cuda:99"),
        ("--seed -1", "a seed is a whole number"),
        ("generator", "generator"),
    ],
)
def test_bad_input_is_one_clear_line(ganscope: Run, words: str, line: str) -> None:
    outcome = ganscope("step", *words.split())
    assert outcome.code == 2
    assert outcome.line.startswith("ganscope: ")
    assert line in outcome.line


def test_the_command_trains_as_plain_pytorch_does(ganscope: Run) -> None:
    from ganscope.subjects.inputs import normal
    from ganscope.training import real_images

    data = json.loads(ganscope("step", "--seed", 2, "--format", "json").out)
    torch.manual_seed(2)
    training = begin(zoo.build("gan"))
    losses = train_step(
        training, real_images(None, 64, (1, 28, 28), seed=2), normal((64, 100), seed=2)
    )
    first, second = data["steps"][0]["updates"]
    assert first["losses"][0]["value"] == losses.generator_loss.item()
    assert second["losses"][0]["value"] == losses.discriminator_loss.item()
