"""An independent look at a forward: plain hooks that clone, statistics by numpy in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe.model import Conditions, observe
from ganscope.traces import Call, TensorRecord, TensorStats, Trace


class Net(nn.Module):
    """A module whose forward is any function of itself and its inputs."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def run(model: nn.Module, *args: Any, **kwargs: Any) -> Trace:
    """The trace of `model`, named ``net``; nothing may have gone wrong in the observer."""
    trace, error = observe(model, args, kwargs, name="net", conditions=Conditions())
    if error is not None:
        raise error
    assert trace.meta.completeness == "complete", trace.meta.notes
    return trace


def calls(trace: Trace) -> tuple[Call, ...]:
    return trace.steps[0].calls


def paths(trace: Trace) -> list[str]:
    return [call.label for call in calls(trace)]


def call(trace: Trace, label: str) -> Call:
    found = [call for call in calls(trace) if call.label == label]
    assert len(found) == 1, (label, paths(trace))
    return found[0]


def clones(model: nn.Module, *args: Any, **kwargs: Any) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """Per module path: clones of the first input (before) and of the output of each call."""
    seen: dict[str, list[tuple[Tensor, Tensor]]] = {}
    before: dict[str, Tensor] = {}
    handles = []
    for path, part in model.named_modules():

        def first(module: nn.Module, inputs: Any, path: str = path) -> None:
            if inputs:
                before[path] = inputs[0].detach().clone()

        def then(module: nn.Module, inputs: Any, output: Any, path: str = path) -> None:
            if isinstance(output, Tensor):
                seen.setdefault(path, []).append((before[path], output.detach().clone()))

        handles += [part.register_forward_pre_hook(first), part.register_forward_hook(then)]
    state = torch.get_rng_state()
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    finally:
        torch.set_rng_state(state)
        for handle in handles:
            handle.remove()
    return seen


def assert_figures(record: TensorRecord, tensor: Tensor) -> None:
    """`record` has the shape of `tensor` and its figures by numpy in float64."""
    assert record.shape == tuple(tensor.shape)
    assert record.stats is not None, record.note
    assert_statistics(record.stats, tensor.detach().to(torch.float64).numpy())


def assert_statistics(stats: TensorStats, values: np.ndarray[Any, Any]) -> None:
    exact = values.astype(np.float64).reshape(-1)
    finite = exact[np.isfinite(exact)]
    assert stats.count == exact.size
    assert stats.nonfinite == exact.size - finite.size
    if finite.size == 0:
        assert stats.mean is None
        assert stats.histogram is None
        return
    scale = np.abs(finite).max() or 1.0
    rms = scale * np.sqrt(np.mean(np.square(finite / scale)))
    norm = scale * np.sqrt(np.sum(np.square(finite / scale)))
    expected = {"mean": finite.mean(), "std": scale * (finite / scale).std(), "norm": norm}
    for name, value in expected.items():
        assert abs(getattr(stats, name) - value) <= 1e-5 * max(abs(value), rms), name
    assert (stats.min, stats.max) == (finite.min(), finite.max())
    assert stats.fraction_nonpositive == (finite <= 0).mean()
    assert stats.fraction_zero == (finite == 0).mean()


__all__ = [
    "Net",
    "assert_figures",
    "assert_statistics",
    "call",
    "calls",
    "clones",
    "ganscope",
    "paths",
    "run",
]
