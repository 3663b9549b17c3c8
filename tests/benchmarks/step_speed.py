"""What recording a training loop costs, beside the bare loop and beside other tools, in one run.

``python tests/benchmarks/step_speed.py`` trains `gan` with batches of 64 on one thread. Every
figure is the median of paired ratios: blocks of bare steps and of observed steps take turns.
TensorBoard (histograms of weights and gradients each step) and wandb (``watch(log="all",
log_freq=1)``, offline) are measured where they are installed (``pip install -e ".[bench]"``).
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import contextlib
import importlib.util
import io
import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import torch

import ganscope
from ganscope import zoo
from ganscope.training import begin
from ganscope.training.data import real_images
from ganscope.training.step import Training, train_step

BATCH = 64
BLOCK = 10
"""Steps between two looks at the clock."""
_WARM = 5

AfterStep = Callable[[int], None]
Watcher = Callable[[Training, Path], "contextlib.AbstractContextManager[AfterStep]"]


@contextlib.contextmanager
def unobserved(training: Training, folder: Path) -> Iterator[AfterStep]:
    yield lambda step: None


def recorded(every: int, steps: int | None = None) -> Watcher:
    @contextlib.contextmanager
    def watch(training: Training, folder: Path) -> Iterator[AfterStep]:
        with ganscope.record(folder / "run.gscope", every=every, steps=steps, force=True):
            yield lambda step: None

    return watch


@contextlib.contextmanager
def with_tensorboard(training: Training, folder: Path) -> Iterator[AfterStep]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))
    networks = {"g": training.gan.generator, "d": training.gan.discriminator}

    def after(step: int) -> None:
        for name, network in networks.items():
            for path, parameter in network.named_parameters():
                writer.add_histogram(f"{name}/{path}", parameter, step)
                if parameter.grad is not None:
                    writer.add_histogram(f"{name}/{path}/gradient", parameter.grad, step)

    try:
        yield after
    finally:  # the loop is left in the middle; its thread must not outlive the folder
        writer.close()


@contextlib.contextmanager
def with_wandb(training: Training, folder: Path) -> Iterator[AfterStep]:
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    run = wandb.init(mode="offline", dir=str(folder), project="benchmark")
    run.watch((training.gan.generator, training.gan.discriminator), log="all", log_freq=1)
    try:
        yield lambda step: run.log({"step": step})
    finally:
        run.finish()


TOOLS: dict[str, tuple[str, str, Watcher]] = {
    "ganscope, every step": ("ganscope", "activations, gradients, updates", recorded(1)),
    "ganscope, every 10th": ("ganscope", "the same, of every 10th step", recorded(10)),
    "ganscope, done": ("ganscope", "after its 2 steps: nothing", recorded(1, steps=2)),
    "TensorBoard": ("tensorboard", "histograms of weights and gradients", with_tensorboard),
    "wandb.watch": ("wandb", "histograms of weights and gradients", with_wandb),
}


def blocks(watcher: Watcher, model: str) -> Iterator[float]:
    """Seconds of each block of steps; the loop rests in between."""
    torch.manual_seed(0)
    training = begin(zoo.build(model))
    shape = training.gan.image_shape
    images = real_images(None, BATCH * BLOCK, shape).split(BATCH)
    step = 0
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        watcher(training, Path(folder)) as after,
    ):
        while True:
            started = perf_counter()
            for batch in images:
                train_step(training, batch, torch.randn(BATCH, *training.gan.latent_shape))
                after(step)
                step += 1
            yield perf_counter() - started


def ratio(watcher: Watcher, model: str, pairs: int) -> tuple[float, float]:
    """Median of observed / bare, and the median bare step in milliseconds.

    Hooks are global while a recorder is at work, so bare and observed loops cannot take turns
    block by block: each pair is a whole short run of either.
    """
    ratios, bare_times = [], []
    for _ in range(pairs):
        bare, observed = _median_block(unobserved, model), _median_block(watcher, model)
        ratios.append(observed / bare)
        bare_times.append(bare / BLOCK * 1e3)
    return statistics.median(ratios), statistics.median(bare_times)


def _median_block(watcher: Watcher, model: str) -> float:
    run = blocks(watcher, model)
    times = [next(run) for _ in range(_WARM)][2:]
    run.close()  # type: ignore[attr-defined]
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--model", default="gan")
    parser.add_argument("--only", default="", help="tools whose name begins so")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {arguments.model}, batch {BATCH}, 1 thread\n")
    for tool, (package, sees, watcher) in TOOLS.items():
        if not tool.startswith(arguments.only):
            continue
        if importlib.util.find_spec(package) is None:
            print(f"{tool:24}not installed")
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            times, bare = ratio(watcher, arguments.model, arguments.pairs)
        print(f"{tool:24}{times:6.2f} × of {bare:6.2f} ms   ({sees})", flush=True)


if __name__ == "__main__":
    main()
