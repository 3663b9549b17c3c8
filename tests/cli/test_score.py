"""``ganscope score``: a trained run and a model before training, in every format; bad input."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ganscope.cli.app import run as command_line
from ganscope.training.runs import draw, open_run
from ganscope.training.scores import evaluate, read_reference, to_scored

from .conftest import Run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps, with an average of its generator."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    words = ["train", "--steps", "4", "--batch", "32", "--ema", "--sample-interval", "0"]
    assert command_line([*words, "--data", "digits-8000", "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def run(trained: Path) -> Path:
    """A copy of it in the working directory, called ``run``."""
    shutil.copytree(trained, "run")
    return Path("run")


def test_a_run_beside_its_beginning_and_real_digits(ganscope: Run, run: Path) -> None:
    outcome = ganscope("score", run, "-n", 500, "--width", 100)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].startswith("run · gan · nonsaturating · 4 steps, in epoch 1 · 500 samples")
    table = [line.split("   ")[0] for line in lines[5:10]]
    assert [row.strip() for row in table] == [
        "untrained", "this run", "its average", "real digits", "the paper's",
    ]  # fmt: skip
    assert "225.0 ± 2.0" in lines[9]
    text = " ".join(outcome.out.split())
    assert text.count("✗ mode collapse: 1% of real digits; below 50% counts as collapsed") == 2
    assert text.count("✗ none of the ten is there") == 2
    assert "the run learned from none of the test digits" in text
    assert "here 8,000 to learn from, 1,000 test digits, 500 samples" in text
    assert max(map(len, lines)) <= 100


def test_its_figures_are_those_of_the_library(ganscope: Run, run: Path) -> None:
    outcome = ganscope("score", run, "-n", 600, "--seed", 3, "--format", "json")
    found = json.loads(outcome.out)
    assert found["schema"] == "ganscope.score/1"
    assert (found["run"], found["model"], found["data"], found["seed"]) == (
        "run", "gan", "digits", 3,
    )  # fmt: skip
    roles = {subject["role"]: subject for subject in found["subjects"]}
    assert list(roles) == ["untrained", "generator", "averaged", "real"]
    opened, reference = open_run(run), read_reference(None)
    for role, generator in (("generator", opened.gan.generator), ("averaged", opened.averaged)):
        assert generator is not None
        expected = evaluate(to_scored(draw(generator, (100,), 600, seed=3)), reference)
        assert expected.confidence is not None
        likelihood = {"value": expected.likelihood.mean, "error": expected.likelihood.error}
        assert roles[role]["log_likelihood"] == likelihood
        assert roles[role]["diversity"]["value"] == expected.diversity.mean
        assert roles[role]["confidence"]["value"] == expected.confidence.mean
        assert roles[role]["digits"] == list(expected.confidence.digits)
        assert roles[role]["collapsed"] is True
    assert roles["real"]["collapsed"] is False
    assert roles["real"]["missing"] == []


def test_a_model_before_training(ganscope: Run) -> None:
    before = torch.get_rng_state()
    outcome = ganscope("score", "--model", "gan", "--arg", "latent_dimension=20", "-n", 500)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("gan · before training · 500 samples")
    assert "bars" not in outcome.out
    assert torch.equal(torch.get_rng_state(), before)
    again = ganscope("score", "--model", "gan", "--arg", "latent_dimension=20", "-n", 500)
    assert again.out == outcome.out


def test_other_shapes_are_brought_to_that_of_digits(ganscope: Run) -> None:
    words = "--model dcgan --arg image_size=64 --arg channels=3 --arg base_channels=4"
    outcome = ganscope("score", *words.split(), "-n", 500, "--width", 200)
    assert outcome.code == 0
    assert "images were brought from 3×64×64 to 1×28×28" in " ".join(outcome.out.split())


def test_csv_and_markdown(ganscope: Run, run: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(ganscope("score", run, "-n", 500, "-o", "-",
                                                    "--format", "csv").out)))  # fmt: skip
    assert {row["figure"] for row in rows} == {
        "log-likelihood", "diversity", "confidence", "digit none",
        *(f"digit {digit}" for digit in range(10)),
    }  # fmt: skip
    shares = [float(row["value"]) for row in rows if row["figure"].startswith("digit ")]
    assert sum(shares) == pytest.approx(4)  # four subjects
    assert rows[-1]["role"] == "paper"
    outcome = ganscope("score", run, "-n", 500, "-o", "score.md")
    assert (outcome.code, outcome.line) == (0, "Wrote score.md")
    written = Path("score.md").read_text(encoding="utf-8")
    assert written.startswith("**run · gan · nonsaturating · 4 steps, in epoch 1 ·")
    assert "| real digits |" in written


def test_images_that_may_be_no_digits(ganscope: Run, run: Path) -> None:
    Path("shades").mkdir()
    for number in range(1_000):
        shade = np.array([[number % 256, number // 4]], np.uint8)
        Image.fromarray(shade).save(f"shades/{number:04}.png")
    outcome = ganscope("score", run, "-n", 500, "--data", "shades", "--width", 100)
    assert outcome.code == 0
    text = " ".join(outcome.out.split())
    for absent in ("confidence", "digits", "the paper's", "✗", "●"):
        assert absent not in text
    assert "no threshold was set for these images" in text
    assert "real images" in text
    assert "there are 800" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "say what to score: a run, as in ganscope score runs/first, or --model gan before "
             "training"),
        ("run --model gan", "'run' says which model it trained, and --model gan scores one that "
                            "was not trained; leave one of them out"),
        ("run --arg a=1", "'run' says what its model was built with; leave --arg out"),
        ("run -n 499", "-n 499: draw from 500 images, a batch of the diversity figure, to "
                       "100,000"),
        ("run -n 100001", "-n 100001: draw from 500 images, a batch of the diversity figure, to "
                          "100,000"),
        ("run --seed -1", "--seed -1: a seed is a whole number from 0 to 2^63 - 1"),
        ("run --format html", "a score is shown as table, json, csv, markdown, not html"),
        ("run --data digit", "no images: 'digit' does not exist; expected 'digits', "
                             "'digits-8000', 'mnist' or a folder of images; did you mean "
                             "'digits'?"),
        ("run --data empty", "no images in the folder 'empty'; expected files ending in png, jpg, "
                             "jpeg, bmp, webp; try another folder, or 'digits' for the built-in "
                             "images"),
        ("run -o there.json", "-o there.json exists already; add -f to overwrite it, or name "
                              "another"),
        ("run --device tpu", "--device tpu is no device; there are cpu, cuda, cuda:0, mps and "
                             "auto; did you mean 'cpu'?"),
        ("nowhere", "there is no folder 'nowhere'; "),
        ("empty", "'empty' holds no training run: it is empty; "),
        ("there.json", "'there.json' is a file; "),
        ("--model gam", "no model is named 'gam'; there are dcgan, gan; did you mean 'gan'?"),
        ("--model gan --arg x=1", "gan takes no argument 'x'; "),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(ganscope: Run, run: Path, words: str, said: str) -> None:
    Path("empty").mkdir()
    Path("there.json").write_text("kept", encoding="utf-8")
    outcome = ganscope("score", *words.split())
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.line.startswith(f"ganscope: {said}")
    assert Path("there.json").read_text(encoding="utf-8") == "kept"


def test_broken_runs(ganscope: Run, run: Path) -> None:
    checkpoint = run / "checkpoint.safetensors"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:1000])
    assert "is damaged" in ganscope("score", run).line
    checkpoint.unlink()
    outcome = ganscope("score", run)
    assert outcome.code == 2
    assert "holds a run without a checkpoint.safetensors yet" in outcome.line
    (run / "run.json").write_text("{", encoding="utf-8")
    assert "is damaged: it is no JSON" in ganscope("score", run).line


def test_a_generator_of_nan_is_told(ganscope: Run, run: Path) -> None:
    from safetensors import safe_open

    path = run / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["generator.model.0.weight"].fill_(float("nan"))
    save_file(tensors, path, metadata)
    outcome = ganscope("score", run, "-n", 500)
    assert outcome.code == 2
    assert outcome.line == (
        "ganscope: the generator of this run makes NaN or infinite numbers in 500 of 500 images; "
        "train anew, as with a smaller --learning-rate"
    )
