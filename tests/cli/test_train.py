"""`ganscope train`, `sample`, and looking into a run, through the command line."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import ganscope as library
from ganscope import zoo
from ganscope.training import begin, train_step
from ganscope.training.data import load_images
from ganscope.training.feed import Feed, Share
from ganscope.training.metrics import COLUMNS, read_rows

from .conftest import Outcome, Run
from .killed_runs import FLAGS, assert_same, make_images, train_killed, words_for

SMALL = ("--arg", "image_size=8", "--arg", "latent_dimension=4", "--batch", 8, "--steps", 12)


@pytest.fixture
def trained(ganscope: Run) -> Path:
    """A run of twelve steps, with an average."""
    outcome = ganscope("train", *SMALL, "--ema", "--sample-interval", 5, "-o", "run")
    assert outcome.code == 0, outcome.err
    return Path("run")


def test_everything_is_in_one_folder(ganscope: Run) -> None:
    outcome = ganscope("train", *SMALL, "--sample-interval", 5, "-o", "run", "--ema")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert len(lines) == 12
    rows = read_rows(Path("run/metrics.csv"))
    for number, (line, row) in enumerate(zip(lines, rows, strict=True)):
        assert (row.step, row.epoch, row.batch) == (number, 0, number)
        assert line == (
            f"[Epoch 0/1] [Batch {number}/1250] [D loss: {row.d_loss:f}] [G loss: {row.g_loss:f}]"
        )
    assert Path("run/metrics.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "checkpoint.safetensors", "losses.png", "metrics.csv", "run.json", "samples",
    ]  # fmt: skip
    numbers = ("000000", "000005", "000010", "000012")
    assert sorted(path.name for path in Path("run/samples").iterdir()) == sorted(
        f"{number}{kind}.png" for number in numbers for kind in ("", "-averaged")
    )
    with Image.open("run/samples/000012.png") as grid:
        assert grid.size == (5 * 8 + 6 * 2, 5 * 8 + 6 * 2)
        assert grid.convert("L").getextrema() == (0, 255)  # normalised
    assert "gan · nonsaturating · 12 of 12 steps · 96 images in" in outcome.err
    assert outcome.err.splitlines()[-1] == "Wrote run: metrics.csv, losses.png, 8 grids in samples"


def test_it_trains_as_plain_pytorch_does(ganscope: Run) -> None:
    outcome = ganscope("train", "--batch", 8, "--steps", 3, "--seed", 5, "-o", "run")
    assert outcome.code == 0, outcome.err
    torch.manual_seed(5)
    gan = zoo.build("gan")
    training = begin(gan)  # neither fused nor from a checkpoint
    images = load_images(None, (1, 28, 28))
    feed = Feed(images, Share(0, 1, 8), (100,), (1, 1, False), seed=5, device=torch.device("cpu"))
    for step in range(3):
        train_step(training, *feed.step(step, 0, step))
    kept = load_file("run/checkpoint.safetensors")
    for name, value in gan.generator.state_dict().items():
        torch.testing.assert_close(kept[f"generator.{name}"], value, rtol=1e-4, atol=2e-5)
    torch.manual_seed(5)
    assert not torch.equal(kept["generator.model.0.bias"], zoo.build("gan").generator.model[0].bias)


def test_a_recording_of_some_steps(ganscope: Run) -> None:
    outcome = ganscope("train", *SMALL, "-o", "run", "--record", "run.gscope", "--every", 5)
    assert outcome.code == 0, outcome.err
    trace = library.load("run.gscope")
    assert [step.index for step in trace.steps] == [0, 5, 10]
    assert {network.name for network in trace.networks} == {"generator", "discriminator"}
    row = read_rows(Path("run/metrics.csv"))[5]
    g_loss, d_loss = (update.losses[0] for update in trace.steps[1].updates)
    assert (g_loss.name, d_loss.name) == ("g_loss", "d_loss")
    assert (g_loss.value, d_loss.value) == pytest.approx((row.g_loss, row.d_loss), rel=1e-6)
    plain = ganscope("train", *SMALL, "-o", "plain")
    assert plain.code == 0
    assert_equal_weights(Path("run"), Path("plain"))


def assert_equal_weights(one: Path, other: Path) -> None:
    first, second = (load_file(run / "checkpoint.safetensors") for run in (one, other))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_longer_is_the_same_as_long_from_the_start(ganscope: Run, trained: Path) -> None:
    more = (*SMALL[:-1], 20)
    assert ganscope("train", "--resume", trained, "--steps", 20).code == 0
    outcome = ganscope("train", *more, "--ema", "--sample-interval", 5, "-o", "whole")
    assert outcome.code == 0, outcome.err
    assert_equal_weights(trained, Path("whole"))
    assert [row.step for row in read_rows(trained / "metrics.csv")] == list(range(20))


def test_an_end_that_was_moved_is_kept(ganscope: Run, trained: Path) -> None:
    before = json.loads((trained / "run.json").read_text())
    assert ganscope("train", "--resume", trained, "--steps", 14).code == 0
    after = json.loads((trained / "run.json").read_text())
    assert after["settings"].pop("steps") == 14
    assert before["settings"].pop("steps") == 12
    assert after == before
    write = read_rows(trained / "metrics.csv")[13]
    outcome = ganscope("train", "--resume", trained)
    assert outcome.code == 0
    assert "is at step 14 of 14 already, so there is nothing to do" in outcome.line
    assert read_rows(trained / "metrics.csv")[13] == write


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ((), 0, "'run' is at step 12 of 12 already, so there is nothing to do; --steps 24 trains"),
        (("--steps", 12), 0, "'run' is at step 12 of 12 already, so there is nothing to do"),
        (("--steps", 11), 2, "--steps 11: 'run' is at step 12 already, beyond the 11 asked for"),
        (("--epochs", 3, "--steps", 1), 2, "--epochs 3 --steps 1: 'run' is at step 12 already"),
    ],
)
def test_no_further_than_it_has_come(
    ganscope: Run, trained: Path, words: tuple[object, ...], code: int, line: str
) -> None:
    before = contents(trained)
    outcome = ganscope("train", "--resume", trained, *words)
    assert outcome.code == code
    assert line in outcome.line
    assert outcome.out == ""
    assert contents(trained) == before


def test_killed_before_its_losses_were_drawn(ganscope: Run, trained: Path) -> None:
    (trained / "losses.png").unlink()
    assert ganscope("train", "--resume", trained, "-q").err == ""
    assert (trained / "losses.png").exists()


def test_killed_and_interrupted_and_gone_on_with(ganscope: Run, tmp_path: Path) -> None:
    make_images(tmp_path)
    assert ganscope("train", *FLAGS, "--steps", 40, "-o", "whole").code == 0
    train_killed(tmp_path, "ended", [signal.SIGKILL, signal.SIGINT], steps=40)
    outcome = ganscope("train", *words_for(tmp_path, "ended", 40))
    assert outcome.code == 0, outcome.err
    assert_same(tmp_path / "whole", tmp_path / "ended")


def test_samples_of_a_run(ganscope: Run, trained: Path) -> None:
    assert ganscope("sample", trained, "-n", 6, "-o", "live.png").code == 0
    outcome = ganscope("sample", trained, "-n", 6, "--averaged", "-o", "averaged.png")
    assert outcome.line == "Wrote averaged.png"
    with Image.open("live.png") as grid:
        assert grid.size == (3 * 10 + 2, 2 * 10 + 2)
    assert Path("live.png").read_bytes() != Path("averaged.png").read_bytes()
    again = ganscope("sample", trained, "-n", 6, "-o", "live.png")
    assert again.code == 2
    assert "live.png exists already" in again.line


def test_a_run_is_looked_into(ganscope: Run, trained: Path) -> None:
    data = json.loads(ganscope("trace", "generator", "--weights", trained, "--format", "json").out)
    assert data["networks"][0]["parameters"] > 0
    step = json.loads(ganscope("step", "--weights", trained, "--format", "json").out)
    note = "weights and optimizers are those of 'run' after 12 steps"
    assert note in step["meta"]["notes"]
    kept = load_file(trained / "checkpoint.safetensors")
    shown = step["steps"][0]["updates"][0]["parameters"][0]
    norm = float(kept[f"{shown['name']}"].norm())
    assert shown["weight_norm"] == pytest.approx(norm, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--objective wgn", "no objective is named 'wgn'; there are nonsaturating, minimax"),
        ("--objective wgn", "did you mean 'wgan'?"),
        ("--model dcgen", "did you mean 'dcgan'?"),
        ("--epochs 0", "--epochs 0: give a number from 1 on"),
        ("--steps -1", "--steps -1: give a number from 1 on"),
        ("--batch 1", "--batch 1: BatchNorm in train mode needs a batch of at least 2"),
        ("--batch 20000", "one step takes 20,000 images (batches of 20000) and there are 10,000"),
        ("--d-steps 0", "--d-steps 0: give a number from 1 to 1000"),
        ("--first generater", "did you mean 'generator'?"),
        ("--learning-rate 0", "--learning-rate 0: give a number above 0"),
        ("--learning-rate fast", "'fast' is no number"),
        ("--betas 0.5", "--betas 0.5: give two numbers from 0 up to 1"),
        ("--log loud", "--log loud is not known; there are bar and lines"),
        ("--every 2", "give --record FILE too"),
        ("--keep-samples", "--keep-samples is of a recording's pictures; give --record FILE too"),
        ("--resume nowhere", "there is no folder 'nowhere'"),
        ("--resume empty", "'empty' holds no training run: it is empty"),
        ("--resume other", "'other' holds no training run: it has no run.json"),
        ("--resume other --batch 3", "--batch cannot be changed in a run"),
        ("-o other", "-o other is a folder with other things in it"),
        ("-o other/file", "-o other/file is a file; a run is kept in a folder"),
        ("--record nowhere/x.gscope", "there is no folder nowhere"),
        ("--data nowhere", "no images: 'nowhere' does not exist"),
        ("--device cuda:99", "cuda:99"),
    ],
)
def test_bad_input_is_one_clear_line(ganscope: Run, words: str, line: str) -> None:
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/file").touch()
    outcome = ganscope("train", *words.split())
    assert outcome.code == 2
    assert line in outcome.line
    assert not Path("runs").exists() or not any(Path("runs").iterdir())


def test_a_run_that_is_there_stays(ganscope: Run, trained: Path) -> None:
    outcome = ganscope("train", *SMALL, "-o", trained)
    assert outcome.code == 2
    assert "-o run holds a run already; go on with it by --resume run, add -f" in outcome.line
    assert ganscope("train", *SMALL, "-q", "-o", trained, "-f").err == ""
    assert not list((trained / "samples").glob("*-averaged.png"))


DAMAGES = [
    ("checkpoint.safetensors", lambda data: data[:1000], "is no whole safetensors file"),
    ("checkpoint.safetensors", lambda data: b"", "is no whole safetensors file"),
    ("run.json", lambda data: data[:100], "is damaged: it is no JSON"),
    ("run.json", lambda data: data.replace(b"run/1", b"run/9"), "it may come from a newer"),
    ("run.json", lambda data: data.replace(b'"seed": 0', b'"seed": "x"'), "seed is 'x', expected"),
    ("run.json", lambda data: data.replace(b'"seed"', b'"sead"'), "seed is missing"),
    ("run.json", lambda data: data.replace(b'"gan"', b'"gun"'), "no model is named 'gun'"),
    (
        "run.json",
        lambda data: data.replace(b'"latent_dimension": "4"', b'"latent_dimension": "5"'),
        "is of another model than 'run/run.json' says: generator.model.0.weight is 128×4, "
        "expected 128×5",
    ),
]


def test_a_broken_run_is_one_clear_line(ganscope: Run, trained: Path) -> None:
    for name, damage, line in DAMAGES:
        whole = (trained / name).read_bytes()
        (trained / name).write_bytes(damage(whole))
        for words in (("sample", trained, "-o", "x.png"), ("train", "--resume", trained)):
            outcome = ganscope(*words)
            assert outcome.code == 2, line
            assert line in outcome.line
        (trained / name).write_bytes(whole)
    (trained / "checkpoint.safetensors").unlink()
    outcome = ganscope("sample", trained, "-o", "x.png")
    assert "holds a run without a checkpoint.safetensors yet" in outcome.line
    outcome = ganscope("sample", trained, "-n", 0)
    assert outcome.line == "ganscope: -n 0: draw from 1 to 10,000 images"


def test_a_checkpoint_of_another_model(ganscope: Run, trained: Path) -> None:
    assert ganscope("train", *SMALL, "-o", "wide", "--arg", "channels=3").code == 0
    (trained / "checkpoint.safetensors").write_bytes(
        Path("wide/checkpoint.safetensors").read_bytes()
    )
    outcome = ganscope("train", "--resume", trained)
    assert outcome.code == 2
    assert "is of another model than 'run/run.json' says" in outcome.line


def test_losses_that_are_no_numbers_are_said_once(ganscope: Run) -> None:
    words = (*SMALL, "--learning-rate", "1e30")
    outcome = ganscope("train", *words, "-o", "run", "-q", "--sample-interval", 5)
    assert outcome.code == 0
    said, undrawn = outcome.err.splitlines()
    assert said == (
        "ganscope: step 1 (epoch 0, batch 1): D loss and G loss are nan; neither network gives "
        "numbers, each since its update in step 0; the run goes on and says no more of it; "
        "--stop-on-nan would end it"
    )
    assert "no grid of samples is drawn at step 5: the generator's images are no" in undrawn
    assert [path.name for path in Path("run/samples").iterdir()] == ["000000.png"]
    rows = read_rows(Path("run/metrics.csv"))
    assert [row.step for row in rows if row.bad] == list(range(1, 12))
    sampled = ganscope("sample", "run", "-o", "black.png")
    assert sampled.code == 2
    assert sampled.line.startswith(
        "ganscope: the generator of 'run' makes NaN or infinite numbers in 64 of 64 images; its "
        "losses are no numbers from step 1 on (run/metrics.csv)"
    )
    assert not Path("black.png").exists()


def test_stopped_at_a_loss_that_is_no_number(ganscope: Run) -> None:
    words = ("--learning-rate", "1e30", "--stop-on-nan", "--sample-interval", 5)
    stopped = ganscope("train", *SMALL, *words, "-o", "stopped")
    assert stopped.code == 1
    assert stopped.err.splitlines() == [
        Like("gan · nonsaturating · 2 of 12 steps · 16 images in .*"),
        Like(r"mean of 1 of the last 2 steps: D loss 0\.\d{3} · .*"),
        "no numbers (NaN or infinite) in 1 of 2 steps, first in step 1",
        "Wrote stopped: metrics.csv, losses.png, 1 grid in samples",
        "ganscope: stopped at step 1 (epoch 0, batch 1): D loss and G loss are nan; neither "
        "network gives numbers, each since its update in step 0; no checkpoint was written "
        "before; begin anew, as with a smaller --learning-rate",
    ]
    assert len(read_rows(Path("stopped/metrics.csv"))) == 2
    broken = gone_on_with_nan(ganscope)
    assert "the discriminator was first: its answers on real images are none from the start" in (
        broken.err
    )
    assert "the checkpoint in 'broken' is from before, of step 2" in broken.err


def gone_on_with_nan(ganscope: Run) -> Outcome:
    """Go on with a run whose discriminator has become NaN."""
    assert ganscope("train", *SMALL[:-1], 2, "-o", "broken", "-q").code == 0
    path = Path("broken/checkpoint.safetensors")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["discriminator.model.0.weight"].fill_(float("nan"))
    save_file(tensors, path, metadata)
    return ganscope("train", "--resume", "broken", "--steps", 4, "--stop-on-nan")


class Like:
    """Equal to every text that matches."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __eq__(self, other: object) -> bool:
        return re.fullmatch(self.pattern, str(other)) is not None

    def __hash__(self) -> int:
        return hash(self.pattern)


def test_amp_and_the_bar(ganscope: Run) -> None:
    outcome = ganscope("train", *SMALL, "--amp", "--log", "bar", "-o", "run")
    assert outcome.code == 0, outcome.err
    assert "D loss" in outcome.err
    assert "images/s" in outcome.err
    assert outcome.out == ""
    assert "\ngan · nonsaturating · 12 of 12 steps" in outcome.err  # below the bar, not behind it


def test_one_of_each(ganscope: Run) -> None:
    words = (*SMALL[:-1], 1, "--sample-interval", 1)
    outcome = ganscope("train", *words, "-o", "run", "--record", "run.gscope", "--keep-samples")
    assert "gan · nonsaturating · 1 of 1 step · 8 images in" in outcome.err
    assert "mean of the last step: D loss" in outcome.err
    shutil.rmtree("run/samples")
    assert ganscope("train", "--resume", "run", "--steps", 2).err.splitlines()[-1] == (
        "Wrote run: metrics.csv, losses.png, 1 grid in samples"
    )
    drawn = ganscope("diagram", "run.gscope", "-o", "flow.png")
    assert drawn.line == "Wrote flow.png"
    ganscope("train", *words, "-o", "bare", "--record", "bare.gscope")
    assert "none were kept" in ganscope("diagram", "bare.gscope", "-o", "x.png").line
