"""Random architectures: the trace against an independent look at the same forward.

The oracle is a plain run of the same model under the same random state, in which hooks of the
test's own clone every input before and every output after its call; figures by numpy in float64.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
VOCABULARY = 10

Maker = Callable[[], nn.Module]

ACTIVATIONS: list[Maker] = [
    nn.ReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.GELU,
    nn.SiLU,
    nn.PReLU,
    lambda: nn.ReLU(inplace=True),
    lambda: nn.LeakyReLU(0.2, inplace=True),
    lambda: nn.ELU(inplace=True),
    lambda: nn.Dropout(0.4),
    lambda: nn.Dropout(0.4, inplace=True),
    nn.Identity,
]
DENSE: list[Maker] = [
    *ACTIVATIONS,
    lambda: nn.Linear(FEATURES, FEATURES),
    lambda: nn.Linear(FEATURES, FEATURES, bias=False),
    lambda: nn.BatchNorm1d(FEATURES),
    lambda: nn.BatchNorm1d(FEATURES, affine=False, track_running_stats=False),
    lambda: nn.LayerNorm(FEATURES),
]
IMAGES: list[Maker] = [
    *ACTIVATIONS,
    lambda: nn.Conv2d(FEATURES, FEATURES, 3, padding=1),
    lambda: nn.Conv2d(FEATURES, FEATURES, 1, groups=2),
    lambda: nn.ConvTranspose2d(FEATURES, FEATURES, 3, padding=1),
    lambda: nn.ConvTranspose2d(FEATURES, FEATURES, 3, padding=1, bias=False),
    lambda: nn.BatchNorm2d(FEATURES),
    lambda: nn.InstanceNorm2d(FEATURES, affine=True),
    lambda: nn.GroupNorm(2, FEATURES),
    lambda: nn.Dropout2d(0.3),
    lambda: nn.MaxPool2d(3, 1, 1),
]
# Changes itself at every forward in train mode, and knows float32 alone.
SPECTRAL: dict[str, Maker] = {
    "dense": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(FEATURES, FEATURES)),
    "images": lambda: nn.utils.spectral_norm(nn.Conv2d(FEATURES, FEATURES, 3, padding=1)),
}


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


class Pair(nn.Module):
    """Gives two tensors, of which `First` takes one again: a tuple in the middle of a network."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.inner(x), x.detach()


class First(nn.Module):
    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        return pair[0] + pair[1].mean()


class Head(nn.Module):
    """Ends a network in a structure."""

    def __init__(self, inner: nn.Module, shape: str, embed: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, FEATURES) if embed else None
        self.inner = inner
        self.shape = shape

    def forward(self, x: Tensor, *, scale: Tensor | None = None) -> Any:
        x = self.embed(x) if self.embed is not None else x
        y = self.inner(x if scale is None else x * scale)
        if self.shape == "tuple":
            return y, y.mean()
        return {"out": y, "flat": y.reshape(-1)} if self.shape == "dict" else y


@dataclass(frozen=True)
class Drawn:
    """A network, what goes in, and how it is to run."""

    model: nn.Module
    args: tuple[Tensor, ...]
    kwargs: dict[str, Tensor]
    conditions: Conditions


@st.composite
def architectures(draw: Any) -> Drawn:
    """A network of up to eight layers and an input for it."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    kind = draw(st.sampled_from(["dense", "images", "embedding"]))
    dtype = draw(st.sampled_from([torch.float32] * 4 + [torch.bfloat16, torch.float16]))
    menu = list(IMAGES if kind == "images" else DENSE)
    if dtype == torch.float32:
        menu += [SPECTRAL["images" if kind == "images" else "dense"]]
    layers: list[nn.Module] = []
    for make in draw(st.lists(st.sampled_from(menu), min_size=1, max_size=8)):
        layer = make()
        wrapping = draw(st.sampled_from(["none", "none", "none", "residual", "pair"]))
        if wrapping == "residual":
            join = draw(st.sampled_from(["add", "add in place", "cat", "functional"]))
            layer = Residual(nn.Sequential(layer, draw(st.sampled_from(menu))()), join)
        elif wrapping == "pair":
            layer = nn.Sequential(Pair(layer), First())
        layers.append(layer)
    if draw(st.booleans()):
        layers.append(draw(st.sampled_from(layers)))  # one module, used twice
    if draw(st.booleans()):
        _tie(layers)
    shape = draw(st.sampled_from(["tensor", "tuple", "dict"]))
    model: nn.Module = Head(nn.Sequential(*layers), shape, kind == "embedding").to(dtype)
    # Small tensors wait on a stage for their statistics, large ones do not: both kinds.
    rows = draw(st.sampled_from([2, 3, 9, 40, 70]))
    side = draw(st.sampled_from([4, 5, 20]))
    if kind == "embedding":
        inputs = torch.randint(0, VOCABULARY, (rows,))
    else:
        inputs = torch.randn((rows, FEATURES, side, 4) if kind == "images" else (rows, FEATURES))
        inputs = inputs.to(dtype)
        if kind == "images" and draw(st.booleans()):
            inputs = inputs.contiguous(memory_format=torch.channels_last)
    kwargs = {"scale": torch.tensor(0.5, dtype=dtype)} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        model.train(draw(st.booleans()))
    else:
        for part in model.modules():
            part.training = draw(st.booleans())
    conditions = Conditions(grad=draw(st.booleans()), samples=draw(st.booleans()))
    return Drawn(model, (inputs,), kwargs, conditions)


def _tie(layers: list[nn.Module]) -> None:
    """Let all plain linear layers share one weight."""
    linear = [part for layer in layers for part in layer.modules() if type(part) is nn.Linear]
    for part in linear[1:]:
        part.weight = linear[0].weight


@dataclass(frozen=True)
class Seen:
    """One call as the test's own hooks saw it."""

    path: str
    inputs: list[Tensor]
    outputs: list[Tensor]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)


def _clones(value: Any) -> list[Tensor]:
    """Copies that keep what autograd makes of the tensors, and nothing else of them."""
    return [t.detach().clone().requires_grad_(t.requires_grad) for t in _tensors(value)]


def _oracle(drawn: Drawn, model: nn.Module) -> tuple[list[Seen], Any]:
    """Every call in the order in which they ended, and the result."""
    seen: list[Seen] = []
    waiting: list[list[Tensor]] = []
    names = {id(part): path for path, part in model.named_modules()}

    def before(module: nn.Module, args: Any, kwargs: Any) -> None:
        waiting.append(_clones((args, kwargs)))

    def after(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        seen.append(Seen(names[id(module)], waiting.pop(), _clones(output)))

    for part in model.modules():
        part.register_forward_pre_hook(before, with_kwargs=True)
        part.register_forward_hook(after, with_kwargs=True)
    return seen, _run(drawn, model)


def _run(drawn: Drawn, model: nn.Module) -> Any:
    with torch.set_grad_enabled(drawn.conditions.grad):
        return model(*_copies(drawn.args), **drawn.kwargs)


def _copies(args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(tensor.clone() for tensor in args)  # keeps strides


def _random_state() -> Any:
    return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(architectures())
def test_trace_of_a_random_architecture(drawn: Drawn) -> None:
    model, twin, plain = drawn.model, copy.deepcopy(drawn.model), copy.deepcopy(drawn.model)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    flags = [part.training for part in model.modules()]
    outputs: list[Any] = []
    handle = model.register_forward_hook(lambda module, args, output: outputs.append(output))

    torch.manual_seed(7)
    untraced = _run(drawn, plain)
    torch.manual_seed(7)
    seen, looked_at = _oracle(drawn, twin)
    torch.manual_seed(7)
    before = _random_state()
    trace, error = observe(
        model, _copies(drawn.args), drawn.kwargs, name="net", conditions=drawn.conditions
    )
    handle.remove()

    assert error is None
    assert trace.meta.completeness == "complete", trace.meta.notes
    assert _random_state() == before
    assert [part.training for part in model.modules()] == flags
    assert model.state_dict().keys() == state.keys()
    for key, value in model.state_dict().items():
        assert _same_bits(value, state[key]), key
    _assert_same(looked_at, untraced)
    _assert_same(outputs[0], untraced)
    _assert_calls(trace, seen)
    kept = trace.steps[0].calls[0].inputs[0].samples
    assert (kept is not None) == drawn.conditions.samples
    assert trace.networks[0].parameters == _total(model)
    text = json.dumps(trace.to_dict(), allow_nan=False)
    back = Trace.from_dict(json.loads(text))
    assert json.dumps(back.to_dict(), allow_nan=False) == text  # NaN included


def _same_bits(one: Tensor, other: Tensor) -> bool:
    """Equal to the bit: NaN is NaN, and -0.0 is not 0.0."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    left, right = (t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (one, other))
    return torch.equal(left, right)


def _assert_same(given: Any, expected: Any) -> None:
    assert type(given) is type(expected)
    if isinstance(expected, dict):
        assert list(given) == list(expected)
    ours, theirs = list(_tensors(given)), list(_tensors(expected))
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert _same_bits(one, other)
        assert one.requires_grad == other.requires_grad


def _total(model: nn.Module) -> int:
    """The number of parameters, each counted once; where none is shared, as torchinfo counts."""
    own = [p for part in model.modules() for p in part.parameters(recurse=False)]
    total = sum(p.numel() for p in set(own))
    modules, places = list(model.modules()), list(model.named_modules(remove_duplicate=False))
    shared = len(own) != len(set(own)) or len(modules) != len(places)
    if not shared:
        assert torchinfo.summary(model, verbose=0, depth=0).total_params == total
    return total


def _assert_calls(trace: Trace, seen: list[Seen]) -> None:
    calls = [c for c in trace.steps[0].calls if c.kind == "module"]
    expected = [entry for entry in seen if "parametrizations" not in entry.path]
    assert len(calls) == len(expected)
    for path in {entry.path for entry in expected}:
        label = f"net.{path}" if path else "net"
        mine = [c for c in calls if c.path == label]
        theirs = [entry for entry in expected if entry.path == path]
        assert [c.nth for c in mine] == list(range(1, len(theirs) + 1))
        for call, entry in zip(mine, theirs, strict=True):
            for record, tensor in zip(call.inputs, entry.inputs, strict=True):
                _assert_record(record, tensor)
            for record, tensor in zip(call.outputs, entry.outputs, strict=True):
                _assert_record(record, tensor)


def _assert_record(record: Any, tensor: Tensor) -> None:
    assert_figures(record, tensor)
    assert record.dtype == str(tensor.dtype).removeprefix("torch.")
    assert record.requires_grad == tensor.requires_grad
    first = tensor.reshape(-1)[:8].tolist()
    assert list(map(repr, record.preview)) == list(map(repr, first))
    if record.samples is not None:  # whole rows: no tensor here has a side that is thinned out
        rows = tensor.detach()[:8]
        assert record.samples.indices == tuple(range(len(rows)))
        assert record.samples.shape == tuple(rows.shape)
        halves = np.frombuffer(record.samples.data, dtype="<f2").reshape(rows.shape)
        assert np.array_equal(halves, rows.to(torch.float16).numpy(), equal_nan=True)
