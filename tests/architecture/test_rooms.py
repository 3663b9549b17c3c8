"""The floors between rooms, and what must stay true of the package as a whole."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import torch
from torch import nn

import ganscope

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ganscope"


def _python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_alone_is_light() -> None:
    heavy = "{'torch', 'numpy', 'rich', 'matplotlib', 'typer', 'torchinfo', 'torchvision'}"
    assert _python(f"import sys, ganscope; print({heavy} & set(sys.modules))") == "set()\n"


NO_TORCH = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "torchinfo"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, Refuse())
from ganscope.traces import Trace
from ganscope.views import ViewOptions, names, to_text
trace = Trace.from_dict(json.load(open(sys.argv[1])))
for name in names():
    text = to_text(trace, ViewOptions(width=150, explain=True), name=name)
    assert "net.1" in text, name
print(len(names()))
"""


def test_a_saved_trace_is_shown_where_torch_cannot_be_imported(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    saved = tmp_path / "trace.json"
    saved.write_text(json.dumps(ganscope.trace(net, torch.randn(3, 4)).to_dict()))
    assert int(_python(NO_TORCH, str(saved))) >= 5


def test_the_floors_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; lint_imports()"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    floors = (ROOT / "pyproject.toml").read_text()
    for room in sorted(p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()):
        assert f"ganscope.{room}" in floors, f"the room {room} stands on no floor"


def test_public_functions_take_at_most_eight_parameters() -> None:
    for file in PACKAGE.rglob("*.py"):
        if "cli" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                count = len(node.args.args) + len(node.args.kwonlyargs)
                assert count <= 8, f"{file.name}: {node.name} takes {count}"


def test_what_is_offered_is_there_and_documented() -> None:
    for name in ganscope.__all__:
        value = getattr(ganscope, name)
        assert name.startswith("__") or inspect.getdoc(value)
    assert import_module("ganscope.api").trace is ganscope.trace


def test_nothing_unfinished_and_no_place_of_this_machine() -> None:
    unfinished = re.compile(
        r"\b(TODO|FIXME|XXX)\b|NotImplementedError|(?<![\w.])/(home|root|work)/"
    )
    texts = [*PACKAGE.rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    for file in texts:
        found = unfinished.search(file.read_text())
        assert found is None, f"{file.name}: {found}"
