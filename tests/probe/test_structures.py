"""What modules take and return besides single tensors, and how often they are called."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, UserDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganscope.probe.model import observe
from tests.probe.helpers import Net, assert_figures, call, calls, paths, run

X = torch.arange(6.0).view(3, 2)


@dataclasses.dataclass
class Logits:
    logits: Tensor
    rest: Any = None


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("image",)
    image: Tensor


OUTPUTS: dict[str, tuple[Any, list[tuple[str | None, float]]]] = {
    "nested tuples": (
        lambda x: (x, (x + 1, [x + 2])),
        [("[0]", 0), ("[1][0]", 1), ("[1][1][0]", 2)],
    ),
    "ordered": (
        lambda x: OrderedDict(b=x, a=x + 1),
        [("b", 0), ("a", 1)],
    ),
    "mapping of the user's own": (lambda x: UserDict(z=x + 3), [("z", 3)]),
    "dataclass in a dict": (
        lambda x: {"d": Logits(x + 1, rest=(x + 2,))},
        [("d.logits", 1), ("d.rest[0]", 2)],
    ),
    "slots": (lambda x: Slotted(x + 4), [("image", 4)]),
    "a result of torch.max": (
        lambda x: x.T.max(dim=1),
        [("[0]", 4), ("[1]", 2)],
    ),
    "numbers as keys": (lambda x: {0: x, 1: x + 1}, [("0", 0), ("1", 1)]),
    "a parameter": (lambda x: nn.Parameter(x + 2), [(None, 2)]),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_tensor_of_a_structure_has_its_place_and_figures(name: str) -> None:
    make, expected = OUTPUTS[name]
    record = call(run(Net(lambda self, x: make(x)), X), "net")
    assert [output.name for output in record.outputs] == [place for place, _ in expected]
    assert [output.stats.min for output in record.outputs] == [low for _, low in expected]


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (True, "True: no tensor"),
        ("text", "'text': no tensor"),
        (torch.float32, "a dtype: no tensor"),
        (torch.distributions.Categorical(torch.ones(3)), "a Categorical: no tensor"),
        ({1, 2}, "a set: no tensor"),
        (Logits, "a type: no tensor"),
    ],
)
def test_what_is_no_tensor_is_said_by_its_type(value: Any, note: str) -> None:
    record = call(run(Net(lambda self, x: (x, value)), X), "net")
    assert_figures(record.outputs[0], X)
    assert record.outputs[1].note == note


@pytest.mark.parametrize("value", [(), {}, []])
def test_an_empty_structure_has_no_outputs(value: Any) -> None:
    assert call(run(Net(lambda self, x: value), X), "net").outputs == ()


def test_the_same_object_comes_out_as_it_went_in() -> None:
    kept: list[bool] = []

    def forward(self: Any, x: Tensor) -> Any:
        held = {"image": x, "more": [x]}
        out = self.inner(held)
        kept.append(out is held and out["image"] is x and out["more"][0] is x)
        return x

    run(Net(forward, inner=Net(lambda self, held: held)), X)
    assert kept == [True]


def test_keywords_of_the_network_itself_and_defaults() -> None:
    def forward(self: Any, x: Tensor, *, labels: Tensor, scale: float = 2.0) -> Tensor:
        return self.inner(x=x, labels=labels, scale=scale)

    inner = Net(lambda self, x, labels, scale: x * labels * scale, part=nn.Identity())
    trace, error = observe(Net(forward, inner=inner), (X,), {"labels": X + 1}, name="net")
    assert error is None
    outer, within = call(trace, "net"), call(trace, "net.inner")
    assert [record.name for record in outer.inputs] == [None, "labels"]
    assert [record.name for record in within.inputs] == ["x", "labels", "scale"]
    assert within.inputs[2].note == "2.0: no tensor"
    assert_figures(outer.inputs[1], X + 1)
    assert_figures(within.inputs[1], X + 1)
    assert_figures(within.outputs[0], X * (X + 1) * 2)


def test_keywords_under_the_names_that_torch_uses_itself() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return self.inner(x, args=x + 1, kwargs=x + 2, input=x + 3, result=x + 4)

    inner = Net(lambda self, x, **more: x + sum(more.values()), part=nn.Identity())
    trace = run(Net(forward, inner=inner), X)
    names = [record.name for record in call(trace, "net.inner").inputs]
    assert names == [None, "args", "kwargs", "input", "result"]
    assert [record.stats.min for record in call(trace, "net.inner").inputs] == [0, 1, 2, 3, 4]


def test_a_module_without_any_input() -> None:
    trace = run(Net(lambda self: torch.ones(3)))
    assert call(trace, "net").inputs == ()
    assert call(trace, "net").outputs[0].stats.mean == 1.0


def test_one_module_under_two_names_is_one_path_called_twice() -> None:
    shared = nn.Linear(2, 2)
    model = nn.Sequential(OrderedDict(first=shared, act=nn.ReLU(), second=shared))
    trace = run(model, X)
    assert paths(trace) == ["net", "net.first", "net.act", "net.first #2"]
    assert trace.networks[0].parameters == 6
    assert call(trace, "net").parameters == 6


def test_a_direct_call_of_forward_keeps_what_is_inside_in_place() -> None:
    inner = nn.Sequential(nn.Softplus(), nn.ReLU())
    trace = run(Net(lambda self, x: self.inner.forward(x), inner=inner), X)
    assert paths(trace) == ["net", "net.inner.0", "net.inner.1"]
    assert [c.parent for c in calls(trace)] == [None, 0, 0]
    assert_figures(call(trace, "net.inner.0").outputs[0], inner[0](X))


def test_containers_that_are_never_called_have_their_children_recorded() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.heads["out"](x)

    parts = {
        "blocks": nn.ModuleList([nn.ReLU(), nn.Tanh()]),
        "heads": nn.ModuleDict({"out": nn.Identity()}),
    }
    trace = run(Net(forward, **parts), X)
    assert paths(trace) == ["net", "net.blocks.0", "net.blocks.1", "net.heads.out"]


def test_a_module_lent_from_outside_the_network_is_shown_inside_its_caller() -> None:
    critic = nn.Sequential(nn.Linear(2, 2))
    borrowed = [critic]  # in a list, so that it is no part of the network
    trace = run(Net(lambda self, x: borrowed[0](self.layer(x)), layer=nn.Linear(2, 2)), X)
    assert paths(trace)[:3] == ["net", "net.layer", "net/Sequential"]
    assert call(trace, "net/Sequential").parent == 0
    assert call(trace, "net/Sequential").parameters == 6
