"""Bad input: one clear line on standard error, nothing on standard output, exit code 2."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from ganscope import zoo

from .conftest import Run

FILE = """
from torch import nn

class Generator(nn.Module):
    def __init__(self, width, depth=2):
        super().__init__()
        self.linear = nn.Linear(width, depth)

class Plain:
    pass

ready = nn.Linear(2, 2)
number = 3

def nothing():
    return None
"""


class Code:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, ("touch ran",))


@pytest.fixture(autouse=True)
def files() -> None:
    """A file of models, files of weights, and a folder, in the working directory."""
    Path("nets.py").write_text(FILE, encoding="utf-8")
    Path("folder").mkdir()
    Path("there.json").write_text("kept", encoding="utf-8")
    Path("broken.py").write_text("def f(:\n", encoding="utf-8")
    torch.save(zoo.build("gan").discriminator.state_dict(), "judge.pt")
    torch.save({"weight": Code()}, "code.pt")
    Path("pickle.pt").write_bytes(pickle.dumps(Code()))


VERBS = "trace, step, train, sample, score, run, show, diff, diagram, summary, models"
CASES = [
    # -- verbs and flags
    ("trce generator", f"there is no verb 'trce'; there are {VERBS}; did you mean 'trace'?"),
    ("frobnicate", f"there is no verb 'frobnicate'; there are {VERBS}"),
    ("trace", "missing argument 'TARGET'; see ganscope trace --help"),
    ("trace generator --modle gan", "there is no flag --modle; did you mean '--model'?"),
    ("trace generator --zzz", "there is no flag --zzz; see ganscope trace --help"),
    ("trace generator --weights", "option '--weights' requires an argument; "
     "see ganscope trace --help"),
    ("trace generator extra", "got unexpected extra argument(s) (extra); "
     "see ganscope trace --help"),
    # -- targets
    ("trace generater", "there is no 'generater'; name generator, discriminator, FILE.py:Name or "
     "package.module:Name; did you mean 'generator'?"),
    ("trace gan", "'gan' is a model of two networks; say which: generator --model gan, or "
     "discriminator --model gan"),
    ("trace generator --model gann", "no model is named 'gann'; there are dcgan, gan; "
     "did you mean 'gan'?"),
    ("trace nets.py", "nets.py holds Generator, Plain; say which, such as nets.py:Generator"),
    ("trace nets.Generator", "there is no 'nets.Generator'; did you mean 'nets.py:Generator'?"),
    ("trace nets.py:Genrator", "nets.py has no 'Genrator'; it holds Generator, ready; "
     "did you mean 'Generator'?"),
    ("trace nest.py:Generator", "there is no file nest.py; did you mean 'nets.py'?"),
    ("trace no/nets.py:Generator", "there is no file no/nets.py; "
     "the folder no is not there either"),
    ("trace folder/:Generator", "folder is a folder; name a file in it, such as folder/models.py"),
    ("trace nest:Generator", "there is no module 'nest'; did you mean 'nets'?"),
    ("trace nowhere.at.all:Net", "there is no module 'nowhere.at.all'; name a file "
     "(all.py:Generator) or an importable module (package.module:Generator)"),
    ("trace broken.py:Net", "broken.py is no valid Python: invalid syntax (line 1); "
     "mend that first"),
    ("trace nets.py:Generator", "Generator needs width; give --arg width=…"),
    ("trace nets.py:Plain", "Plain is a class, but no torch.nn.Module; name a network's class"),
    ("trace nets.py:number", "number is an int; name a torch.nn.Module class, an instance of one, "
     "or a function that returns one"),
    ("trace nets.py:nothing", "nothing() returns None; it should return a torch.nn.Module"),
    ("trace nets.py:ready --arg a=1", "ready is an instance already and takes no --arg; "
     "leave it out"),
    ("trace nets.py:ready --model gan", "--model is for the built-in generator and discriminator, "
     "not nets.py:ready; leave it out"),
    # -- arguments
    ("trace nets.py:Generator --arg wdth=3", "Generator takes no argument 'wdth'; accepted are "
     "width, depth=2; did you mean 'width'?"),
    ("trace generator --arg latent_dimension", "--arg latent_dimension is not KEY=VALUE; "
     "try --arg latent_dimension=64"),
    ("trace generator --arg channels=1 --arg channels=2", "--arg channels was given twice; "
     "give it once"),
    # -- sizes, seeds, devices
    ("trace generator --batch 0", "--batch 0: a batch has at least 1 row; try --batch 64"),
    ("trace generator --batch -3", "--batch -3: a batch has at least 1 row; try --batch 64"),
    ("trace generator --batch many", "invalid value for '--batch': 'many' is no whole number; "
     "see ganscope trace --help"),
    ("trace generator --batch 99999999999", "an input of 99999999999×100 does not fit in memory; "
     "give smaller sizes"),
    ("trace generator --seed -1", "--seed -1: a seed is a whole number from 0 to 2^63 - 1"),
    ("trace generator --device gpu", "--device gpu is no device; there are cpu, cuda, cuda:0, mps "
     "and auto; did you mean 'cpu'?"),
    ("trace generator --depth 0", "--depth 0 shows nothing; 1 is the network, 2 its parts"),
    ("trace generator --width 10", "--width 10 is too narrow for a table; give at least 40"),
    # -- inputs
    ("trace generator --batch 3 --input 3x100", "--batch and --input both give the batch's size; "
     "leave one out"),
    ("trace generator --input noise=3x100", "the forward of Generator takes no 'noise'; "
     "it takes z"),
    ("trace generator --input 3x100 --input 3", "the forward of Generator takes z, and 2 inputs "
     "were given (too many positional arguments); give --input once for each"),
    ("trace generator --on fake", "--on is for the built-in discriminator; "
     "give inputs with --input"),
    ("trace discriminator --on fak", "--on fak: a discriminator is shown real or fake images; "
     "did you mean 'fake'?"),
    ("trace discriminator --on fake --batch 1", "--on fake --batch 1: the generator's BatchNorm "
     "needs a batch of at least 2 in train mode; give a larger batch, or --eval"),
    ("trace discriminator --data nowhere", "no images: 'nowhere' does not exist; expected "
     "'digits', 'digits-8000', 'mnist' or a folder of images"),
    ("trace discriminator --data digits --on fake", "--on fake shows the generator's images, so "
     "--data has no say; leave it out"),
    # -- weights
    ("trace generator --weights juge.pt", "no weights at 'juge.pt'; did you mean 'judge.pt'?"),
    ("trace generator --weights judge.pt", "'judge.pt' does not fit generator: missing 18 of 25 "
     "keys ("),
    ("trace generator --weights code.pt", "'code.pt' holds Python code (posix.system), not only "
     "tensors, and is not opened; save model.state_dict()"),
    ("trace generator --weights pickle.pt", "'pickle.pt' may hold Python code, not only tensors, "
     "and is not opened; save model.state_dict()"),
    # -- output
    ("trace generator -o there.json", "-o there.json exists already; add -f to overwrite it, "
     "or name another"),
    ("trace generator -o no/x.json", "-o no/x.json: there is no folder no; make it first"),
    ("trace generator -o folder", "-o folder is a folder; name a file in it, "
     "such as folder/trace.json"),
    ("trace generator -o x.xyz", "-o x.xyz: the ending .xyz names no format; say which with "
     "--format: table, json, csv, markdown, html"),
    ("trace generator --format jsn", "--format jsn is not known; there are table, json, csv, "
     "markdown, html; did you mean 'json'?"),
    ("trace generator --only nothing", "--only 'nothing' matches no path; a path looks like"),
    ("summary generator -o there.json", "-o there.json exists already; add -f to overwrite it, "
     "or name another"),
    ("summary generater", "there is no 'generater'; name generator, discriminator, FILE.py:Name "
     "or package.module:Name; did you mean 'generator'?"),
    ("models extra", "got unexpected extra argument(s) (extra); see ganscope models --help"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "said"), CASES, ids=[command for command, _ in CASES])
def test_one_clear_line(ganscope: Run, command: str, said: str) -> None:
    before = sorted(path.name for path in Path().iterdir())
    outcome = ganscope(*command.split())
    assert outcome.code == 2
    assert outcome.out == ""
    if said.endswith(("(", "state_dict()", "like")):  # the rest is another room's business
        assert outcome.line.startswith(f"ganscope: {said}")
    else:
        assert outcome.line == f"ganscope: {said}"
    assert sorted(path.name for path in Path().iterdir()) == before
    assert Path("there.json").read_text(encoding="utf-8") == "kept"


def test_help_when_nothing_is_asked(ganscope: Run) -> None:
    outcome = ganscope()
    assert outcome.code == 2
    assert outcome.line == "ganscope: say what to do; ganscope --help lists the verbs"
    assert "Usage" in outcome.out


@pytest.mark.parametrize("name", ["--help", "-h", "--version"])
def test_asking_about_ganscope_itself_is_fine(ganscope: Run, name: str) -> None:
    outcome = ganscope(name)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out
