"""What is in a recording, told on a page."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from ganscope.traces import Failure, Optimizer, Step, Trace
from ganscope.traces.file import open_trace
from ganscope.views import ViewOptions, to_text
from ganscope.views.metrics.overview import Recording
from ganscope.views.present import plain_text
from ganscope.views.recording import RecordingView

from .builders import failing_trace, generator_trace
from .steps import both_at_once, recorded, with_update
from .test_metrics import many, moved, written


def page(trace: Trace, path: Path, width: int = 100, encoding: str | None = None) -> str:
    recording = Recording(trace, path, path if path.suffix == ".gscope" else None)
    return plain_text(RecordingView(recording, width), width, encoding=encoding)


def test_all_that_is_in_it(tmp_path: Path) -> None:
    path = written(many(count=8), tmp_path)
    text = page(open_trace(path), path)
    for words in (
        "taken by    ganscope.record · ",
        "seen        complete",
        "networks    generator (Generator) · generator · 316 parameters",
        "            discriminator (Discriminator) · discriminator · 181 parameters",
        "optimizers  optimizer_G: Adam lr 0.0002 · moves the generator",
        "steps       0 to 70, every 10th",
        "each step   ① the generator ② the discriminator",
        "losses      g_loss  0.608 → 7.608  ▁",
        "            d_loss  0.706 → 7.706  ▁",
    ):
        assert words in text, words
    first = " ".join(text.partition("\n\n")[0].split())
    assert "run.gscope recording of 8 training steps" in first.replace(" · ", " ")
    assert first.endswith("kB a step")


@pytest.mark.parametrize("width", [20, 40, 60, 100, 200])
def test_the_next_commands_can_be_pasted(width: int, tmp_path: Path) -> None:
    folder = tmp_path / "my runs"
    folder.mkdir()
    path = written(many(), folder)
    text = page(open_trace(path), path, width)
    pasted = text[text.index("ganscope show") :].replace("\\\n", "").splitlines()
    assert [shlex.split(command) for command in pasted] == [
        ["ganscope", "show", str(path), *flags]
        for flags in (
            ["--step", "0", "--show-grads"],
            ["--step", "-1", "--explain"],
            ["--plot", "loss"],
            ["--plot", "grad generator.model.0"],
        )
    ]


def test_a_recording_that_is_not_closed(tmp_path: Path) -> None:
    meta = replace(recorded().meta, completeness="partial", notes=("not closed",))
    text = page(replace(many(), meta=meta), tmp_path / "run.json")
    assert "seen        partial" in text
    assert "note        not closed" in text


@pytest.mark.parametrize(
    ("indices", "words"),
    [
        ((0, 1, 2), "0 to 2, every one"),
        ((0, 2, 4), "0 to 4, every 2nd"),
        ((5, 8), "5 to 8, every 3rd"),
        ((0, 11, 22), "0 to 22, every 11th"),
        ((0, 1, 10), "0 to 10, not at equal distances"),
        ((7,), "step 7"),
    ],
)
def test_which_steps(indices: tuple[int, ...], words: str, tmp_path: Path) -> None:
    step = recorded().steps[0]
    trace = replace(recorded(), steps=tuple(replace(step, index=index) for index in indices))
    assert f"steps       {words}\n" in page(trace, tmp_path / "x.json")


def test_kinds_of_steps(tmp_path: Path) -> None:
    one, other = recorded("penalty").steps[0], recorded().steps[0]
    trace = replace(recorded("penalty"), steps=(one, replace(other, index=2)))
    text = page(trace, tmp_path / "x.json")
    assert "a step      ①–② netD, 2 times ③ netG" in text
    assert "            ① generator ② discriminator" in text
    assert "d_loss (mean of 2)  4.456" not in text
    assert "d_loss (mean of 2)  3.93" in text


def test_a_step_that_failed_is_not_counted_as_one(tmp_path: Path) -> None:
    whole = recorded().steps[0]
    began = Step(4, tuple(replace(call, update=None) for call in whole.calls[:2]), ())
    failure = Failure(4, 0, None, "ValueError: boom", None, None, None)
    steps = (*(replace(whole, index=index) for index in range(4)), began)
    text = page(replace(recorded(), steps=steps, failure=failure), tmp_path / "x.json")
    assert "trace as JSON of 4 training steps and the beginning of a 5th, which failed" in text
    assert "steps       0 to 3, every one · 4 failed" in text
    assert "each step   ① the generator ② the discriminator" in text
    assert "--step -1\n" in text
    alone = page(replace(recorded(), steps=(began,), failure=failure), tmp_path / "x.json")
    assert "the beginning of a training step, which failed" in alone
    assert "steps       4 failed" in alone
    after = replace(recorded(), steps=steps[:4], failure=failure)
    assert "✗ failed    after step 3, outside any call" in page(after, tmp_path / "x.json")


def test_a_learning_rate_that_changed(tmp_path: Path) -> None:
    slower = with_update(recorded(), 0, optimizers=(Optimizer("optimizer_G", "Adam", (1e-5,)),))
    steps = (recorded().steps[0], moved(slower.steps[0], 9))
    text = page(replace(recorded(), steps=steps), tmp_path / "x.json")
    assert "optimizer_G: Adam lr 0.0002 → 1e-05 · moves the generator" in text


def test_optimizers_that_step_together_move_their_own_networks(tmp_path: Path) -> None:
    text = page(both_at_once(), tmp_path / "x.json")
    assert "optimizer_G: Adam lr 0.0002 · moves the generator\n" in text
    assert "optimizer_D: Adam lr 0.0002 · moves the discriminator\n" in text


def test_traces_without_training(tmp_path: Path) -> None:
    text = page(generator_trace(), tmp_path / "x.json")
    assert "x.json · trace as JSON of 1 forward pass" in text.replace("\n", " · ")
    assert "--step 0" in text
    assert "losses" not in text
    assert "✗ failed    generator.model.2" in page(failing_trace(), tmp_path / "x.json")
    assert "0 forward passes" in page(replace(generator_trace(), steps=()), tmp_path / "x.json")


def test_nothing_was_recorded(tmp_path: Path) -> None:
    nothing = Trace(recorded().meta, (), ())
    assert "recording of nothing" in page(nothing, tmp_path / "x.gscope")
    for name in ("table", "markdown", "html"):
        text = to_text(nothing, ViewOptions(), name=name)
        assert "nothing was recorded" in text
        assert "0 calls" not in text


def test_no_loss_was_seen(tmp_path: Path) -> None:
    trace = with_update(with_update(recorded(), 0, losses=()), 1, losses=())
    text = page(trace, tmp_path / "x.json")
    assert "losses      none was seen" in text
    assert "--plot loss" not in text


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("encoding", [None, "ascii"])
def test_it_fits(width: int, encoding: str | None, tmp_path: Path) -> None:
    text = page(many(), tmp_path / "x.json", width, encoding)
    lines = text.partition("ganscope show")[0].splitlines()  # a command is only broken at flags
    assert max(map(cell_len, lines)) <= width
    assert text.isascii() == (encoding == "ascii")
