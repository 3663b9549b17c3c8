"""Random architectures: the trace against an independent look at the same forward.

The oracle is a plain run of the same model under the same random state, in which hooks of the
test's own clone every input before and every output after its call; figures by numpy in float64.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torchinfo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from ganscope.probe.model import Conditions, observe
from ganscope.traces import Trace
from tests.probe.helpers import assert_figures

FEATURES = 6
ACTIVATIONS: list[Callable[[], nn.Module]] = [
    nn.ReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.GELU,
    lambda: nn.ReLU(inplace=True),
    lambda: nn.LeakyReLU(0.2, inplace=True),
    lambda: nn.ELU(inplace=True),
    lambda: nn.Dropout(0.4),
    lambda: nn.Dropout(0.4, inplace=True),
    nn.Identity,
]
DENSE: list[Callable[[], nn.Module]] = [
    *ACTIVATIONS,
    lambda: nn.Linear(FEATURES, FEATURES),
    lambda: nn.Linear(FEATURES, FEATURES, bias=False),
    lambda: nn.BatchNorm1d(FEATURES),
    lambda: nn.LayerNorm(FEATURES),
    lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(FEATURES, FEATURES)),
]
IMAGES: list[Callable[[], nn.Module]] = [
    *ACTIVATIONS,
    lambda: nn.Conv2d(FEATURES, FEATURES, 3, padding=1),
    lambda: nn.Conv2d(FEATURES, FEATURES, 1, groups=2),
    lambda: nn.ConvTranspose2d(FEATURES, FEATURES, 3, padding=1),
    lambda: nn.BatchNorm2d(FEATURES),
    lambda: nn.InstanceNorm2d(FEATURES, affine=True),
    lambda: nn.GroupNorm(2, FEATURES),
    lambda: nn.MaxPool2d(3, 1, 1),
]


class Residual(nn.Module):
    """Adds or joins its input to what its parts make of it, in one of several ways."""

    def __init__(self, inner: nn.Module, join: str) -> None:
        super().__init__()
        self.inner = inner
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x.clone())
        if self.join == "add":
            return x + y
        if self.join == "add in place":
            y += x
            return y
        if self.join == "cat":
            return torch.cat([x, y], dim=1)[:, ::2]
        return F.relu(y, inplace=True)


class Head(nn.Module):
    """Ends a network in a structure."""

    def __init__(self, inner: nn.Module, shape: str, embed: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, FEATURES) if embed else None
        self.inner = inner
        self.shape = shape

    def forward(self, x: Tensor) -> Any:
        x = self.embed(x) if self.embed is not None else x
        y = self.inner(x)
        if self.shape == "tuple":
            return y, y.mean()
        return {"out": y, "flat": y.reshape(-1)} if self.shape == "dict" else y


@st.composite
def architectures(draw: Any) -> tuple[nn.Module, Tensor]:
    """A network of up to eight layers and an input for it."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    kind = draw(st.sampled_from(["dense", "images", "embedding"]))
    menu = IMAGES if kind == "images" else DENSE
    layers: list[nn.Module] = []
    for make in draw(st.lists(st.sampled_from(menu), min_size=1, max_size=8)):
        layer = make()
        if draw(st.integers(0, 3)) == 0:
            join = draw(st.sampled_from(["add", "add in place", "cat", "functional"]))
            layer = Residual(nn.Sequential(layer, draw(st.sampled_from(menu))()), join)
        layers.append(layer)
    if draw(st.booleans()):
        layers.append(draw(st.sampled_from(layers)))  # one module, used twice
    shape = draw(st.sampled_from(["tensor", "tuple", "dict"]))
    model: nn.Module = Head(nn.Sequential(*layers), shape, kind == "embedding")
    rows = draw(st.integers(2, 70))
    if kind == "embedding":
        inputs = torch.randint(0, 10, (rows,))
    else:
        inputs = torch.randn((rows, FEATURES, 5, 4) if kind == "images" else (rows, FEATURES))
    if draw(st.integers(0, 4)) == 0 and not any("spectral" in str(m) for m in model.modules()):
        model = model.bfloat16()
        inputs = inputs.bfloat16() if inputs.is_floating_point() else inputs
    model.train(draw(st.booleans()))
    return model, inputs


def _oracle(model: nn.Module, inputs: Tensor) -> tuple[list[tuple[str, Any, Any]], Any]:
    """(path, first input before, output after) of each call in the order of ends; the result."""
    seen: list[tuple[str, Any, Any]] = []
    waiting: list[Any] = []
    names = {id(part): path for path, part in model.named_modules()}

    def before(module: nn.Module, args: Any) -> None:
        waiting.append(args[0].detach().clone() if args else None)

    def after(module: nn.Module, args: Any, output: Any) -> None:
        kept = output.detach().clone() if isinstance(output, Tensor) else None
        seen.append((names[id(module)], waiting.pop(), kept))

    handles = [h for part in model.modules() for h in _attach(part, before, after)]
    with torch.no_grad():
        result = model(inputs)
    for handle in handles:
        handle.remove()
    return seen, result


def _attach(part: nn.Module, before: Any, after: Any) -> list[Any]:
    return [part.register_forward_pre_hook(before), part.register_forward_hook(after)]


def _random_state() -> Any:
    return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(architectures())
def test_trace_of_a_random_architecture(drawn: tuple[nn.Module, Tensor]) -> None:
    model, inputs = drawn
    twin = copy.deepcopy(model)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    flags = [part.training for part in model.modules()]
    outputs: list[Any] = []
    handle = model.register_forward_hook(lambda module, args, output: outputs.append(output))

    torch.manual_seed(7)
    seen, result = _oracle(twin, inputs.clone())
    torch.manual_seed(7)
    before = _random_state()
    trace, error = observe(model, (inputs.clone(),), name="net", conditions=Conditions())
    handle.remove()

    assert error is None
    assert trace.meta.completeness == "complete", trace.meta.notes
    assert _random_state() == before
    assert [part.training for part in model.modules()] == flags
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
    _assert_same(outputs[0], result)
    _assert_calls(trace, seen)
    total = torchinfo.summary(twin, verbose=0, depth=0).total_params
    assert trace.networks[0].parameters == sum(p.numel() for p in set(twin.parameters()))
    assert trace.networks[0].parameters <= total  # torchinfo counts a shared module twice
    text = json.dumps(trace.to_dict(), allow_nan=False)
    assert Trace.from_dict(json.loads(text)) == trace


def _assert_same(given: Any, expected: Any) -> None:
    if isinstance(expected, Tensor):
        assert torch.equal(given, expected)
    elif isinstance(expected, dict):
        for key, value in expected.items():
            _assert_same(given[key], value)
    else:
        for one, other in zip(given, expected, strict=True):
            _assert_same(one, other)


def _assert_calls(trace: Trace, seen: list[tuple[str, Any, Any]]) -> None:
    calls = [c for c in trace.steps[0].calls if c.kind == "module"]
    expected = [entry for entry in seen if "parametrizations" not in entry[0]]
    assert len(calls) == len(expected)
    for path in {entry[0] for entry in expected}:
        label = f"net.{path}" if path else "net"
        mine = [c for c in calls if c.path == label]
        theirs = [entry for entry in expected if entry[0] == path]
        assert [c.nth for c in mine] == list(range(1, len(theirs) + 1))
        for call, (_, first, output) in zip(mine, theirs, strict=True):
            assert_figures(call.inputs[0], first)
            if output is not None:
                assert_figures(call.outputs[0], output)
