"""Training runs that are ended from outside and gone on with, in real processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from ganscope.training.data import real_images
from ganscope.training.grids import write_grid

ROOT = Path(__file__).parents[2]
_TINY = ("--model", "dcgan", "--arg", "base_channels=2", "--arg", "latent_dimension=4")
_SHORT = ("--data", "images", "--batch", "8", "--sample-interval", "7", "--threads", "1")
FLAGS = (*_TINY, *_SHORT, "--ema", "--log", "lines")
"""Tiny networks, four steps an epoch: a checkpoint is being written much of the time."""
LONGEST = 120
"""Seconds after which a process is given up."""


def make_images(folder: Path, count: int = 32) -> None:
    """A folder of images, so that an epoch is a few steps."""
    (folder / "images").mkdir()
    for number, image in enumerate(real_images("digits", count, (1, 28, 28))):
        write_grid(folder / "images" / f"{number:03d}.png", image.unsqueeze(0))


def start(folder: Path, *flags: str) -> subprocess.Popen[bytes]:
    """``ganscope train`` in `folder`."""
    return subprocess.Popen(
        [sys.executable, "-m", "ganscope", "train", *flags],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


def finish(folder: Path, *flags: str) -> None:
    process = start(folder, *flags)
    _, error = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, error.decode()


def end_after(process: subprocess.Popen[bytes], table: Path, rows: int, number: int) -> bool:
    """Send a signal once the table has so many more rows; whether it was still running."""
    before = _lines(table)
    until = time.monotonic() + LONGEST
    while process.poll() is None and _lines(table) < before + rows and time.monotonic() < until:
        time.sleep(0.001)
    was_running = process.poll() is None
    if was_running:
        process.send_signal(number)
    _, error = process.communicate(timeout=LONGEST)
    codes = {signal.SIGKILL: (-9,), signal.SIGINT: (130, -2), signal.SIGTERM: (143, -15)}
    if was_running:
        assert process.returncode in (0, *codes[signal.Signals(number)]), error.decode()
    return was_running


def train_killed(folder: Path, name: str, signals: Sequence[int], *, steps: int) -> int:
    """Begin to train `steps` steps and go on, ended at random moments by each of `signals`.

    Returns:
        How often the process was still running when its signal came.
    """
    numbers = random.Random(len(signals))
    run, hits = folder / name, 0
    for number in signals:
        rows = numbers.randrange(2 * steps // len(signals))
        process = start(folder, *words_for(folder, name, steps))
        if len(signals) > 2 and numbers.random() < 0.1:  # while it still loads
            time.sleep(numbers.random() * 3)
            rows = 0
        hits += end_after(process, run / "metrics.csv", rows, number)
    return hits


def words_for(folder: Path, name: str, steps: int) -> tuple[str, ...]:
    """The flags by which a run goes on, or begins where it has not begun yet."""
    if (folder / name / "run.json").exists():
        return ("--resume", name)
    return (*FLAGS, "--steps", str(steps), "-o", name)


def assert_same(one: Path, other: Path) -> None:
    """Both runs came to the same tensors, figures and pictures, bit for bit."""
    tensors = [load_file(run / "checkpoint.safetensors") for run in (one, other)]
    assert tensors[0].keys() == tensors[1].keys()
    for name, value in tensors[0].items():
        assert torch.equal(value, tensors[1][name]), name
    tables = [(run / "metrics.csv").read_text().splitlines() for run in (one, other)]
    figures = [[line.rpartition(",")[0] for line in table] for table in tables]  # not the seconds
    assert figures[0] == figures[1]
    names = [{path.name for path in (run / "samples").iterdir()} for run in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        assert (one / "samples" / name).read_bytes() == (other / "samples" / name).read_bytes()
    for run in (one, other):
        assert not list(run.rglob(".*"))


def _lines(table: Path) -> int:
    try:
        return table.read_bytes().count(b"\n")
    except OSError:
        return 0
