"""What tracing costs, beside the bare forward and beside other tools, in one run.

``python tests/benchmarks/trace_speed.py`` prints the median of paired ratios on one thread: each
pair is a bare forward and an observed one right after it. torchinfo, torchview and torchlens are
measured where they are installed (``pip install -e ".[bench]"``).
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
import warnings
from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor, nn

import ganscope
from ganscope import zoo

Observe = Callable[[nn.Module, Tensor], object]

_PATIENCE = 15.0
"""Seconds after which no further pair of one tool is begun."""


def with_ganscope(model: nn.Module, inputs: Tensor) -> object:
    return ganscope.trace(model, inputs)


def without_samples(model: nn.Module, inputs: Tensor) -> object:
    return ganscope.trace(model, inputs, samples=False)


def with_torchinfo(model: nn.Module, inputs: Tensor) -> object:
    import torchinfo

    return torchinfo.summary(
        model, input_data=[inputs], verbose=0, mode="train", cache_forward_pass=False
    )


def with_torchview(model: nn.Module, inputs: Tensor) -> object:
    import torchview

    return torchview.draw_graph(model, input_data=inputs, mode="train")


def with_torchlens(model: nn.Module, inputs: Tensor) -> object:
    import torchlens

    log = getattr(torchlens, "log_forward_pass", None) or torchlens.trace
    return log(model, inputs)


TOOLS: dict[str, tuple[str, Observe]] = {
    "ganscope": ("statistics, histograms, operations, samples", with_ganscope),
    "ganscope, samples=False": ("statistics, histograms, operations", without_samples),
    "torchinfo": ("shapes, parameters", with_torchinfo),
    "torchview": ("graph, shapes", with_torchview),
    "torchlens": ("graph, shapes, saved activations", with_torchlens),
}


def subjects() -> dict[str, tuple[nn.Module, Tensor]]:
    torch.manual_seed(0)
    gan, dcgan = zoo.build("gan"), zoo.build("dcgan", image_size=64)
    return {
        "gan generator, batch 64": (gan.generator, torch.randn(64, *gan.latent_shape)),
        "dcgan generator 64 px, batch 16": (dcgan.generator, torch.randn(16, *dcgan.latent_shape)),
    }


def ratio(model: nn.Module, inputs: Tensor, observe: Observe, pairs: int) -> tuple[float, float]:
    """Median of observed / bare over pairs, and the median bare time in milliseconds."""
    bare_times, ratios = [], []
    patience = perf_counter() + _PATIENCE
    for pair in range(pairs + 1):
        if ratios and perf_counter() > patience:
            break
        started = perf_counter()
        with torch.no_grad():
            model(inputs)
        between = perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            observe(model, inputs)
        ended = perf_counter()
        if pair >= 1:
            bare_times.append((between - started) * 1e3)
            ratios.append((ended - between) / (between - started))
    return statistics.median(ratios), statistics.median(bare_times)


def per_call(layers: int, pairs: int) -> float:
    """Median of what tracing adds per call on an MLP of `layers`, width 64, in microseconds."""
    torch.manual_seed(0)
    model, inputs = nn.Sequential(*[nn.Linear(64, 64) for _ in range(layers)]), torch.randn(64, 64)
    added = []
    for pair in range(pairs + 2):
        started = perf_counter()
        with torch.no_grad():
            model(inputs)
        between = perf_counter()
        ganscope.trace(model, inputs)
        ended = perf_counter()
        if pair >= 2:
            added.append(((ended - between) - (between - started)) / (layers + 1) * 1e6)
    return statistics.median(added)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    pairs = parser.parse_args().pairs
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, 1 thread, median of {pairs} paired ratios\n")
    for layers in (10, 100, 1000):
        added = per_call(layers, pairs if layers < 1000 else max(5, pairs // 4))
        print(f"MLP of {layers:5} layers, width 64        adds {added:6.1f} µs per call")
    print()
    # One tool after the other, torchlens last: it wraps torch's functions for good, which slows
    # down every call of the process after it, the bare ones too.
    for tool, (sees, observe) in TOOLS.items():
        for name, (model, inputs) in subjects().items():
            if importlib.util.find_spec(tool.partition(",")[0]) is None:
                print(f"{name:34}{tool:26}not installed")
                continue
            fewer = pairs if tool.startswith("ganscope") else max(5, pairs // 4)
            times, bare = ratio(model, inputs, observe, fewer)
            print(f"{name:34}{tool:26}{times:6.2f} × of {bare:6.2f} ms   ({sees})")
        print()


if __name__ == "__main__":
    main()
