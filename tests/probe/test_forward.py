"""Module calls: what went in before the call, what came out after it, each call its own."""

from __future__ import annotations

import dataclasses
import weakref
from collections import namedtuple
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.probe.helpers import Net, assert_figures, call, calls, clones, paths, run


def test_in_place_activation_does_not_spoil_the_layer_before() -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.LeakyReLU(0.2, inplace=True))
    inputs = torch.randn(16, 5)
    seen = clones(model, inputs)
    trace = run(model, inputs)
    for path in ("0", "1", "2"):
        record = call(trace, f"net.{path}")
        assert_figures(record.inputs[0], seen[path][0][0])
        assert_figures(record.outputs[0], seen[path][0][1])
    assert call(trace, "net.1").outputs[0].stats.min < call(trace, "net.2").outputs[0].stats.min


def test_a_module_used_twice_is_two_calls() -> None:
    model = Net(lambda self, x: self.layer(self.layer(x)), layer=nn.Linear(4, 4))
    inputs = torch.randn(3, 4)
    trace = run(model, inputs)
    assert paths(trace) == ["net", "net.layer", "net.layer #2"]
    first, second = model.layer(inputs), model.layer(model.layer(inputs))
    assert_figures(call(trace, "net.layer").outputs[0], first)
    assert_figures(call(trace, "net.layer #2").inputs[0], first)
    assert_figures(call(trace, "net.layer #2").outputs[0], second)
    assert trace.networks[0].parameters == 20


def test_temporaries_that_reuse_memory_keep_their_own_figures() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        for step in range(40):
            self.keep(x * (step + 1))  # freed at once, so ids and addresses come again
        return x

    trace = run(Net(forward, keep=nn.Identity()), torch.ones(50, 40))
    means = [c.outputs[0].stats.mean for c in calls(trace) if c.path == "net.keep"]
    assert means == pytest.approx([step + 1 for step in range(40)])
    multiplied = [c.outputs[0].stats.mean for c in calls(trace) if c.path == "net/mul"]
    assert multiplied == pytest.approx(means)


def _through_data(x: Tensor) -> None:
    x.data.mul_(3)


def _through_numpy(x: Tensor) -> None:
    x.numpy()[:] *= 3


def _by_binding(x: Tensor) -> None:
    x.data = x.data * 3


@pytest.mark.parametrize("edit", [_through_data, _through_numpy, _by_binding])
def test_an_unversioned_change_is_seen(edit: Any) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.first(x)
        edit(x)
        return self.second(x)

    model = Net(forward, first=nn.Softplus(), second=nn.Identity())
    trace = run(model, torch.randn(6, 5))
    before, after = call(trace, "net.first").outputs[0], call(trace, "net.second").inputs[0]
    assert after.stats.mean == pytest.approx(3 * before.stats.mean)


@dataclasses.dataclass
class Output:
    image: Tensor
    extra: Any = None


Pair = namedtuple("Pair", ["left", "right"])

STRUCTURES = {
    "tuple": (lambda x: (x, x + 1), ["[0]", "[1]"]),
    "list": (lambda x: [x], ["[0]"]),
    "dict": (lambda x: {"image": x, "hidden": [x, x]}, ["image", "hidden[0]", "hidden[1]"]),
    "dataclass": (lambda x: Output(x), ["image", "extra"]),
    "namedtuple": (lambda x: Pair(x, {"deep": x}), ["left", "right.deep"]),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structured_outputs_are_taken_apart(name: str) -> None:
    make, names = STRUCTURES[name]
    record = call(run(Net(lambda self, x: make(x)), torch.randn(3, 2)), "net")
    assert [output.name for output in record.outputs] == names
    assert_shape = [o.shape for o in record.outputs if o.note is None]
    assert set(assert_shape) == {(3, 2)}


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (None, "None: no tensor"),
        (3, "3: no tensor"),
        (torch.distributions.Normal(0.0, 1.0), "a Normal: no tensor"),
    ],
)
def test_what_holds_no_tensor_gets_a_note(value: Any, note: str) -> None:
    record = call(run(Net(lambda self, x: value), torch.randn(3, 2)), "net").outputs[0]
    assert (record.shape, record.stats, record.note) == (None, None, note)


def test_keyword_inputs_of_inner_modules_are_recorded_by_name() -> None:
    inner = Net(lambda self, x, *, labels: x + labels)
    model = Net(lambda self, x: self.inner(x, labels=x * 2), inner=inner)
    trace = run(model, torch.ones(2, 3))
    first, labels = call(trace, "net.inner").inputs
    assert (first.name, labels.name) == (None, "labels")
    assert labels.stats.mean == 2.0


def test_output_is_bit_identical_and_hooks_replace_nothing() -> None:
    kept = []
    model = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.GELU(), nn.BatchNorm1d(6))
    wrapper = Net(lambda self, x: kept.append(self.inner(x)) or kept[-1], inner=model)
    inputs = torch.randn(9, 6)
    for observed in (False, True):
        torch.manual_seed(5)
        (run if observed else lambda m, x: m(x))(wrapper, inputs)
    assert torch.equal(kept[0], kept[1])


def test_an_exception_that_the_forward_survives_leaves_the_stack_right() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        try:
            self.bad(x)
        except RuntimeError:
            x = self.good(x)
        return self.last(x)

    bad = nn.Sequential(nn.Linear(4, 4), nn.Linear(3, 3))
    model = Net(forward, bad=bad, good=nn.Linear(4, 4), last=nn.Linear(4, 2))
    trace = run(model, torch.randn(2, 4))
    assert trace.failure is None
    assert paths(trace) == ["net", "net.bad", "net.bad.0", "net.bad.1", "net.good", "net.last"]
    assert [c.parent for c in calls(trace)] == [None, 0, 1, 1, 0, 0]


def test_lazy_modules_stay_lazy() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU())
    trace = run(model, torch.randn(2, 3))
    assert call(trace, "net.0").parameters == 16
    assert isinstance(model[0], nn.LazyLinear)
    assert isinstance(model[0].weight, nn.UninitializedParameter)


def test_scripted_modules_are_one_opaque_call() -> None:
    with pytest.warns(FutureWarning):
        scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    trace = run(nn.Sequential(scripted, nn.Linear(3, 2)), torch.randn(4, 3))
    assert paths(trace) == ["net", "net.0", "net.1"]
    assert "scripted" in call(trace, "net.0").note
    assert call(trace, "net.0").parameters == 12


def test_checkpointed_segment_is_recorded_once() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return checkpoint(self.inner, x, use_reentrant=False)

    trace = run(Net(forward, inner=nn.Linear(3, 3)), torch.randn(4, 3))
    assert paths(trace).count("net.inner") == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        lambda: Net(
            lambda self, x: self.a(x, x, x)[0], a=nn.MultiheadAttention(8, 2, batch_first=True)
        ),
    ],
)
def test_fused_attention_is_not_switched_off(make: Any) -> None:
    torch.manual_seed(0)
    inner = make().eval()
    kept = []
    model = Net(lambda self, x: kept.append(self.inner(x)) or kept[-1], inner=inner).eval()
    inputs = torch.randn(2, 5, 8)
    with torch.no_grad():
        model(inputs)
    trace = run(model, inputs)
    assert torch.equal(kept[0], kept[1])
    assert any(c.note and "fused" in c.note for c in calls(trace))


def test_no_tensor_is_ever_turned_into_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Tensor) -> str:
        raise AssertionError("a tensor was turned into text")

    monkeypatch.setattr(Tensor, "__repr__", refuse)
    model = Net(lambda self, x: F.relu(self.layer(x).view(2, 6)), layer=nn.Linear(3, 3))
    run(model, torch.randn(4, 3)).to_dict()


def test_no_activation_outlives_the_trace() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def forward(self: Any, x: Tensor) -> Tensor:
        hidden = self.layer(x)
        alive.append(weakref.ref(hidden))
        hidden = F.relu(hidden, inplace=True)
        alive.append(weakref.ref(hidden))
        return self.layer(hidden)

    trace = run(Net(forward, layer=nn.Linear(300, 300)), torch.randn(200, 300))
    assert len(trace.steps[0].calls) == 4
    assert [reference() for reference in alive] == [None, None]


def test_module_made_in_the_forward_has_a_path_of_its_own() -> None:
    trace = run(Net(lambda self, x: nn.ReLU()(x)), torch.randn(2, 2))
    assert paths(trace) == ["net", "net/ReLU"]


def test_seconds_of_a_call_leave_out_the_observer(monkeypatch: pytest.MonkeyPatch) -> None:
    from time import sleep

    from ganscope.probe import sites

    def slow(frame: Any) -> None:
        sleep(0.02)

    monkeypatch.setattr(sites, "find", slow)
    model = Net(lambda self, x: self.b(self.a(x)), a=nn.Linear(2, 2), b=nn.Linear(2, 2))
    trace = run(model, torch.randn(2, 2))
    assert call(trace, "net").seconds < 0.02


def test_site_is_the_users_line() -> None:
    model = Net(lambda self, x: self.stack(x), stack=nn.Sequential(nn.Linear(2, 2)))
    trace = run(model, torch.randn(2, 2))
    site = call(trace, "net.stack.0").site
    assert site is not None
    assert site.file == __file__
    assert "self.stack(x)" in site.code
