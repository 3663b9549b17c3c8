"""The command line in this process: starting one costs seconds, so few tests do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from ganscope.cli.app import run


@dataclass(frozen=True)
class Outcome:
    """What one run came to."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The single line on standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory, a known width, and no module of a user's left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "180")
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if Path(str(getattr(sys.modules[name], "__file__", ""))).is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.fixture
def ganscope(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: object) -> Outcome:
        words = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["ganscope", *words])
        capsys.readouterr()
        code = run(words)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def watched(ganscope: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``ganscope run`` in this process, which is quicker by the import of torch."""

    def run(*words: object) -> Outcome:
        monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        return ganscope("run", *words)

    return run
