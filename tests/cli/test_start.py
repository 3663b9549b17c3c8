"""Real processes: what a start imports and costs, pipes, and closed streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(
    *arguments: str, interpreter: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *interpreter, "-m", "ganscope", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | environment,
        check=False,
        timeout=120,
    )


def imported(*arguments: str) -> set[str]:
    result = start(*arguments, interpreter=("-X", "importtime"))
    assert result.returncode == 0
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_help_needs_nothing_heavy() -> None:
    modules = imported("--help")
    assert "ganscope.cli.app" in modules
    heavy = {"torch", "numpy", "torchvision", "matplotlib", "torchinfo", "ganscope.api", "pydantic"}
    assert not modules & heavy


def test_a_trace_of_the_generator_imports_only_what_it_needs() -> None:
    modules = imported("trace", "generator", "--batch", "2")
    assert "torch" in modules
    heavy = {
        "torchvision", "matplotlib", "torchinfo", "PIL", "safetensors", "pydantic",
        "torch._dynamo", "ganscope.training.data", "ganscope.api",
        "ganscope.views.html", "ganscope.views.explain", "ganscope.subjects.inference",
    }  # fmt: skip
    assert not modules & heavy


def test_a_reader_may_leave_early() -> None:
    command = [sys.executable, "-m", "ganscope", "trace", "generator", "--format", "json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=120), errors) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output() -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "ganscope", "models"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
            timeout=120,
        )
    assert result.returncode == 1
    assert result.stderr == (
        "ganscope: standard output cannot be written: No space left on device; write to a file "
        "with -o FILE\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_closed_standard_output() -> None:
    command = f"{sys.executable} -m ganscope trace generator --batch 2 -o out.json >&-"
    result = subprocess.run(
        ["sh", "-c", command],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (0, "Wrote out.json\n")


def test_a_users_file_may_be_called_like_a_module_of_pythons() -> None:
    Path("json.py").write_text("from torch import nn\nnet = nn.Linear(3, 2)\n", encoding="utf-8")
    Path("outside").mkdir()
    result = subprocess.run(
        [sys.executable, "-c", "from ganscope.__main__ import main; main()", "trace",
         "../json.py:net", "--format", "json"],
        capture_output=True,
        text=True,
        cwd="outside",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        timeout=120,
    )  # fmt: skip
    assert result.returncode == 0
    assert result.stdout.startswith('{\n  "schema"')


NOISY = """
import os
import subprocess
from torch import nn

os.write(1, b"raw import\\n")

class Net(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)
        subprocess.run(["echo", "child"], check=True)

    def forward(self, x):
        os.write(1, b"raw forward\\n")
        return super().forward(x)
"""


def test_what_goes_around_python_leaves_standard_output_alone_too() -> None:
    Path("noisy.py").write_text(NOISY, encoding="utf-8")
    result = start("trace", "noisy.py:Net", "--format", "json", "-q")
    assert result.returncode == 0
    assert result.stderr.splitlines() == ["raw import", "child", "raw forward"]
    json.loads(result.stdout)
