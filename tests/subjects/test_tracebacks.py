"""Frames of ours are left out of tracebacks and warnings, and no other's, whatever its path."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

import ganscope
from ganscope.subjects import tracebacks
from ganscope.subjects.user_code import summary
from ganscope.subjects.warning_places import WarningPlaces

TORCH = Path(torch.__file__).parent
OURS = Path(ganscope.__file__).parent
LIKE_OURS = [
    OURS.with_name("ganscope-probe") / "train.py",
    OURS.with_name("ganscope_cli") / "train.py",
    OURS.with_name("ganscope-experiments") / "train.py",
    TORCH.with_name("torchgan") / "trainer.py",
    Path(os.sep, "clones", "ganscope", "probe", "train.py"),
]


def function(file: Path, text: str) -> Any:
    """The function `f` that `text` defines, as if it stood in `file`, which need not exist."""
    scope: dict[str, Any] = {"warnings": warnings}
    exec(compile(text, str(file), "exec"), scope)
    return scope["f"]


def error_in(file: Path, inner: Any = None) -> BaseException:
    call = function(file, "def f(inner):\n    if inner: inner(None)\n    raise KeyError('x')\n")
    with pytest.raises(KeyError) as caught:
        call(inner)
    return caught.value


@pytest.mark.parametrize("file", LIKE_OURS, ids=str)
def test_a_users_frames_stay_in_a_traceback(file: Path) -> None:
    ours = function(OURS / "probe" / "sites.py", "def f(inner):\n    raise KeyError('y')\n")
    error = error_in(file, ours)
    tracebacks.clean(error)
    assert [frame.filename for frame in traceback.extract_tb(error.__traceback__)] == [
        __file__,
        str(file),
    ]


@pytest.mark.parametrize("file", LIKE_OURS, ids=str)
def test_a_warning_of_a_users_file_is_placed_there(file: Path) -> None:
    ours = function(OURS / "probe" / "sites.py", "def f(inner):\n    return inner()\n")
    warn = function(file, "def f():\n    warnings.warn('careful', stacklevel=2)\n")
    outer = function(file, "def f(ours, inner):\n    return ours(inner)\n")
    with warnings.catch_warnings(record=True) as seen, WarningPlaces():
        warnings.simplefilter("always")
        outer(ours, warn)
    assert [(each.filename, each.lineno) for each in seen] == [(str(file), 2)]


def test_whose_frame_it_is() -> None:
    frame = function(OURS / "probe" / "x.py", "import sys\ndef f():\n    return sys._getframe()\n")
    assert tracebacks.is_ours(frame())
    here: FrameType = sys._getframe()
    assert not tracebacks.is_ours(here)


USERS = [
    OURS.with_name("ganscope-experiments") / "train.py",
    Path(os.sep, "clones", "ganscope", "train.py"),
    Path(os.sep, "work-on-site-packages", "train.py"),
    Path(f"{Path(os.__file__).parent}-experiments", "train.py"),
]


@pytest.mark.parametrize("file", [*USERS, *LIKE_OURS[:3]], ids=str)
def test_a_summary_names_the_users_line(file: Path) -> None:
    library = function(Path(os.sep, "x", "site-packages", "foo.py"), "def f(_):\n    {}['y']\n")
    assert summary(error_in(file)) == f"KeyError: 'x' ({file.name}:3)"
    assert summary(error_in(file, library)) == f"KeyError: 'y' ({file.name}:2)"


@pytest.mark.parametrize(
    "file",
    [Path(os.__file__), OURS / "api.py", Path(os.sep, "x", ".venv", "site-packages", "foo.py")],
    ids=str,
)
def test_a_summary_names_no_line_of_a_library(file: Path) -> None:
    assert summary(error_in(file)).endswith(f" ({Path(__file__).name}:{_line_of_call()})")


def _line_of_call() -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return lines.index("        call(inner)") + 1
