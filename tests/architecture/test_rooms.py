"""The floors between rooms, and what must stay true of the package as a whole."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

import ganscope

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ganscope"
HEAVY = ["torch", "numpy", "rich", "matplotlib", "typer", "torchinfo", "torchvision"]


def _python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- what is imported when -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "module",
    ["ganscope", "ganscope.analysis", "ganscope.errors", "ganscope.traces", "ganscope.version"],
)
def test_import_alone_is_light(module: str) -> None:
    loaded = _python(f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])")
    assert loaded == "[]\n"


@pytest.mark.parametrize(
    "module", ["ganscope.views", "ganscope.analysis", "ganscope.traces", "ganscope.errors"]
)
def test_traces_and_views_bring_no_torch_along(module: str) -> None:
    code = f"""
import importlib, pkgutil, sys
room = importlib.import_module({module!r})
for found in pkgutil.walk_packages(getattr(room, "__path__", []), {module!r} + "."):
    importlib.import_module(found.name)
print([name for name in sys.modules if name.partition(".")[0].startswith("torch")])
"""
    assert _python(code) == "[]\n"


NO_TORCH = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "torchinfo"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, Refuse())
try:
    import torch
except ImportError:
    pass
else:
    raise SystemExit("torch could be imported")
from rich.console import Console
from ganscope.traces import Trace
from ganscope.views import ViewOptions, names, render, to_text
with open(sys.argv[1], encoding="utf-8") as file:
    trace = Trace.from_dict(json.load(file))
assert set("table json csv markdown html".split()) <= set(names()), names()
for name in names():
    for options in (ViewOptions(width=150), ViewOptions(width=90, explain=True, values=True)):
        rendered = render(trace, name, options)
        if isinstance(rendered, str):
            text = rendered
        else:
            console = Console(width=150)
            with console.capture() as capture:
                console.print(rendered)
            text = capture.get()
        assert "net.1" in text, (name, text)
        assert "net.1" in to_text(trace, options, name=name)
    if name == "json":
        assert Trace.from_dict(json.loads(text)) == trace
with open(sys.argv[2], encoding="utf-8") as file:
    training = Trace.from_dict(json.load(file))
everything = ViewOptions(width=150, explain=True, show_grads=True, show_updates=True)
for name in names():
    assert "D(G(z))" in to_text(training, everything, name=name) or name in ("json", "csv"), name
str(training)
str(trace), repr(trace)
print("shown")
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of a small network, as a JSON file."""
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    path.write_text(json.dumps(ganscope.trace(net, torch.randn(3, 4)).to_dict(), allow_nan=False))
    return path


def test_a_saved_trace_is_shown_where_torch_cannot_be_imported(saved: Path) -> None:
    step = ROOT / "tests" / "views" / "data" / "walkthrough.json"
    assert _python(NO_TORCH, str(saved), str(step)) == "shown\n"


# -- the floors ----------------------------------------------------------------------------------


def test_the_floors_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports as lint; sys.exit(lint({}))"
    printed = _python(code.format("no_cache=True"))
    assert re.search(r"Contracts: \d+ kept, 0 broken", printed), printed
    kept = int(re.search(r"(\d+) kept", printed)[1])  # type: ignore[index]
    assert kept == len(_contracts())


def test_every_room_stands_on_a_floor_and_no_contract_has_exceptions() -> None:
    contracts = _contracts()
    floors = next(c["layers"] for c in contracts if c["type"] == "layers")
    standing = {room.strip() for floor in floors for room in floor.split("|")}
    doors = {"__init__", "__main__", "version"}  # import nothing at the start, or all of it
    for entry in sorted(PACKAGE.iterdir()):
        room = entry.suffix == ".py" or (entry / "__init__.py").is_file()
        if room and entry.stem not in doors:
            assert f"ganscope.{entry.stem}" in standing, f"{entry.stem} stands on no floor"
    assert [c["name"] for c in contracts if "ignore_imports" in c] == []


def _contracts() -> list[dict[str, object]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, object]] = settings["tool"]["importlinter"]["contracts"]
    return contracts


def test_private_names_stay_in_their_room() -> None:
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganscope"):
                private = [alias.name for alias in node.names if re.match(r"_[a-z]", alias.name)]
                assert private == [], f"{file.relative_to(ROOT)} imports {private}"


# -- what is offered -----------------------------------------------------------------------------


def _public_functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "cli" in file.parents:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("_") or node.name == "__init__":
                yield f"{file.relative_to(ROOT)}:{node.lineno} {node.name}", node


def test_public_functions_take_at_most_eight_parameters() -> None:
    functions = list(_public_functions())
    assert len(functions) > 100
    for place, node in functions:
        given = node.args
        names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        names += [a.arg for a in (given.vararg, given.kwarg) if a is not None]
        count = len([name for name in names if name not in ("self", "cls")])
        assert count <= 8, f"{place} takes {count}"


def test_what_is_offered_is_there_and_documented() -> None:
    for name in ganscope.__all__:
        value = getattr(ganscope, name)
        assert name.startswith("__") or inspect.getdoc(value)
    assert import_module("ganscope.api").trace is ganscope.trace
    assert set(ganscope.__all__) <= set(dir(ganscope))
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = ganscope.nothing_of_the_kind


# -- nothing left lying about --------------------------------------------------------------------

UNFINISHED = re.compile(
    r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|NotImplemented" r"Error|(?<![\w.\]}])/(home|root|work)/"
)  # written in pieces, so that this file does not find itself


def _texts() -> list[Path]:
    folders = [PACKAGE, ROOT / "tests", ROOT / "docs", ROOT / "examples"]
    endings = {".py", ".md", ".txt", ".toml", ".json", ".html", ".yml"}
    found = [f for folder in folders for f in folder.rglob("*") if f.suffix in endings]
    return sorted([*found, *ROOT.glob("*.md"), ROOT / "pyproject.toml"])


def test_nothing_is_unfinished_and_no_place_of_one_machine_is_named() -> None:
    texts = _texts()
    assert {PACKAGE / "api.py", ROOT / "README.md", Path(__file__)} <= set(texts)
    found = []
    for file in texts:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if UNFINISHED.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('path = "/wo' 'rk/main"', True),
        ("see /ho" "me/me/file.py", True),
        ("# TO" "DO: later", True),
        ("https://example.org/home/page", False),
        ("frame/work/around", False),
    ],
)  # fmt: skip
def test_the_search_for_leftovers_finds_them(line: str, found: bool) -> None:
    assert (UNFINISHED.search(line) is not None) is found
