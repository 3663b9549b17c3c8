"""A failure on a real terminal: it is told once; with the table elsewhere, on stderr too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

RUN = "import sys; from ganscope.cli.app import run; sys.exit(run(sys.argv[1:]))"
COMMAND = [sys.executable, "-c", RUN, "trace", "generator", "--input", "64x50"]
SAID = "mat1 and mat2 shapes cannot be multiplied"


def screen_of(*arguments: str) -> tuple[int, str]:
    """Exit code and everything that a terminal of 100 columns shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return process.wait(), " ".join(shown.decode().split())


def test_a_terminal_shows_a_failure_once() -> None:
    code, text = screen_of()
    assert code == 1
    assert "✗ failed" in text
    assert text.count(SAID) == 1
    assert "ganscope:" not in text


@pytest.mark.parametrize("arguments", [("--format", "csv"), ("-o", "out.txt")])
def test_what_is_no_table_on_the_screen_leaves_the_line(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = screen_of(*arguments)
    assert code == 1
    assert text.count("ganscope: generator.model.0 (Linear) fails: got 64×50") == 1


def test_a_pipe_keeps_the_line_on_standard_error() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert SAID in done.stdout
    assert done.stderr.startswith("ganscope: generator.model.0 (Linear) fails: got 64×50")
