"""torchvision's classification models: same bits, same totals, no mark."""

from __future__ import annotations

import gc
import random
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torchinfo
from torch import Tensor, nn

from ganscope.probe.model import Conditions, observe

QUICK = ["alexnet", "resnet18", "mobilenet_v3_small", "squeezenet1_1"]
SIDES = {"inception": 299, "maxvit": 224, "vit": 224, "swin": 224}
SMALL = 64
"""Most models pool to one size, so that small images do."""


def _make(name: str) -> tuple[nn.Module, Tensor]:
    from torchvision import models  # takes seconds, and this file is collected every time

    extra: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        extra = {"init_weights": False}
    torch.manual_seed(0)
    side = SIDES.get(name.partition("_")[0], SMALL)
    return models.get_model(name, weights=None, **extra), torch.randn(2, 3, side, side)


def _check(name: str) -> None:
    model, inputs = _make(name)
    total = torchinfo.summary(model, verbose=0, depth=0).total_params
    for mode in ("eval", "train"):
        model.train(mode == "train")
        _check_mode(model, inputs, name, total)


def _check_mode(model: nn.Module, inputs: Tensor, name: str, total: int) -> None:
    outputs: list[Any] = []
    handle = model.register_forward_hook(lambda module, args, output: outputs.append(output))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    flags = [part.training for part in model.modules()]
    given = inputs.clone()
    torch.manual_seed(1)
    before = _random_state()
    trace, error = observe(model, (inputs,), name=name, conditions=Conditions(samples=False))
    if error is not None:
        raise error

    assert _random_state() == before
    assert _same_bits(inputs, given)
    assert [part.training for part in model.modules()] == flags
    assert model.state_dict().keys() == state.keys()
    changed = [
        key for key, value in model.state_dict().items() if not _same_bits(value, state[key])
    ]
    assert changed == []
    assert trace.meta.completeness == "complete", trace.meta.notes
    assert trace.networks[0].parameters == total
    assert [call.path for call in trace.steps[0].calls[:1]] == [name]

    torch.manual_seed(1)
    with torch.no_grad():
        model(inputs)
    handle.remove()
    traced, plain = (_tensors(output) for output in outputs)
    assert len(traced) == len(plain) > 0
    assert all(map(_same_bits, traced, plain))


def _random_state() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())


def _same_bits(one: Tensor, other: Tensor) -> bool:
    """Equal to the bit: NaN is NaN, and -0.0 is not 0.0."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    left, right = (t.contiguous().reshape(-1).view(torch.uint8) for t in (one, other))
    return torch.equal(left, right)


def _tensors(output: Any) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else [part for part in output if part is not None]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's own, of weights that are not asked for
        yield


@pytest.mark.parametrize("name", QUICK)
def test_a_handful_of_torchvision_models_is_left_as_it_was(name: str) -> None:
    _check(name)


@pytest.mark.slow
def test_every_torchvision_classification_model_is_left_as_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from torchvision import models

    names = models.list_models(module=models)
    assert len(names) >= 80
    failures: dict[str, Exception] = {}
    for number, name in enumerate(names, 1):
        began = time.perf_counter()
        try:
            _check(name)
        except Exception as error:
            failures[name] = error
        gc.collect()
        with capsys.disabled():
            verdict = f"FAILED {failures[name]!r}" if name in failures else "ok"
            seconds = time.perf_counter() - began
            print(f"{number}/{len(names)} {name} {verdict} {seconds:.1f} s", flush=True)  # noqa: T201
    assert failures == {}
