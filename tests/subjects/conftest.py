"""A working directory of one's own, from which no module stays imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        places = [str(getattr(module, "__file__", "")), *map(str, getattr(module, "__path__", ()))]
        if any(Path(place).is_relative_to(tmp_path) for place in places):
            del sys.modules[name]
