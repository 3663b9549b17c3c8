"""What updates leave behind, against clones that the loop itself takes with plain PyTorch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.probe import buffers, gradients, intervals, optimizers, weights
from ganscope.traces import Optimizer, Trace, Update

Kind = Callable[[Any], torch.optim.Optimizer]


@dataclass
class Plain:
    """One update by clones: of every parameter of the optimizer, by its name."""

    line: int
    before: dict[str, Tensor]
    arrived: dict[str, Tensor] = field(default_factory=dict)
    used: dict[str, Tensor] = field(default_factory=dict)
    after: dict[str, Tensor] = field(default_factory=dict)


def clones(network: nn.Module) -> dict[str, Tensor]:
    return {f"net.{name}": each.detach().clone() for name, each in network.named_parameters()}


def arrived(network: nn.Module, scale: float = 1.0) -> dict[str, Tensor]:
    return {
        f"net.{name}": each.grad.detach().double() / scale
        for name, each in network.named_parameters()
        if each.grad is not None
    }


def loss_of(net: nn.Module) -> Tensor:
    return torch.nn.functional.softplus(net(torch.randn(6, 3))).mean()


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))


def groups(net: nn.Sequential) -> list[dict[str, Any]]:
    return [
        {"params": net[0].parameters(), "lr": 0.1, "weight_decay": 0.5},
        {"params": net[2].parameters()},
        {"params": net[4].parameters(), "lr": 0.3},
    ]


ADAM = {"betas": ((0.5, 0.9),), "weight_decay": (0.0,)}
KINDS: dict[str, tuple[Kind, dict[str, Any]]] = {
    "Adam": (lambda net: torch.optim.Adam(net.parameters(), 0.1, betas=(0.5, 0.9)), ADAM),
    "AdamW": (
        lambda net: torch.optim.AdamW(net.parameters(), 0.1),
        {"betas": ((0.9, 0.999),), "weight_decay": (0.01,)},
    ),
    "SGD with momentum": (
        lambda net: torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=0.25),
        {"momentum": (0.9,), "weight_decay": (0.25,)},
    ),
    "RMSprop": (
        lambda net: torch.optim.RMSprop(net.parameters(), 0.1),
        {"momentum": (0.0,), "weight_decay": (0.0,)},
    ),
    "LBFGS": (lambda net: torch.optim.LBFGS(net.parameters(), 0.1, max_iter=3), {}),
    "groups": (
        lambda net: torch.optim.Adam(groups(net), 0.2, betas=(0.5, 0.9)),
        {
            "betas": ((0.5, 0.9),) * 3,
            "weight_decay": (0.5, 0.0, 0.0),
            "learning_rates": (0.1, 0.2, 0.3),
        },
    ),
    "foreach": (
        lambda net: torch.optim.Adam(net.parameters(), 0.1, betas=(0.5, 0.9), foreach=True),
        ADAM,
    ),
    "one by one": (
        lambda net: torch.optim.Adam(net.parameters(), 0.1, betas=(0.5, 0.9), foreach=False),
        ADAM,
    ),
    "fused": (
        lambda net: torch.optim.Adam(net.parameters(), 0.1, betas=(0.5, 0.9), fused=True),
        ADAM,
    ),
    "a rate in a tensor": (
        lambda net: torch.optim.Adam(net.parameters(), torch.tensor(0.5), betas=(0.5, 0.9)),
        {**ADAM, "learning_rates": (0.5,)},
    ),
}
NAMES = tuple(f"net.{layer}.{kind}" for layer in (0, 2, 4) for kind in ("weight", "bias"))


def recorded_with(kind: Kind, steps: int = 3) -> tuple[Trace, list[Plain]]:
    net = network()
    opt = kind(net)
    plain: list[Plain] = []

    def closure() -> Tensor:
        opt.zero_grad()
        loss = loss_of(net)
        loss.backward()
        return loss

    with ganscope.record() as recording:
        for _ in range(steps):
            plain.append(Plain(0, clones(net)))
            if isinstance(opt, torch.optim.LBFGS):
                opt.step(closure)
            else:
                closure()
                plain[-1].used = arrived(net)
                opt.step()
            plain[-1].after = clones(net)
    return recording.trace, plain


@pytest.mark.parametrize("name", KINDS)
def test_an_optimizer_tells_its_settings_and_all_that_it_holds(name: str) -> None:
    kind, expected = KINDS[name]
    trace, _ = recorded_with(kind)
    facts = {"betas": (), "momentum": (), "weight_decay": (), "learning_rates": (0.1,)} | expected
    for step in trace.steps:
        (optimizer,) = step.updates[0].optimizers
        assert optimizer.steps is None
        assert optimizer.holds == NAMES
        assert {each: getattr(optimizer, each) for each in facts} == facts
    (known,) = trace.optimizers
    assert (known.name, known.steps, known.holds) == (optimizer.name, 3, NAMES)
    assert Trace.from_dict(trace.to_dict()).optimizers == trace.optimizers


@pytest.mark.parametrize("name", KINDS)
def test_the_extremes_of_weights_are_those_of_clones(name: str) -> None:
    trace, plain = recorded_with(KINDS[name][0])
    for step, clone in zip(trace.steps, plain, strict=True):
        parameters = step.updates[0].parameters
        assert tuple(each.name for each in parameters) == NAMES
        for each in parameters:
            before, after = clone.before[each.name], clone.after[each.name]
            assert each.dtype == "float32"
            assert each.weight_min == (float(before.min()), float(after.min()))
            assert each.weight_max == (float(before.max()), float(after.max()))
            assert each.clipped_from is None
        assert step.updates[0].changed_outside == ()


def test_extremes_of_other_types_and_sizes() -> None:
    net = nn.Sequential(nn.Linear(400, 400), nn.Linear(400, 3)).double()
    net[1].half()
    broken = nn.Linear(2, 2)
    broken.weight.data[0, 0] = torch.nan
    opt = torch.optim.SGD([*net.parameters(), *broken.parameters()], 0.1)
    with ganscope.record() as recording:
        loss = net[0](torch.randn(5, 400).double()).mean() + broken(torch.randn(5, 2)).mean()
        (loss + net[1](torch.randn(5, 400).half()).mean()).backward()
        before = [each.detach().clone() for each in opt.param_groups[0]["params"]]
        opt.step()
    after = [each.detach() for each in opt.param_groups[0]["params"]]
    found = recording.trace.steps[0].updates[0].parameters
    assert [each.dtype for each in found] == ["float64"] * 2 + ["float16"] * 2 + ["float32"] * 2
    for each, old, new in zip(found[:4], before, after, strict=False):
        assert each.weight_min == (float(old.min()), float(new.min()))
        assert each.weight_max == (float(old.max()), float(new.max()))
    assert (found[4].weight_min, found[4].weight_max) == (None, None)


# -- gradients that something changed ----------------------------------------------------------


def _halved(net: nn.Module) -> None:
    for each in net.parameters():
        each.grad = each.grad * 0.5  # type: ignore[operator]


def _data(net: nn.Module) -> None:
    for each in net.parameters():
        each.grad.data.mul_(0.25)  # type: ignore[union-attr]


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "nothing": lambda net: None,
    "clip_grad_norm_": lambda net: nn.utils.clip_grad_norm_(net.parameters(), 0.01),
    "clip_grad_norm_ of small ones": lambda net: nn.utils.clip_grad_norm_(net.parameters(), 1e3),
    "clip_grad_value_": lambda net: nn.utils.clip_grad_value_(net.parameters(), 0.005),
    "other gradients": _halved,
    "no version tells": _data,
}


@pytest.mark.parametrize("backwards", [1, 2])
@pytest.mark.parametrize("name", CHANGES)
def test_a_gradient_that_was_clipped_tells_from_what(name: str, backwards: int) -> None:
    net = network()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    plain: list[Plain] = []
    with ganscope.record() as recording:
        for _ in range(3):
            opt.zero_grad()
            for _ in range(backwards):
                loss_of(net).backward()
            plain.append(Plain(0, {}, arrived(net)))
            CHANGES[name](net)
            plain[-1].used = arrived(net)
            opt.step()
    clipped = 0
    for step, clone in zip(recording.trace.steps, plain, strict=True):
        for each in step.updates[0].parameters:
            came, used = (float(one[each.name].norm()) for one in (clone.arrived, clone.used))
            if torch.equal(clone.arrived[each.name], clone.used[each.name]):
                assert each.clipped_from is None
            else:
                assert each.clipped_from == pytest.approx(came, rel=1e-5)
                clipped += 1
            assert each.gradient is not None
            assert each.gradient.norm == pytest.approx(used, rel=1e-5)
    assert bool(clipped) == (name not in ("nothing", "clip_grad_norm_ of small ones"))


@pytest.mark.parametrize("clips", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_under_a_scaler_only_clipping_counts(clips: bool, fused: bool) -> None:
    net = network()
    opt = torch.optim.Adam(net.parameters(), 0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    norms: list[dict[str, Tensor]] = []
    with ganscope.record() as recording:
        for _ in range(2):
            opt.zero_grad()
            scaler.scale(loss_of(net)).backward()
            norms.append(arrived(net, scaler.get_scale()))
            if clips:
                scaler.unscale_(opt)
                nn.utils.clip_grad_norm_(net.parameters(), 0.01)
            scaler.step(opt)
            scaler.update()
    for step, came in zip(recording.trace.steps, norms, strict=True):
        assert step.updates[0].gradient_scale == 1024.0
        for each in step.updates[0].parameters:
            expected = pytest.approx(float(came[each.name].norm()), rel=1e-5) if clips else None
            assert each.clipped_from == expected


def test_what_an_earlier_update_used_is_not_what_this_one_was_clipped_from() -> None:
    net = network()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record() as recording:
        for _ in range(2):
            opt.zero_grad()
            loss_of(net).backward()
            opt.step()
            net(torch.zeros(1, 3))
            given = torch.autograd.grad(loss_of(net), [*net.parameters()])
            for each, gradient in zip(net.parameters(), given, strict=True):
                each.grad = gradient
            opt.step()
    updates = [update for step in recording.trace.steps for update in step.updates]
    assert len(updates) == 4
    assert {each.clipped_from for update in updates for each in update.parameters} == {None}


def test_infinite_gradients_that_were_replaced() -> None:
    net = nn.Linear(2, 1)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record() as recording:
        (net(torch.ones(1, 2)) * torch.inf).sum().backward()
        for each in net.parameters():
            each.grad.nan_to_num_(1.0, 1.0, 1.0)  # type: ignore[union-attr]
        opt.step()
    found = recording.trace.steps[0].updates[0].parameters
    assert [each.clipped_from for each in found] == [torch.inf] * 2


# -- weights and buffers that change -------------------------------------------------------------


def _clamped(net: nn.Module, old: dict[str, Tensor]) -> None:
    for each in net.parameters():
        each.data.clamp_(-0.05, 0.05)


def _one_value(net: nn.Module, old: dict[str, Tensor]) -> None:
    net[2].weight.data[3, 5] = 7.0  # type: ignore[index]


def _middling(net: nn.Module, old: dict[str, Tensor]) -> None:
    net[2].weight.data.view(-1)[61] *= 0.5  # type: ignore[index]


def _copied(net: nn.Module, old: dict[str, Tensor]) -> None:
    net.load_state_dict({name.removeprefix("net."): each for name, each in old.items()})


OUTSIDE: dict[str, Callable[[nn.Module, dict[str, Tensor]], object]] = {
    "nothing": lambda net, old: None,
    "clamp_ through .data": _clamped,
    "one value": _one_value,
    "one value of no extreme": _middling,
    "an earlier state": _copied,
}


@pytest.mark.parametrize("width", [8, 200])
@pytest.mark.parametrize("name", OUTSIDE)
def test_weights_that_something_else_changed(name: str, width: int) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, width), nn.Tanh(), nn.Linear(width, width), nn.Linear(width, 1)
    )
    opt = torch.optim.SGD(net.parameters(), 0.5)
    start = clones(net)
    expected: list[set[str]] = []
    with ganscope.record() as recording:
        left = start
        for _ in range(3):
            opt.zero_grad()
            loss_of(net).backward()
            now = clones(net)
            expected.append({each for each in now if not torch.equal(now[each], left[each])})
            opt.step()
            left = clones(net)
            OUTSIDE[name](net, start)
    found = [set(step.updates[0].changed_outside) for step in recording.trace.steps]
    assert found == expected
    assert found[0] == set()
    assert bool(found[1]) == (name != "nothing")


def test_averages_are_no_changes_of_what_is_trained() -> None:
    net = network()
    average = copy.deepcopy(net)
    opt = torch.optim.SGD(net.parameters(), 0.5)
    with ganscope.record() as recording:
        for _ in range(3):
            opt.zero_grad()
            (loss_of(net) + average(torch.zeros(2, 3)).mean().detach()).backward()
            opt.step()
            for kept, each in zip(average.parameters(), net.parameters(), strict=True):
                kept.data.lerp_(each.data, 0.1)
    assert [step.updates[0].changed_outside for step in recording.trace.steps] == [()] * 3
    assert any("average of net" in note for note in recording.trace.meta.notes)


class Odd(nn.Module):
    """Buffers as people have them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 8)
        self.register_buffer("assigned", torch.ones(3))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("mask", torch.full((4, 4), -torch.inf))
        self.register_buffer("unknown", torch.full((2,), torch.nan))
        self.register_buffer("large", torch.zeros(300, 300))
        self.register_buffer("large_mask", torch.ones(300, 300, dtype=torch.bool))
        self.register_buffer("nothing", None)
        self.register_buffer("halved", torch.ones(2, dtype=torch.float16))

    def forward(self, x: Tensor) -> Tensor:
        self.assigned = self.assigned * 0.5 + x.detach().mean(0)
        self.count += 2
        self.large[::2] += 1.0
        self.halved.mul_(0.5)
        return self.layer(x)


BUFFERED: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm": lambda: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8)),
    "BatchNorm without averages": lambda: nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8, track_running_stats=False)
    ),
    "InstanceNorm": lambda: nn.Sequential(
        nn.Linear(3, 8), nn.Unflatten(1, (2, 4)), nn.InstanceNorm1d(2, track_running_stats=True)
    ),
    "SpectralNorm": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 8)),
    "the older SpectralNorm": lambda: nn.utils.spectral_norm(nn.Linear(3, 8)),
    "odd ones": Odd,
}


def buffers_of(net: nn.Module) -> dict[str, Tensor]:
    return {f"net.{name}": each.detach().clone() for name, each in net.named_buffers()}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", BUFFERED)
def test_buffers_that_an_update_changed(name: str, every: int) -> None:
    torch.manual_seed(0)
    net = BUFFERED[name]()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    states = [buffers_of(net)]
    with ganscope.record(every=every) as recording:
        for _ in range(9):
            opt.zero_grad()
            loss_of(net).backward()
            opt.step()
            states.append(buffers_of(net))
    changed = set()
    for step in recording.trace.steps:
        before, after = states[step.index], states[step.index + 1]
        expected = {
            key: (float(before[key].double().norm()), float((now - before[key].double()).norm()))
            for key, now in after.items()
            if not torch.equal(now.nan_to_num(), before[key].nan_to_num())
        }
        found = {each.name: each for each in step.updates[0].buffers}
        assert found.keys() == expected.keys()
        for key, (norm, change) in expected.items():
            if key == "net.large":
                assert (found[key].norm_before, found[key].change_norm) == (None, None)
            else:
                assert found[key].norm_before == pytest.approx(norm, rel=1e-9)
                assert found[key].change_norm == pytest.approx(change, rel=1e-9)
        changed |= found.keys()
    assert len(recording.trace.steps) == 9 // every
    assert bool(changed) == (name != "BatchNorm without averages")
    if name == "odd ones":
        assert changed == {f"net.{each}" for each in ("assigned", "count", "large", "halved")}


# -- runs of the engine ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda loss, net: loss.backward(), (False, False)),
        (lambda loss, net: loss.backward(retain_graph=True), (True, False)),
        (lambda loss, net: loss.backward(create_graph=True), (True, True)),
        (lambda loss, net: loss.backward(retain_graph=False, create_graph=True), (False, True)),
        (lambda loss, net: torch.autograd.backward(loss, retain_graph=True), (True, False)),
        (
            lambda loss, net: (
                torch.autograd.grad(loss, [*net.parameters()], create_graph=True), loss.backward()
            ),
            (True, True),
        ),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_backward_tells_where_and_how_it_ran(run: Any, expected: tuple[bool, bool]) -> None:
    net = network()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record() as recording:
        run(loss_of(net), net)
        opt.step()
    first = recording.trace.steps[0].updates[0].backwards[0]
    assert (first.retain_graph, first.create_graph) == expected
    assert first.site is not None
    assert (first.site.file, first.site.line) == (__file__, inspect.getsourcelines(run)[1]) or (
        "grad(" in first.site.code
    )


# -- optimizers that are known -------------------------------------------------------------------


class Own(torch.optim.SGD):
    def __init__(self, parameters: Any, rate: float) -> None:
        super().__init__(parameters, rate, momentum=0.5)


class Around(torch.optim.Optimizer):
    """Steps another one inside its own step."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        super().__init__([{"params": group["params"]} for group in inner.param_groups], {"lr": 1.0})
        self.inner = inner

    def step(self, closure: Any = None) -> None:
        self.inner.step()


def _turn(net: nn.Module, opt: torch.optim.Optimizer, *others: torch.optim.Optimizer) -> None:
    for each in (opt, *others):
        each.zero_grad()
    loss_of(net).backward()
    opt.step()


def _made_inside(net: nn.Module, opt: torch.optim.Optimizer) -> object:
    idle = torch.optim.AdamW(net[2].parameters(), 0.5)  # type: ignore[index]
    _turn(net, opt)
    return idle


def _gone(net: nn.Module, opt: torch.optim.Optimizer) -> None:
    def train() -> None:
        idle = torch.optim.AdamW(net[2].parameters(), 0.5)  # type: ignore[index]
        _turn(net, opt)
        del idle

    train()
    _turn(net, opt)


def _own_class(net: nn.Module, opt: torch.optim.Optimizer) -> object:
    mine = Own(net[2].parameters(), 0.5)  # type: ignore[index]
    _turn(net, opt)
    return mine


def _attribute(net: nn.Module, opt: torch.optim.Optimizer) -> object:
    class Trainer:
        def __init__(self) -> None:
            self.opt_g = torch.optim.AdamW(net[2].parameters(), 0.5)  # type: ignore[index]

    trainer = Trainer()
    _turn(net, opt)
    return trainer


def _copied_optimizer(net: nn.Module, opt: torch.optim.Optimizer) -> object:
    other = copy.deepcopy(opt)
    _turn(net, opt)
    return other


def _remade(net: nn.Module, opt: torch.optim.Optimizer) -> None:
    for _ in range(4):
        idle = torch.optim.AdamW(net[2].parameters(), 0.5)  # type: ignore[index]
        _turn(net, opt)
        del idle


def _many(net: nn.Module, opt: torch.optim.Optimizer) -> object:
    idle = [torch.optim.AdamW(part.parameters(), 0.5) for part in net[::2]]  # type: ignore[index]
    _turn(net, opt)
    return idle


def _later(net: nn.Module, opt: torch.optim.Optimizer) -> object:
    late = torch.optim.AdamW(net[2].parameters(), 0.5)  # type: ignore[index]
    for _ in range(3):
        _turn(net, opt)
    _turn(net, late)
    return late


HELD = ("net.2.weight", "net.2.bias")
KNOWN: dict[str, tuple[Callable[..., object], dict[str, tuple[int, tuple[str, ...]]]]] = {
    "made inside": (_made_inside, {"opt": (1, NAMES), "idle": (0, HELD)}),
    "gone before the end": (_gone, {"opt": (2, NAMES), "idle": (0, HELD)}),
    "a class of one's own": (_own_class, {"opt": (1, NAMES), "mine": (0, HELD)}),
    "an attribute": (_attribute, {"opt": (1, NAMES), "opt_g": (0, HELD)}),
    "made anew in every turn": (_remade, {"opt": (4, NAMES), "idle": (0, HELD)}),
    "many at one place": (
        _many,
        {
            "opt": (1, NAMES),
            "idle": (0, NAMES[:2]),
            "idle_2": (0, HELD),
            "idle_3": (0, NAMES[4:]),
        },
    ),
    "one that steps only later": (_later, {"opt": (3, NAMES), "late": (1, HELD)}),
}


def steps_of(trace: Trace) -> dict[str, tuple[int | None, tuple[str, ...]]]:
    return {each.name: (each.steps, each.holds) for each in trace.optimizers}


@pytest.mark.parametrize("name", KNOWN)
def test_every_optimizer_is_known(name: str) -> None:
    make, expected = KNOWN[name]
    net = network()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record() as recording:
        kept = make(net, opt)
    del kept
    assert steps_of(recording.trace) == expected


def test_one_that_was_made_before_is_known_by_its_zero_grad() -> None:
    net, other = network(), nn.Linear(2, 2)
    opt, silent, idle = (torch.optim.SGD(net.parameters(), 0.1, momentum=m) for m in (0, 0.1, 0.2))
    foreign = torch.optim.SGD(other.parameters(), 0.5)
    with ganscope.record() as recording:
        for _ in range(2):
            idle.zero_grad()
            foreign.zero_grad()
            _turn(net, opt)
    assert steps_of(recording.trace) == {
        "opt": (2, NAMES),
        "idle": (0, NAMES),
        "foreign": (0, ("foreign.0", "foreign.1")),
    }
    assert recording.trace.optimizers[1].momentum == (0.2,)
    del silent


def test_steps_between_recorded_ones_count() -> None:
    net = network()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record(every=5) as recording:
        for _ in range(8):
            _turn(net, opt)
    assert steps_of(recording.trace) == {"opt": (8, NAMES)}


def test_one_inside_another_is_left_out() -> None:
    net = network()
    inner = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record() as recording:
        outer = Around(inner)
        for _ in range(2):
            _turn(net, outer, inner)
    assert steps_of(recording.trace) == {"outer": (2, NAMES)}


def test_optimizers_are_not_kept_alive() -> None:
    import weakref

    net = network()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    with ganscope.record():
        idle = torch.optim.AdamW(net.parameters(), 0.5)
        _turn(net, opt, idle)
        gone = weakref.ref(idle)
        del idle
        assert gone() is None


# -- patches ------------------------------------------------------------------------------------


PATCHED = ("_patch_step_function", "zero_grad")


def test_what_is_patched_is_what_it_was_and_is_put_back() -> None:
    import pickle

    cls = torch.optim.Optimizer
    before = [vars(cls)[name] for name in PATCHED]
    signatures = [inspect.signature(each) for each in before]
    net = network()
    with ganscope.record(every=3):
        for name, original, signature in zip(PATCHED, before, signatures, strict=True):
            ours = vars(cls)[name]
            assert ours is not original
            assert inspect.signature(ours) == signature
            assert (ours.__qualname__, ours.__doc__) == (original.__qualname__, original.__doc__)
            assert pickle.loads(pickle.dumps(ours)) is ours
        opt = Own(net.parameters(), 0.1)
        again = pickle.loads(pickle.dumps(opt))
        assert type(again) is Own
        assert again.param_groups[0]["momentum"] == 0.5
        for _ in range(2):
            assert opt.zero_grad(set_to_none=False) is None
            _turn(net, opt)
    assert [vars(cls)[name] for name in PATCHED] == before


def test_a_patch_over_ours_stays_and_ours_falls_silent() -> None:
    cls = torch.optim.Optimizer
    original = cls.zero_grad
    try:
        with ganscope.record():
            ours = cls.zero_grad

            def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
                return ours(self, *args, **kwargs)

            cls.zero_grad = theirs  # type: ignore[method-assign,assignment]
        assert cls.zero_grad is theirs
        net = network()
        opt = torch.optim.SGD(net.parameters(), 0.1)
        loss_of(net).backward()
        opt.zero_grad()
        assert net[0].weight.grad is None
    finally:
        cls.zero_grad = original  # type: ignore[method-assign]


def _warned(make: Callable[[], object]) -> list[tuple[str, str, int]]:
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return [(str(each.message), each.filename, each.lineno) for each in caught]


def test_faults_and_warnings_of_construction_are_those_of_torch() -> None:
    net = nn.Linear(2, 2)

    def twice() -> None:
        torch.optim.SGD([net.weight, net.weight], 0.1)

    def message() -> str:
        with pytest.raises(ValueError, match="empty parameter list") as caught:
            torch.optim.SGD([], 0.1)
        return str(caught.value)

    bare = _warned(twice), message()
    with ganscope.record() as recording:
        assert (_warned(twice), message()) == bare
    assert len(bare[0]) == 1
    assert steps_of(recording.trace) == {}


# -- faults of ours -----------------------------------------------------------------------------


def _raise(*_: Any, **__: Any) -> Any:
    raise RuntimeError("made to fail")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (buffers.BufferLog, "look"),
        (buffers.BufferLog, "add"),
        (optimizers.OptimizerLog, "made"),
        (optimizers.OptimizerLog, "cleared"),
        (optimizers.OptimizerLog, "stepped"),
        (optimizers.OptimizerLog, "take"),
        (gradients.weights, "norm_of"),
        (weights, "keep"),
    ],
)
def test_a_fault_of_ours_costs_a_note_and_no_bit(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train() -> list[Tensor]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        opt = torch.optim.Adam(net.parameters(), 0.1)
        for _ in range(3):
            _turn(net, opt)
        return [*net.state_dict().values(), torch.get_rng_state()]

    bare = train()
    monkeypatch.setattr(owner, name, _raise)
    with pytest.warns(RuntimeWarning, match="made to fail"), ganscope.record() as recording:
        observed = train()
    assert all(map(torch.equal, bare, observed))
    assert any("made to fail" in note for note in recording.trace.meta.notes)


# -- several optimizers of one update ------------------------------------------------------------


def two(trace: Trace) -> Iterator[Update]:
    return (update for step in trace.steps for update in step.updates)


def test_two_optimizers_of_one_update_tell_theirs_each() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    first = torch.optim.SGD(net[0].parameters(), 0.1, momentum=0.5)
    second = torch.optim.Adam([*net[1].parameters(), *net[2].parameters()], 0.1)
    with ganscope.record() as recording:
        for _ in range(3):
            loss_of(net).backward()
            first.step()
            second.step()
            first.zero_grad()
            second.zero_grad()
            with torch.no_grad():
                net[0].bias.add_(1.0)
                net[2].bias.add_(1.0)
    updates = [*two(recording.trace)]
    assert len(updates) == 3
    for place, update in enumerate(updates):
        holds: list[Optimizer] = [*update.optimizers]
        assert [each.holds for each in holds] == [
            ("net.0.weight", "net.0.bias"),
            ("net.1.weight", "net.1.bias", "net.2.weight", "net.2.bias"),
        ]
        assert sorted(each.name for each in update.buffers) == [
            "net.1.num_batches_tracked", "net.1.running_mean", "net.1.running_var"
        ]  # fmt: skip
        assert update.changed_outside == (("net.0.bias", "net.2.bias") if place else ())


ODD_VALUES: dict[str, tuple[Tensor, Tensor]] = {
    "moved": (torch.tensor([1.0, 2.0, 2.0]), torch.tensor([1.0, 5.0, 6.0])),
    "the same": (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])),
    "infinite and NaN as before": (
        torch.tensor([torch.inf, -torch.inf, torch.nan, 3.0]),
        torch.tensor([torch.inf, -torch.inf, torch.nan, 7.0]),
    ),
    "NaN now": (torch.tensor([3.0, 4.0]), torch.tensor([3.0, torch.nan])),
    "NaN before": (torch.tensor([torch.nan, 4.0]), torch.tensor([3.0, 4.0])),
}


def test_what_a_device_queues_is_what_the_cpu_measures() -> None:
    both = {name: [each.double() for each in pair] for name, pair in ODD_VALUES.items()}
    drafts = [[buffers.BufferDraft(name) for name in both] for _ in range(2)]
    before, now = (torch.cat(parts) for parts in zip(*both.values(), strict=True))
    sizes = [len(pair[0]) for pair in both.values()]
    measured = buffers._measure(drafts[0], sizes, now, before)
    here = {each.name: each.finish() for each in measured}
    queued = buffers._queue(drafts[1], sizes, now, before)
    intervals.fetch(queued, ("norm_before", "change_norm"))
    assert {each.name: each.finish() for each in queued if each.has_changed} == here
    found = {name: (each.norm_before, each.change_norm) for name, each in here.items()}
    assert found == {
        "moved": (3.0, 5.0),
        "infinite and NaN as before": (None, 4.0),
        "NaN now": (5.0, None),
        "NaN before": (None, None),
    }


def test_what_changed_between_recorded_steps_is_no_part_of_the_next() -> None:
    gen = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    critic = nn.Linear(4, 1)
    optimizers = [torch.optim.SGD(each.parameters(), 0.1) for each in (critic, gen)]
    opt_c, opt_g = optimizers
    with ganscope.record(every=3) as recording:
        for _ in range(9):
            critic(gen(torch.randn(6, 3)).detach()).mean().backward()
            opt_c.step()
            opt_c.zero_grad()
            critic(gen(torch.randn(6, 3))).mean().backward()
            opt_g.step()
            opt_g.zero_grad()
            for each in critic.parameters():
                each.data.clamp_(-0.1, 0.1)
    assert [step.index for step in recording.trace.steps] == [0, 3, 6]
    for update in two(recording.trace):
        counts = {each.name: each.change_norm for each in update.buffers}
        assert counts["gen.1.num_batches_tracked"] == 1.0
        assert update.changed_outside == ()
