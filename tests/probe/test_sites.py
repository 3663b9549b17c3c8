"""Whose line a call is attributed to, whatever the folders on its path are called."""

from __future__ import annotations

import linecache
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ganscope
from ganscope.probe import sites

TORCH = Path(torch.__file__).parent
OURS = Path(ganscope.__file__).parent
LIKE_OTHERS = [
    TORCH.with_name("torchgan") / "trainer.py",
    TORCH.with_name("torch-experiments") / "train.py",
    OURS.with_name("ganscope-experiments") / "train.py",
    OURS.with_name("ganscope_cli") / "train.py",
    OURS.with_name(".venv") / "lib" / "site-packages" / "foo" / "train.py",
    Path(os.sep, "clones", "ganscope", "train.py"),
    Path(os.sep, "clones", "ganscope", "probe", "torch", "train.py"),
]
"""Files of users and of other packages, next to torch, next to ours, or named like either."""

SCRIPT = """
def forward(self, x):
    return self.layer(x)

class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
    forward = forward

critic = Critic()
trace = ganscope.trace(critic, torch.ones(1, 2))
"""


def run(file: Path) -> dict[str, Any]:
    """What SCRIPT leaves when it runs as if it were `file`, which need not exist."""
    scope: dict[str, Any] = {"ganscope": ganscope, "nn": nn, "torch": torch, "__name__": "train"}
    lines = SCRIPT.splitlines(keepends=True)
    linecache.cache[str(file)] = (len(SCRIPT), None, lines, str(file))
    try:
        exec(compile(SCRIPT, str(file), "exec"), scope)
    finally:
        del linecache.cache[str(file)]
    return scope


@pytest.mark.parametrize("file", LIKE_OTHERS, ids=str)
def test_a_users_file_is_the_site(file: Path) -> None:
    trace = run(file)["trace"]
    assert [network.name for network in trace.networks] == ["critic"]
    outer, inner = (call for call in trace.steps[0].calls if call.type in ("Critic", "Linear"))
    assert [outer.site.line, inner.site.line] == [12, 3]
    assert (outer.site.file, inner.site.file) == (str(file), str(file))
    assert inner.site.code == "return self.layer(x)"
    assert sites.is_users(str(file))


def test_a_script_in_a_folder_named_like_ours(tmp_path: Path) -> None:
    file = tmp_path / "ganscope" / "train.py"
    file.parent.mkdir()
    file.write_text(SCRIPT, encoding="utf-8")
    assert {call.site.file for call in run(file)["trace"].steps[0].calls} == {str(file)}


@pytest.mark.parametrize(
    "file",
    [
        TORCH / "nn" / "modules" / "module.py",
        OURS / "probe" / "sites.py",
        OURS / "api.py",
        Path("<frozen importlib._bootstrap>"),
    ],
    ids=str,
)
def test_torchs_pythons_and_our_files_are_nobodys_site(file: Path) -> None:
    assert not sites.is_users(str(file))


def test_the_training_loop_of_ours_is_a_site_like_a_strangers() -> None:
    assert sites.is_users(str(OURS / "training" / "loop.py"))
