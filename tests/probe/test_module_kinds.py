"""Modules of every make: same bits, same totals, no mark; what cannot be seen is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchinfo
from torch import Tensor, nn
from torch.nn.utils import parametrizations, rnn

from ganscope.probe.model import Conditions, observe
from tests.probe.helpers import Net, assert_figures, call, calls, clones, run


def _quietly(make: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def _stack() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 8))


def _scripted() -> nn.Module:
    return _quietly(lambda: torch.jit.script(_stack()))


def _traced() -> nn.Module:
    return _quietly(lambda: torch.jit.trace(_stack().eval(), torch.ones(2, 8)))


def _quantized() -> nn.Module:
    return _quietly(lambda: torch.ao.quantization.quantize_dynamic(_stack(), {nn.Linear}))


def _packed(self: Any, x: Tensor) -> Any:
    packed = rnn.pack_padded_sequence(x, [5, 3, 3, 1], batch_first=True)
    return self.rnn(packed)


def _gan(self: Any, x: Tensor) -> Any:
    fake = self.generator(x)
    return self.critic(fake), self.critic(fake.detach()), self.critic(x)


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "scripted": (_scripted, (4, 8)),
    "traced by torch": (_traced, (2, 8)),
    "symbolic": (lambda: torch.fx.symbolic_trace(_stack()), (4, 8)),
    "quantized": (_quantized, (4, 8)),
    "averaged": (lambda: torch.optim.swa_utils.AveragedModel(_stack()), (4, 8)),
    "parallel": (lambda: nn.DataParallel(_stack()), (4, 8)),
    "lstm": (lambda: nn.LSTM(8, 6, 2, dropout=0.5, bidirectional=True), (4, 5, 8)),
    "gru": (lambda: nn.GRU(8, 6, batch_first=True), (4, 5, 8)),
    "packed": (lambda: Net(_packed, rnn=nn.LSTM(8, 6, batch_first=True)), (4, 5, 8)),
    "attention": (
        lambda: Net(lambda self, x: self.a(x, x, x), a=nn.MultiheadAttention(8, 2, dropout=0.1)),
        (4, 5, 8),
    ),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (4, 5, 8)),
    "list": (
        lambda: Net(lambda self, x: sum(p(x) for p in self.parts),
                    parts=nn.ModuleList([_stack(), _stack()])),
        (4, 8),
    ),
    "dict": (
        lambda: Net(lambda self, x: self.parts["a"](x), parts=nn.ModuleDict({"a": _stack()})),
        (4, 8),
    ),
    "parameter list": (
        lambda: Net(lambda self, x: x * self.w[0], w=nn.ParameterList([torch.ones(8)])),
        (4, 8),
    ),
    "spectral convolution": (
        lambda: nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)),
                              nn.BatchNorm2d(4), nn.LeakyReLU(0.2, inplace=True)),
        (4, 3, 9, 9),
    ),
    "lazy": (lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(),
                                   nn.LazyLinear(3)), (4, 3, 9, 9)),
    "critic used three times": (
        lambda: Net(_gan, generator=_stack(), critic=nn.Sequential(_stack(), nn.BatchNorm1d(8))),
        (4, 8),
    ),
    "frozen": (lambda: _stack().requires_grad_(False), (4, 8)),
    "double": (lambda: nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)).double(), (4, 8)),
}  # fmt: skip


def _flat(value: Any) -> list[Tensor]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("grad", [False, True])
def test_same_bits_and_no_mark(name: str, mode: Any, grad: bool) -> None:
    make, shape = MODELS[name]
    torch.manual_seed(0)
    model = make()
    kept: list[list[Tensor]] = []
    holder = Net(lambda self, x: kept.append(_flat(self.inner(x))), inner=model)
    model.train(mode == "train")
    inputs = torch.randn(shape, dtype=torch.float64 if name == "double" else torch.float32)
    state = {
        key: value.clone()
        for key, value in model.state_dict().items()
        if isinstance(value, Tensor) and not nn.parameter.is_lazy(value)
    }
    flags = [part.training for part in model.modules()]
    trace, error = observe(
        holder, (inputs.clone(),), name="net", conditions=Conditions(grad=grad, seed=2)
    )
    if error is not None:
        raise error
    assert trace.meta.completeness == "complete", trace.meta.notes
    assert not [note for note in trace.meta.notes if "parameter" in note]
    assert [part.training for part in model.modules()] == flags
    for key, value in model.state_dict().items():
        if key in state:
            assert torch.equal(value, state[key]), key
    if name == "lazy":
        assert nn.parameter.is_lazy(model[0].weight)
        return
    torch.manual_seed(2)
    with torch.set_grad_enabled(grad):
        holder(inputs.clone())
    assert len(kept[0]) == len(kept[1]) > 0
    assert all(torch.equal(one, other) for one, other in zip(*kept, strict=True))


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("lazy", "packed")])
def test_total_is_torchinfos(name: str) -> None:
    make, shape = MODELS[name]
    model = make()
    inputs = torch.randn(shape, dtype=torch.float64 if name == "double" else torch.float32)
    trace = run(model, inputs)
    assert trace.networks[0].parameters == torchinfo.summary(model, verbose=0).total_params


@pytest.mark.parametrize("name", ["scripted", "traced by torch"])
def test_a_scripted_network_is_one_call_with_a_note(name: str) -> None:
    make, shape = MODELS[name]
    trace = run(make(), torch.randn(shape))
    assert [c.path for c in calls(trace)] == ["net"]
    assert "scripted" in str(calls(trace)[0].note)


def test_the_critic_used_three_times_is_three_calls_with_figures_of_their_own() -> None:
    make, shape = MODELS["critic used three times"]
    torch.manual_seed(0)
    model, inputs = make(), torch.randn(shape)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(1)
    seen = clones(model, inputs)
    model.load_state_dict(state)
    torch.manual_seed(1)
    trace = run(model, inputs)
    for path in ("critic", "critic.0.0", "critic.0.1", "critic.0.2", "critic.1"):
        mine = [c for c in calls(trace) if c.path == f"net.{path}"]
        assert [c.nth for c in mine] == [1, 2, 3]
        for record, (before, after) in zip(mine, seen[path], strict=True):
            assert_figures(record.inputs[0], before)
            assert_figures(record.outputs[0], after)


def test_a_layer_held_twice_is_one_layer() -> None:
    layer = nn.Linear(4, 4)
    model = Net(lambda self, x: self.b(self.a(x)), a=layer, b=layer)
    trace = run(model, torch.randn(2, 4))
    assert [c.label for c in calls(trace)] == ["net", "net.a", "net.a #2"]
    assert trace.networks[0].parameters == 20
    assert call(trace, "net").parameters == 20
