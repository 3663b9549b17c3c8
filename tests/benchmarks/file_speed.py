"""What a `.gscope` file costs: bytes a step of `gan`, and the time to write and to read one.

``python tests/benchmarks/file_speed.py`` writes 10,000 steps of `gan` (43 calls, 22 parameters) and
then reads some of them, one thread, in a temporary folder. The limits are 30 KB a step, a median of
1.5 ms to write one and 10 ms to read one of 10,000.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2]))

from ganscope.traces.file import TraceWriter, open_trace
from ganscope.traces.series import Place, series
from tests.traces.gan_steps import NETWORKS, gan_steps
from tests.traces.test_schema import META


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that `action` takes."""
    started = perf_counter()
    action()
    return 1000 * (perf_counter() - started)


def written(path: Path, count: int) -> Iterator[float]:
    """Milliseconds of each step that is written."""
    steps = gan_steps()
    writer = TraceWriter(path, META)
    for number in range(count):
        step = replace(steps[number % len(steps)], index=number)
        yield timed(lambda step=step: writer.append(step, NETWORKS))  # type: ignore[misc]
    writer.close(META, NETWORKS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    count = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.gscope"
        writing = list(written(path, count))
        print(f"file       {path.stat().st_size / count / 1000:8.1f} kB a step")
        slow = quantiles(writing, n=100)[98]
        print(f"write      {median(writing):8.2f} ms, median; 99th percentile {slow:.2f} ms")
        print(f"open       {timed(lambda: open_trace(path)):8.2f} ms")
        first = timed(lambda: open_trace(path).steps[count // 2])
        print(f"read first {first:8.2f} ms, opening included")
        steps = open_trace(path).steps
        places = [(7919 * number) % count for number in range(200)]
        reading = median(timed(lambda place=place: steps[place]) for place in places)  # type: ignore[misc]
        print(f"read       {reading:8.2f} ms, median of any step")
        for kind, column in (("loss", "value"), ("call", "gradient_norm")):
            place = Place(kind, 0, column)  # type: ignore[arg-type]
            curve = timed(lambda place=place: series(steps, path, lambda _: [place]))  # type: ignore[misc]
            print(f"curve      {curve:8.2f} ms, {column} of a {kind}")


if __name__ == "__main__":
    main()
