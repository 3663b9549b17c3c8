"""Traces built by hand, with figures that a pass at initialisation could have."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import count as counting
from typing import Any

from ganscope.traces import (
    Call,
    CallSite,
    Failure,
    Histogram,
    Meta,
    Network,
    Step,
    TensorRecord,
    TensorStats,
    Trace,
)

META = Meta(
    ganscope="0.1.0",
    torch="2.13.0",
    python="3.11.9",
    seed=0,
    device="cpu",
    threads=2,
    command="ganscope trace gan",
    created="2025-01-01T00:00:00Z",
    completeness="complete",
)

BATCH = 64


def bell(low: float, high: float, center: float = 0.5) -> Histogram:
    """A bell of counts between `low` and `high`, its top at `center` of the way."""
    counts = tuple(
        round(1000 * math.exp(-(((index + 0.5) / 32 - center) ** 2) / 0.03)) for index in range(32)
    )
    return Histogram(low, high, counts)


def stats(mean: float, std: float, low: float, high: float, **changes: Any) -> TensorStats:
    """Figures of a tensor of 6,400 values."""
    center = (mean - low) / (high - low) if high > low else 0.0
    given = TensorStats(
        count=6400,
        mean=mean,
        std=std,
        min=low,
        max=high,
        norm=80 * math.hypot(mean, std),
        fraction_nonpositive=0.5 if low < 0 else 0.0,
        fraction_zero=0.0,
        nonfinite=0,
        histogram=bell(low, high, center),
    )
    return replace(given, **changes)


_IDS = counting()


def tensor(*shape: int, figures: TensorStats | None = None, **changes: Any) -> TensorRecord:
    """A float32 tensor on the CPU, another one each time."""
    count = math.prod(shape)
    if figures is None:
        figures = stats(0.0123, 0.577, -2.345, 2.456)
    record = TensorRecord(
        shape=shape,
        dtype="float32",
        device="cpu",
        requires_grad=False,
        stats=replace(figures, count=count),
        preview=(0.1257, -0.1321, 0.6404, 0.1049, -0.5357, 0.3616, 1.304, 0.9471)[:count],
        id=next(_IDS),
    )
    return replace(record, **changes)


def another(record: TensorRecord, **changes: Any) -> TensorRecord:
    """Another tensor with the same values."""
    return replace(record, **{"id": next(_IDS), **changes})


def view_of(record: TensorRecord, **changes: Any) -> TensorRecord:
    """Another tensor over the same memory: a view, or a ``detach``."""
    return another(record, **{"alias_of": record.id, **changes})


def call(identity: int, path: str, type_name: str = "Linear", **changes: Any) -> Call:
    """A module call of the network that `path` begins with."""
    given = Call(
        id=identity,
        parent=None,
        update=0,
        purpose="training",
        kind="module",
        network=path.partition(".")[0].partition("/")[0],
        path=path,
        type=type_name,
        nth=1,
        inputs=(tensor(BATCH, 100),),
        outputs=(tensor(BATCH, 128),),
        parameters=0,
        seconds=0.000123 * (identity + 1),
        site=None,
    )
    return replace(given, **changes)


def trace_of(*calls: Call, networks: tuple[Network, ...] = (), **changes: Any) -> Trace:
    """A trace of one step."""
    return replace(Trace(META, networks, (Step(0, tuple(calls)),)), **changes)


# Path, type, settings, values in, values out, parameters, mean, std, min, max, share ≤ 0.
GENERATOR = (
    ("0", "Linear", "in_features=100, out_features=128, bias=True", 100, 128, 12_928,
     0.00312, 0.581, -2.441, 2.507, 0.4971),
    ("1", "LeakyReLU", "negative_slope=0.2, inplace=True", 128, 128, 0,
     0.1861, 0.4152, -0.4882, 2.507, 0.4971),
    ("2", "Linear", "in_features=128, out_features=256, bias=True", 128, 256, 33_024,
     -0.00871, 0.2693, -1.184, 1.207, 0.5136),
    ("3", "BatchNorm1d", "256, eps=0.8, momentum=0.1, affine=True, bias=True, "
     "track_running_stats=True", 256, 256, 512, -2.3e-09, 0.2712, -1.223, 1.248, 0.5012),
    ("4", "LeakyReLU", "negative_slope=0.2, inplace=True", 256, 256, 0,
     0.0863, 0.1923, -0.2446, 1.248, 0.5012),
    ("5", "Linear", "in_features=256, out_features=512, bias=True", 256, 512, 131_584,
     0.00102, 0.1288, -0.5931, 0.6022, 0.4956),
    ("6", "BatchNorm1d", "512, eps=0.8, momentum=0.1, affine=True, bias=True, "
     "track_running_stats=True", 512, 512, 1_024, 1.1e-09, 0.1391, -0.6412, 0.6533, 0.4988),
    ("7", "LeakyReLU", "negative_slope=0.2, inplace=True", 512, 512, 0,
     0.0442, 0.0984, -0.1282, 0.6533, 0.4988),
    ("8", "Linear", "in_features=512, out_features=1024, bias=True", 512, 1024, 525_312,
     0.000312, 0.0681, -0.3142, 0.3077, 0.4979),
    ("9", "BatchNorm1d", "1024, eps=0.8, momentum=0.1, affine=True, bias=True, "
     "track_running_stats=True", 1024, 1024, 2_048, -4.2e-10, 0.0752, -0.3481, 0.3402, 0.4999),
    ("10", "LeakyReLU", "negative_slope=0.2, inplace=True", 1024, 1024, 0,
     0.0239, 0.0533, -0.0696, 0.3402, 0.4999),
    ("11", "Linear", "in_features=1024, out_features=784, bias=True", 1024, 784, 803_600,
     -0.000244, 0.0412, -0.1882, 0.1931, 0.5021),
    ("12", "Tanh", "", 784, 784, 0, -0.000243, 0.0411, -0.186, 0.1907, 0.5021),
)  # fmt: skip

IMAGE = (1, 28, 28)


@cache
def generator_trace() -> Trace:
    """The walkthrough's generator: 64×100 → 64×1×28×28."""
    noise = tensor(BATCH, 100, figures=stats(0.0041, 0.9977, -3.412, 3.287))
    calls = []
    last = noise
    for index, (name, kind, settings, _, size, parameters, *figures, share) in enumerate(GENERATOR):
        made = tensor(BATCH, size, figures=stats(*figures, fraction_nonpositive=share))
        calls.append(
            call(
                2 + index,
                f"generator.model.{name}",
                kind,
                parent=1,
                inputs=(last,),
                outputs=(made,),
                parameters=parameters,
                settings=settings,
                seconds=1.7e-05 * (index + 1),
            )
        )
        last = made
    images = view_of(last, shape=(BATCH, *IMAGE))
    outer = call(0, "generator", "Generator", inputs=(noise,), outputs=(images,))
    inner = call(1, "generator.model", "Sequential", inputs=(noise,), outputs=(last,))
    view = call(
        15, "generator/view", "view", parent=0, kind="op", inputs=(last,), outputs=(images,),
        settings="64, 1, 28, 28", seconds=3.1e-06,
    )  # fmt: skip
    return trace_of(
        replace(outer, parameters=1_510_032, seconds=0.00182),
        replace(inner, parent=0, parameters=1_510_032, seconds=0.00171),
        *calls,
        view,
        networks=(Network("generator", "Generator", "generator", 1_510_032),),
    )


def failing_trace() -> Trace:
    """The generator, given 128 numbers less than its third layer takes."""
    whole = generator_trace()
    calls = list(whole.steps[0].calls[:5])
    for open_call in (0, 1, 4):
        calls[open_call] = replace(calls[open_call], outputs=(), seconds=None)
    calls[4] = replace(calls[4], inputs=(tensor(BATCH, 100),))
    site = CallSite("gan.py", 42, "img = self.model(z)")
    failure = Failure(
        step=0,
        update=0,
        call=calls[4].id,
        message="RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x100 and 128x256)",
        expected="the last dimension to be 128",
        got="64×100",
        site=site,
    )
    return replace(whole, steps=(Step(0, tuple(calls)),), failure=failure)
