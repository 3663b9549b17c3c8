"""`ganscope summary` is torchinfo's own table."""

from __future__ import annotations

from pathlib import Path

import torch
import torchinfo

from ganscope import zoo

from .conftest import Run


def test_it_equals_torchinfo(ganscope: Run) -> None:
    torch.manual_seed(0)
    generator = zoo.build("dcgan").generator
    expected = torchinfo.summary(
        generator,
        input_data=[torch.randn(4, 100)],
        col_names=("input_size", "output_size", "kernel_size", "num_params", "mult_adds"),
        row_settings=("var_names",),
        mode="train",
        verbose=0,
    )
    outcome = ganscope("summary", "generator", "--model", "dcgan", "--batch", 4)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{expected}\n"
    assert "759,681" in outcome.out


def test_depth_and_file(ganscope: Run) -> None:
    shallow = ganscope("summary", "discriminator", "--depth", 1).out
    assert "Sigmoid" not in shallow
    outcome = ganscope("summary", "discriminator", "-o", "table.txt")
    assert (outcome.out, outcome.line) == ("", "Wrote table.txt")
    assert "533,505" in Path("table.txt").read_text(encoding="utf-8")


def test_keyword_inputs(ganscope: Run) -> None:
    Path("own.py").write_text(
        "from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.linear = nn.Linear(3, 2)\n\n"
        "    def forward(self, x, *, scale):\n        return self.linear(x) * scale\n",
        encoding="utf-8",
    )
    outcome = ganscope("summary", "own.py:Net", "--input", "2x3", "--input", "scale=1")
    assert outcome.code == 0
    assert "Total params: 8" in outcome.out


def test_a_failing_forward_is_one_line(ganscope: Run) -> None:
    outcome = ganscope("summary", "generator", "--input", "64x99")
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.line.startswith("ganscope: generator does not run: RuntimeError: ")
    assert outcome.line.endswith("ganscope trace shows which layer fails and why")
