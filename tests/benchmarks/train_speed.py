"""How fast `ganscope train` trains, beside a textbook loop over torchvision's MNIST, in one run.

``python tests/benchmarks/train_speed.py`` trains `gan` with batches of 64 on one thread: ours, the
textbook loop (MNIST with ToTensor and Normalize, a shuffling DataLoader, plain Adam), and the
textbook loop with one part of ours at a time. The loops take turns; every figure is the median of
their ratios to the textbook loop of the same turn. MNIST is made of the built-in digits, in its
own file format, so nothing is downloaded. Ours keeps its table, and replaces its checkpoint three
times an epoch. ``--ranks`` measures two ranks of 128 on two cores beside one on one.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganscope import zoo
from ganscope.training import begin, digits, train_step
from ganscope.training.data import load_images
from ganscope.training.feed import Feed, Share, digest
from ganscope.training.loop import Watcher, run
from ganscope.training.opening import open_session
from ganscope.training.processes import Processes
from ganscope.training.session import Place, Session
from ganscope.training.settings import Settings

BATCH = 64
STEPS = 52
"""Steps between two looks at the clock: a third of an epoch of the built-in digits."""

Loop = Callable[[], None]


def write_mnist(root: Path) -> None:
    """The built-in digits as MNIST's own four files."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    images, labels = digits()
    for part in ("train", "t10k"):
        for name, values in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes((0, 0, 8, values.ndim))
            head += b"".join(size.to_bytes(4, "big") for size in values.shape)
            (raw / f"{part}-{name}-ubyte").write_bytes(head + values.tobytes())


def textbook_loader(root: Path, workers: int = 0) -> DataLoader[tuple[Tensor, Tensor]]:
    from torchvision import datasets, transforms

    standard = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    dataset = datasets.MNIST(str(root), train=True, transform=standard)
    return DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers)


def endless(loader: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[Tensor]:
    while True:
        for images, _ in loader:
            if len(images) == BATCH:
                yield images


def textbook(root: Path, *, fused: bool = False, in_memory: bool = False) -> Loop:
    """The walkthrough's loop, which prints a line each step."""
    torch.manual_seed(0)
    training = begin(zoo.build("gan"), fused=fused)
    batches = endless(textbook_loader(root))
    feed = Feed(
        load_images(None, (1, 28, 28)), Share(0, 1, BATCH), (100,), (1, 1, False),
        seed=0, device=torch.device("cpu"),
    )  # fmt: skip
    sink = Path(os.devnull).open("w")  # noqa: SIM115

    def steps() -> None:
        for step in range(STEPS):
            if in_memory:
                (images,), _, _ = feed.step(step, 0, step)
            else:
                images = next(batches)
            figures = train_step(training, images, torch.randn(BATCH, 100))
            g_loss, d_loss = figures.generator_loss.item(), figures.discriminator_loss.item()
            sink.write(f"[D loss: {d_loss:f}] [G loss: {g_loss:f}]\n")

    return steps


def ours(folder: Path) -> Loop:
    """`ganscope train`, with its table and without grids."""
    images = load_images(None, (1, 28, 28))
    settings = Settings(images=len(images), digest=digest(images), epochs=10_000, sample_interval=0)
    place = Place(folder, torch.device("cpu"), Processes())
    session = open_session(settings, images, place, resume=False)

    def steps() -> None:
        _go_on(session, STEPS)

    return steps


def _go_on(session: Session, steps: int) -> None:
    """So many steps more."""
    begun = session.progress.step
    run(session, Watcher(), lambda: session.progress.step >= begun + steps)


def measure(loops: dict[str, Loop], turns: int) -> dict[str, tuple[float, float]]:
    """Images a second, and times the first loop's: medians over turns."""
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(turns + 1):
        for name, loop in loops.items():
            start = perf_counter()
            loop()
            if turn:  # the first warms up
                seconds[name].append(perf_counter() - start)
    first = seconds[next(iter(loops))]
    return {
        name: (
            BATCH * STEPS / statistics.median(taken),
            statistics.median(base / own for base, own in zip(first, taken, strict=True)),
        )
        for name, taken in seconds.items()
    }


def ranks(turns: int, steps: int = 80) -> None:
    """Two ranks of 128 on two cores beside one of 128 on one core."""
    words = ["-m", "ganscope", "train", "--batch", "128", "--sample-interval", "0"]
    words += ["--steps", str(steps)]
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    speeds: dict[str, list[float]] = {"one": [], "two": []}
    for turn in range(turns):
        for name, start in (("one", []), ("two", two)):
            with tempfile.TemporaryDirectory() as folder:
                run_in = [sys.executable, *start, *words, "-o", "run"]
                subprocess.run(run_in, cwd=folder, check=True, capture_output=True)
                table = Path(folder, "run", "metrics.csv").read_text().splitlines()[1:]
            times = [float(line.rpartition(",")[2]) for line in table]
            images = 128 * (2 if name == "two" else 1) * (len(times) - 1 - 20)
            speeds[name].append(images / (times[-1] - times[20]))
        print(f"turn {turn}: " + ", ".join(f"{n} {s[-1]:,.0f}" for n, s in speeds.items()))
    ratio = statistics.median(b / a for a, b in zip(*speeds.values(), strict=True))
    print(f"two ranks of 128: {ratio:.2f} x the images/s of one")


def main() -> None:
    parser = argparse.ArgumentParser(description=re.split(r"\n\n", __doc__ or "")[0])
    parser.add_argument("--ranks", action="store_true")
    parser.add_argument("--parts", action="store_true", help="also one part of ours at a time")
    parser.add_argument("--turns", type=int, default=7)
    asked = parser.parse_args()
    if asked.ranks:
        ranks(asked.turns)
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_mnist(root)
        loops = {"textbook": textbook(root)}
        if asked.parts:
            loops["images in memory"] = textbook(root, in_memory=True)
            loops["fused Adam"] = textbook(root, fused=True)
            loops["both"] = textbook(root, in_memory=True, fused=True)
        loops["ganscope train"] = ours(root)
        for name, (speed, ratio) in measure(loops, asked.turns).items():
            print(f"{name:18} {speed:8,.0f} images/s   {ratio:5.2f} x")


if __name__ == "__main__":
    main()
