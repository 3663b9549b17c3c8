"""What a script pays for ``ganscope run`` once its recorded steps are over, in one run.

``python tests/benchmarks/run_speed.py`` starts the same training loop twice, with ``python`` and
with ``ganscope run --steps 3``, each on one thread. The two take turns, block by block of training
steps; only one of them ever works. The figure is the median of the paired ratios, over several
starts, since where a process happens to lie in memory counts too. Between recorded steps
(``--every``), where optimizers are still counted, it is measured in the same way.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

BATCH = 64
BLOCK = 10
"""Steps between two looks at the clock."""
WARM = 5
"""Blocks that do not count; the recorded steps are among them."""

_RUN = ["-m", "ganscope", "run", "--quiet", "--steps", "3"]
WAYS = {
    "python again": [],
    "recording is over": _RUN,
    "between recorded steps": [*_RUN, "--every", "100000"],
}
"""What stands beside python; python itself tells how far two processes differ by chance."""


def loop(size: int) -> None:
    """The script: a block of steps for each line of standard input, and how long it took."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    pixels = 28 * 28
    generator = nn.Sequential(
        nn.Linear(100, size), nn.ReLU(), nn.Linear(size, size), nn.ReLU(),
        nn.Linear(size, pixels), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Linear(pixels, size), nn.LeakyReLU(0.2), nn.Linear(size, 1), nn.Sigmoid()
    )
    adversarial_loss = nn.BCELoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
    real, ones, zeros = torch.rand(BATCH, pixels), torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    for _ in sys.stdin:
        started = perf_counter()
        for _ in range(BLOCK):
            optimizer_g.zero_grad()
            images = generator(torch.randn(BATCH, 100))
            g_loss = adversarial_loss(discriminator(images), ones)
            g_loss.backward()
            optimizer_g.step()
            optimizer_d.zero_grad()
            d_loss = adversarial_loss(discriminator(real), ones)
            d_loss = d_loss + adversarial_loss(discriminator(images.detach()), zeros)
            d_loss.backward()
            optimizer_d.step()
        print(perf_counter() - started, flush=True)


@contextmanager
def started(words: list[str], folder: str, size: int) -> Iterator[subprocess.Popen[str]]:
    """The script in a process of its own, waiting to be asked for blocks."""
    script = [str(Path(__file__).resolve()), "--loop", "--size", str(size)]
    process = subprocess.Popen(
        [sys.executable, *words, *script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        yield process
    finally:
        process.communicate()


def block(process: subprocess.Popen[str]) -> float:
    """Seconds of the next block."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def ratios(words: list[str], size: int, pairs: int) -> tuple[list[float], float]:
    """Watched / plain for each pair of blocks, and the median plain step in milliseconds."""
    found, bare = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        started([], folder, size) as plain,
        started(words, folder, size) as watched,
    ):
        for process in (plain, watched):
            for _ in range(WARM):
                block(process)
        for pair in range(pairs):
            order = (plain, watched) if pair % 2 else (watched, plain)
            seconds = {process: block(process) for process in order}
            found.append(seconds[watched] / seconds[plain])
            bare.append(seconds[plain] / BLOCK * 1e3)
    return found, statistics.median(bare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=4, help="pairs of processes")
    parser.add_argument("--pairs", type=int, default=40, help="pairs of blocks in each of them")
    parser.add_argument("--only", default="", help="what is measured, by the start of its name")
    parser.add_argument("--size", type=int, default=256, help="units of a hidden layer")
    parser.add_argument("--loop", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.loop:
        loop(arguments.size)
        return
    for name, words in WAYS.items():
        if not name.startswith(arguments.only):
            continue
        found: list[float] = []
        for _ in range(arguments.starts):
            more, bare = ratios(words, arguments.size, arguments.pairs)
            found += more
        low, middle, high = statistics.quantiles(found, n=4)
        print(
            f"{name:24}{middle:7.3f} × of {bare:6.2f} ms a step   "
            f"(quartiles {low:.3f} to {high:.3f}, {len(found)} pairs of {BLOCK} steps)",
            flush=True,
        )


if __name__ == "__main__":
    main()
