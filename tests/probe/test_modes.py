"""The function mode among other modes, other threads, functorch and autocast."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganscope.probe import modes
from ganscope.probe.model import observe
from tests.probe.helpers import Net, assert_figures, call, paths, run


def _depth() -> int:
    return torch._C._len_torch_function_stack()


class Counting(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_inside_a_device_context() -> None:
    model = Net(lambda self, x: self.layer(x).relu(), layer=nn.Linear(3, 3))
    with torch.device("meta"):
        assert run(model, torch.randn(2, 3, device="cpu")).failure is None
        assert torch.empty(1).is_meta
    assert torch.empty(1).device.type == "cpu"
    assert _depth() == 0


def test_device_context_inside_the_forward() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.device("meta"):
            inside = torch.empty(2)
            y = self.layer(x)
        assert inside.is_meta
        assert not torch.empty(1).is_meta
        return y.relu()

    trace = run(Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3))
    assert paths(trace)[-1] == "net/relu"
    assert not torch.empty(1).is_meta
    assert _depth() == 0


@pytest.mark.parametrize("around", [True, False])
def test_users_own_mode_sees_what_it_saw_before(around: bool) -> None:
    mine = Counting()

    def forward(self: Any, x: Tensor) -> Tensor:
        if around:
            return self.layer(x).relu()
        with mine:
            return self.layer(x).relu()

    model, inputs = Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3)
    counts = []
    for observed in (False, True):
        mine.count = 0
        if around:
            with mine, torch.no_grad():
                (observe(model, (inputs,)) if observed else model(inputs))
        else:
            (observe(model, (inputs,)) if observed else model(inputs))
        counts.append(mine.count)
        assert _depth() == 0
    assert around or counts[0] == counts[1]


def test_a_mode_left_on_by_the_forward_is_left_alone() -> None:
    mine = Counting()

    def forward(self: Any, x: Tensor) -> Tensor:
        mine.__enter__()
        return self.layer(x)

    run(Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3))
    assert _depth() == 1
    mine.__exit__(None, None, None)
    assert _depth() == 0


def test_calls_on_other_threads_are_counted_and_left_out() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        thread = threading.Thread(target=lambda: self.layer(x))
        thread.start()
        thread.join()
        return self.layer(x)

    trace, _ = observe(Net(forward, layer=nn.Linear(3, 3)), (torch.randn(2, 3),), name="net")
    assert paths(trace) == ["net", "net.layer"]
    assert trace.meta.completeness == "partial"
    assert "other threads" in trace.meta.notes[0]


def test_vmap_inside_the_forward() -> None:
    model = Net(lambda self, x: torch.vmap(self.layer)(x), layer=nn.Linear(3, 3))
    trace = run(model, torch.randn(4, 2, 3))
    inner = call(trace, "net.layer")
    assert inner.outputs[0].stats is None
    assert inner.outputs[0].note == "inside vmap or grad"
    assert call(trace, "net").outputs[0].shape == (4, 2, 3)


def test_autocast_is_neither_used_nor_changed() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.layer(x)
            assert torch.is_autocast_enabled("cpu")
            return self.layer(y)

    model, inputs = Net(forward, layer=nn.Linear(30, 30)), torch.randn(20, 30)
    record = call(run(model, inputs), "net").outputs[0]
    with torch.no_grad():
        expected = model(inputs)
    assert record.dtype == "bfloat16"
    assert_figures(record, expected)


def test_inference_mode() -> None:
    model = Net(lambda self, x: self.layer(x).relu_().view(-1), layer=nn.Linear(3, 3))
    inputs = torch.randn(2, 3)
    with torch.inference_mode():
        trace = run(model, inputs)
        assert_figures(call(trace, "net").outputs[0], model(inputs).clone())


def test_grad_mode_is_as_asked() -> None:
    from ganscope.probe.model import Conditions

    model = nn.Linear(3, 3)
    for grad in (False, True):
        trace, _ = observe(model, (torch.randn(2, 3),), conditions=Conditions(grad=grad))
        assert trace.steps[0].calls[0].outputs[0].requires_grad is grad
    assert torch.is_grad_enabled()


class Listing(TorchFunctionMode):
    """Keeps the names of what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def test_a_mode_around_sees_during_the_forward_what_the_forward_does_alone() -> None:
    mine, seen = Listing(), []

    def forward(self: Any, x: Tensor) -> Tensor:
        mine.names.clear()
        y = self.stack(x).view(-1)[::2]
        y += 1
        seen.append(list(mine.names))
        return y

    stack = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU(inplace=True))
    model, inputs = Net(forward, stack=stack), torch.randn(2, 3)
    with mine, torch.no_grad():
        model(inputs)
        observe(model, (inputs,), name="net")
    assert seen[0] == seen[1]
    assert "linear" in seen[0]


def test_the_stack_is_in_the_users_order_during_and_after() -> None:
    from torch.overrides import _get_current_function_mode_stack

    first, second, inside = Counting(), Counting(), Counting()
    stacks: list[list[Any]] = []

    def users() -> list[Any]:
        mine = (first, second, inside)
        return [mode for mode in _get_current_function_mode_stack() if mode in mine]

    def forward(self: Any, x: Tensor) -> Tensor:
        stacks.append(users())
        with inside:
            stacks.append(users())
            x = self.layer(x)
            stacks.append(users())
        stacks.append(users())
        return x

    with first, second:
        run(Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3))
        assert _get_current_function_mode_stack() == [first, second]
    assert stacks == [[first, second], [first, second, inside]] * 1 + [
        [first, second, inside],
        [first, second],
    ]
    assert _depth() == 0


@pytest.mark.parametrize("raising", [False, True])
def test_a_mode_entered_in_one_layer_and_left_in_another(raising: bool) -> None:
    mine = Counting()

    def enter(self: Any, x: Tensor) -> Tensor:
        mine.__enter__()
        return x + 1

    def leave(self: Any, x: Tensor) -> Tensor:
        mine.__exit__(None, None, None)
        if raising:
            raise ValueError("after leaving")
        return x * 2

    parts = {"enter": Net(enter, part=nn.ReLU()), "leave": Net(leave, part=nn.ReLU())}
    model = Net(lambda self, x: self.leave(self.enter(x)).relu(), **parts)
    trace, error = observe(model, (torch.ones(2, 3),), name="net")
    assert (error is not None) is raising
    assert _depth() == 0
    assert call(trace, "net.enter/add").outputs[0].stats.mean == 2.0
    assert raising or call(trace, "net.leave/mul").outputs[0].stats.mean == 4.0


def test_the_mode_is_out_of_the_way_inside_a_leaf_and_in_between_it_is_one() -> None:
    depths: dict[str, int] = {}

    class Leaf(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            depths["leaf"] = _depth()
            return x

    def forward(self: Any, x: Tensor) -> Tensor:
        depths["before"] = _depth()
        x = self.leaf(x)
        depths["after"] = _depth()
        return x

    run(Net(forward, leaf=Leaf()), torch.ones(2))
    assert depths == {"before": 1, "leaf": 0, "after": 1}
    assert _depth() == 0


@pytest.mark.parametrize("where", ["before", "inside"])
def test_a_default_device_stays_where_it_belongs(where: str) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        if where == "inside":
            torch.set_default_device("meta")
        x = self.layer(x)
        assert torch.empty(1).is_meta
        return x

    model, inputs = Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3)
    if where == "before":
        torch.set_default_device("meta")
    try:
        trace = run(model, inputs)
        assert call(trace, "net.layer").outputs[0].stats is not None
        assert torch.empty(1).is_meta
    finally:
        torch.set_default_device(None)
    assert torch.empty(1).device.type == "cpu"
    assert _depth() == 0


def test_device_context_left_on_by_an_exception_is_left_by_its_owner() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.device("meta"):
            self.layer(torch.empty(2, 5))
        return x

    _, error = observe(Net(forward, layer=nn.Linear(3, 3)), (torch.randn(2, 3),))
    assert error is not None
    assert torch.empty(1).device.type == "cpu"
    assert _depth() == 0


def test_operations_switched_off_by_the_user_are_not_recorded_and_harm_nothing() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            x = self.layer(x) + 1
        return x.relu()

    trace = run(Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3))
    assert paths(trace) == ["net", "net.layer", "net/relu"]


def test_put_in_goes_below_and_take_out_finds_it_anywhere() -> None:
    from torch.overrides import _get_current_function_mode_stack

    ours, one, two = Counting(), Counting(), Counting()
    with one:
        modes.put_in(ours)
        two.__enter__()
        assert _get_current_function_mode_stack() == [ours, one, two]
        assert modes.take_out(ours)
        assert not modes.take_out(ours)
        assert _get_current_function_mode_stack() == [one, two]
        two.__exit__(None, None, None)
    assert _depth() == 0


@pytest.mark.parametrize("kind", ["grad", "jacobian", "jvp", "functional call"])
def test_functorch_inside_the_forward_gives_the_same_bits(kind: str) -> None:
    kept: list[Tensor] = []

    def forward(self: Any, x: Tensor) -> Tensor:
        if kind == "grad":
            y = torch.func.grad(lambda v: self.layer(v).square().sum())(x)
        elif kind == "jacobian":
            y = torch.func.jacrev(self.layer)(x)
        elif kind == "jvp":
            y = torch.func.jvp(self.layer, (x,), (torch.ones_like(x),))[1]
        else:
            weights = {name: p * 2 for name, p in self.layer.named_parameters()}
            y = torch.func.functional_call(self.layer, weights, (x,))
        kept.append(y.detach().clone())
        return y

    model, inputs = Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 3)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch scripts its own formulas at the first jvp
        model(inputs)
    trace = run(model, inputs)
    assert torch.equal(kept[0], kept[1])
    layer = call(trace, "net.layer")
    assert layer.outputs[0].stats is not None or layer.outputs[0].note == "inside vmap or grad"
    assert call(trace, "net").outputs[0].stats is not None


def test_a_gradient_penalty_inside_the_forward() -> None:
    kept: list[Tensor] = []

    def forward(self: Any, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.critic(x).sum(), x)
        kept.append(gradient)
        return gradient.norm(dim=1)

    critic = nn.Sequential(nn.Linear(3, 3), nn.LeakyReLU(0.2, inplace=True), nn.Linear(3, 1))
    model, inputs = Net(forward, critic=critic), torch.randn(5, 3)
    model(inputs)
    trace = run(model, inputs)
    assert torch.equal(kept[0], kept[1])
    assert_figures(call(trace, "net").outputs[0], kept[1].norm(dim=1))
