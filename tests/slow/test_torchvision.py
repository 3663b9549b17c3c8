"""torchvision's classification models: same bits, same totals, no mark."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganscope.probe.model import Conditions, observe

QUICK = ["alexnet", "resnet18", "mobilenet_v3_small", "squeezenet1_1"]
SIDES = {"inception_v3": 299, "maxvit_t": 224, "vit_h_14": 224, "alexnet": 96}
ADAPTIVE = 64
"""Most models pool to one size, so that small images do."""


def _names() -> list[str]:
    from torchvision import models

    return models.list_models(module=models)


def _make(name: str) -> tuple[nn.Module, Tensor]:
    from torchvision import models

    extra: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        extra = {"init_weights": False}
    torch.manual_seed(0)
    side = SIDES.get(name, 224 if name.startswith("vit") else ADAPTIVE)
    return models.get_model(name, weights=None, **extra), torch.randn(2, 3, side, side)


def _check(name: str) -> None:
    model, inputs = _make(name)
    outputs: list[Any] = []
    for mode in ("eval", "train"):
        model.train(mode == "train")
        state = {key: value.clone() for key, value in model.state_dict().items()}
        handle = model.register_forward_hook(lambda module, args, output: outputs.append(output))
        torch.manual_seed(1)
        trace, error = observe(model, (inputs,), name=name, conditions=Conditions(samples=False))
        if error is not None:
            raise error
        for key, value in model.state_dict().items():
            assert torch.equal(value, state[key]), key
        torch.manual_seed(1)
        with torch.no_grad():
            model(inputs)
        handle.remove()
        traced, plain = (_tensors(output) for output in outputs[-2:])
        assert len(traced) == len(plain) > 0
        for one, other in zip(traced, plain, strict=True):
            assert torch.equal(one, other), mode
        assert trace.meta.completeness == "complete", trace.meta.notes
        assert trace.networks[0].parameters == _total(model)


def _tensors(output: Any) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else [part for part in output if part is not None]


def _total(model: nn.Module) -> int:
    import torchinfo

    total: int = torchinfo.summary(model, verbose=0, depth=0).total_params
    return total


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's own, of weights that are not asked for
        yield


@pytest.mark.parametrize("name", QUICK)
def test_a_handful(name: str) -> None:
    _check(name)


@pytest.mark.slow
def test_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    names = _names()
    assert len(names) >= 80
    for number, name in enumerate(names, 1):
        with capsys.disabled():
            print(f"{number}/{len(names)} {name}", flush=True)  # noqa: T201
        _check(name)
