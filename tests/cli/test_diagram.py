"""``ganscope diagram``: what it writes, and what it says where it cannot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as Xml
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import ganscope as library
from ganscope.views.diagrams import fonts

from .conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generator's trace as JSON."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Unflatten(1, (1, 3, 3)))
    path = tmp_path_factory.mktemp("saved") / "trace.json"
    path.write_text(json.dumps(library.trace(net, torch.randn(3, 4)).to_dict()))
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps of a GAN, with samples."""
    return record(tmp_path_factory.mktemp("recording") / "run.gscope", samples=True)


def record(path: Path, *, samples: bool) -> Path:
    torch.manual_seed(0)
    netG, netD = nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Sequential(nn.Linear(4, 1))
    optimizers = [torch.optim.SGD(net.parameters(), 0.1) for net in (netG, netD)]
    with library.record(path, samples=samples):
        for _ in range(4):
            for optimizer in optimizers:
                optimizer.zero_grad()
                loss = netD(netG(torch.randn(2, 3))).mean()
                loss.backward()
                optimizer.step()
    return path


# -- what is written -----------------------------------------------------------------------------


def test_a_target_is_traced_and_drawn(ganscope: Run, tmp_path: Path) -> None:
    done = ganscope("diagram", "discriminator", "--batch", 4, "-o", "d.png", "-o", "d.svg")
    assert done.code == 0
    assert done.err == "Wrote d.png\nWrote d.svg\n"
    assert done.out == ""
    with Image.open(tmp_path / "d.png") as image:
        assert image.size == (1920, 1080)
    text = (tmp_path / "d.svg").read_text(encoding="utf-8")
    assert len(text) < 400_000
    shown = "".join(Xml.fromstring(text).itertext())
    for shape in ("1×28×28", "784", "512", "256"):
        assert shape in shown, "text stays text"


def test_every_ending(ganscope: Run, saved: Path, tmp_path: Path) -> None:
    assert ganscope("diagram", saved, "-o", "a.PNG", "-o", "b.svg", "-o", "c.pdf").code == 0
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "b.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_picture_is_the_same_file(
    ganscope: Run, saved: Path, tmp_path: Path, ending: str
) -> None:
    for name in ("one", "two"):
        ganscope("diagram", saved, "-o", f"{name}.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one == two


def test_frames_grow(ganscope: Run, saved: Path, tmp_path: Path) -> None:
    done = ganscope("diagram", saved, "--frames", "frames", "-o", "whole.png")
    assert done.err == "Wrote whole.png\nWrote frames (3 pictures)\n"
    pages = sorted((tmp_path / "frames").iterdir())
    assert [page.name for page in pages] == [f"flow-0{number}.png" for number in (1, 2, 3)]
    colours = [len(Image.open(page).convert("RGB").getcolors(1 << 20) or ()) for page in pages]
    assert pages[-1].read_bytes() == (tmp_path / "whole.png").read_bytes()
    assert colours[0] < colours[-1]
    assert ganscope("diagram", saved, "--frames", "frames.pdf").code == 0
    pdf = (tmp_path / "frames.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 3


def test_animations(ganscope: Run, saved: Path, recording: Path, tmp_path: Path) -> None:
    assert ganscope("diagram", saved, "--animate", "grow.gif").code == 0
    assert ganscope("diagram", recording, "--animate", "steps.gif").code == 0
    for name, frames in (("grow.gif", 3), ("steps.gif", 4)):
        with Image.open(tmp_path / name) as image:
            assert getattr(image, "n_frames", 1) == frames
            assert image.size == (960, 540)


def test_a_step_is_made_of_a_built_in_gan(ganscope: Run, tmp_path: Path) -> None:
    done = ganscope("diagram", "generator", "--kind", "step", "--batch", 4, "-o", "s.svg")
    assert done.code == 0, done.err
    shown = "".join(Xml.parse(tmp_path / "s.svg").getroot().itertext())
    assert "detach" in shown
    assert "D(G(z))" in shown


def test_a_forward_that_fails_is_drawn_and_told(ganscope: Run, tmp_path: Path) -> None:
    done = ganscope("diagram", "generator", "--batch", 1, "-o", "f.svg")
    assert done.code == 1
    wrote, said = done.err.splitlines()
    assert wrote == "Wrote f.svg"
    assert said.startswith("ganscope: generator.model.3 (BatchNorm1d) fails: got 1×256, expects")
    shown = "".join(Xml.parse(tmp_path / "f.svg").getroot().itertext())
    assert "the forward fails in model.3" in shown


@pytest.mark.parametrize("kind", ["flow", "step", "stats", "training"])
def test_every_kind_of_a_recording(ganscope: Run, recording: Path, kind: str) -> None:
    assert ganscope("diagram", recording, "--kind", kind, "--step", 1, "-o", "k.png").code == 0


def test_files_are_replaced_only_on_request(ganscope: Run, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("mine")
    assert "exists already; add -f" in ganscope("diagram", saved, "-o", "a.png").line
    assert (tmp_path / "a.png").read_text() == "mine"
    assert ganscope("diagram", saved, "-o", "a.png", "-f").code == 0


def test_a_saved_trace_is_drawn_without_torch(saved: Path, recording: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from ganscope.cli.app import run\n"
        "code = run(sys.argv[2:5] + ['-o', sys.argv[1] + '/f.png'])\n"
        "code += run(['diagram', sys.argv[5], '--kind', 'step', '-o', sys.argv[1] + '/s.png'])\n"
        "print(code, [name for name in sys.modules if name.startswith(('torch', 'scipy'))],\n"
        "      'matplotlib.pyplot' in sys.modules)"
    )
    words = [str(tmp_path), "diagram", str(saved), "--theme=dark", str(recording)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "0 [] False\n"


# -- what cannot be done -------------------------------------------------------------------------

BAD = [
    ("--kind flo -o a.png", "there is no kind 'flo'; there are flow, step, stats and training; "
     "did you mean 'flow'?"),
    ("", "say where to draw: -o flow.png"),
    ("-o a.jpg", "-o a.jpg: .jpg is no picture; end it in .png, .svg or .pdf"),
    ("-o a", "-o a: no ending is no picture"),
    ("-o a.png -o ./a.png", "-o names one file twice"),
    ("-o none/a.png", "there is no folder none; make it first"),
    ("-o here.txt/a.png", "there is no folder here.txt"),
    ("-o folder.png", "folder.png is a folder"),
    ("--frames here.txt", "--frames here.txt: give a folder"),
    ("--frames full", "--frames full is not empty; add -f"),
    ("--frames none/sub", "there is no folder none; make it first"),
    ("--animate a.mp4", "--animate a.mp4: an animation is a .gif file"),
    ("-o a.png --theme drak", "there is no theme 'drak'; there are light, dark and print; did you "
     "mean 'dark'?"),
    ("-o a.png --lang de", "there is no language 'de'; there are en and zh"),
    ("-o a.png --size poster", "there is no size 'poster'; there are slide, page and square"),
    ("-o a.png --sample -1", "there is no sample -1"),
    ("-o a.png --sample 7", "there is no sample 7: of this batch, samples 0 to 2 were kept"),
    ("-o a.png --network netG", "there is no network 'netG'"),
    ("-o a.png --step 4", "there is no step 4; recorded are 0"),
    ("-o a.png --kind step", "no optimizer steps in this trace"),
    ("-o a.png --kind training", "needs several recorded steps and this trace holds 1"),
    ("-o a.png --batch 4", "--batch is for a network that is run"),
    ("-o a.png --kind training --frames full -f", "needs several recorded steps"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), BAD, ids=[words or "nothing" for words, _ in BAD])
def test_bad_input_is_one_line(ganscope: Run, saved: Path, words: str, said: str) -> None:
    Path("here.txt").write_text("")
    Path("folder.png").mkdir()
    Path("full").mkdir()
    Path("full/mine.png").write_text("mine")
    done = ganscope("diagram", saved, *words.split())
    assert done.code == 2
    assert said in done.line
    assert {path.name for path in Path().iterdir()} == {"here.txt", "folder.png", "full"}
    assert Path("full/mine.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("generator --kind training -o a.png", "--kind training draws a recording"),
        ("generator --step 3 -o a.png", "--step is for a recording"),
        ("none.gscope -o a.png", "none.gscope"),
        ("generator --kind step --batch 4 --sample 4 -o a.png", "samples 0 to 3 were kept"),
        ("generator --kind step --on fake -o a.png", "takes no --input, --on or --eval"),
        ("torch.nn:Identity --kind step -o a.png", "a training step is made of a built-in GAN"),
    ],
)
def test_bad_targets_are_one_line(ganscope: Run, words: str, said: str) -> None:
    done = ganscope("diagram", *words.split())
    assert done.code == 2
    assert said in done.line
    assert list(Path().iterdir()) == []


def test_a_recording_without_values_says_how_to_keep_them(ganscope: Run, tmp_path: Path) -> None:
    bare = record(tmp_path / "bare.gscope", samples=False)
    done = ganscope("diagram", bare, "-o", "a.png")
    assert done.code == 2
    assert "flow draws values, and none were kept: try --kind step, stats or training" in done.line
    assert "record values with --keep-samples of ganscope run" in done.line
    for kind in ("step", "stats", "training"):
        assert ganscope("diagram", bare, "--kind", kind, "-o", f"{kind}.svg").code == 0
    shown = "".join(Xml.parse("step.svg").getroot().itertext())
    assert "no values were kept (--keep-samples)" in shown


def test_without_a_chinese_font_one_is_named(
    ganscope: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "chinese", lambda: None)
    done = ganscope("diagram", saved, "--lang", "zh", "-o", "a.png")
    assert done.code == 2
    assert "no Chinese font is installed; install one, such as Noto Sans CJK" in done.line
    assert not Path("a.png").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(ganscope: Run, saved: Path) -> None:
    Path("locked").mkdir(mode=0o500)
    assert "no permission" in ganscope("diagram", saved, "-o", "locked/a.png").line
