"""What networks, optimizers and parameters are called where they are met in an unusual order."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import Update
from tests.probe.recorder.loops import make_critic, make_generator
from tests.probe.recorder.test_control import optimizers_of


def test_with_closures_the_first_step_is_named_as_the_others() -> None:
    generator, critic = make_generator(), make_critic()
    opt_c = torch.optim.SGD(critic.parameters(), lr=0.1)
    opt_g = torch.optim.SGD(generator.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(3):
            for optimizer, sign in ((opt_c, 1), (opt_g, -1)):

                def closure(optimizer: Any = optimizer, sign: int = sign) -> Tensor:
                    optimizer.zero_grad()
                    loss = sign * critic(generator(torch.randn(5, 6))).mean()
                    loss.backward()
                    return loss

                optimizer.step(closure)
    names = [
        [[each.name for each in update.parameters] for update in step.updates]
        for step in recording.trace.steps
    ]
    expected = [
        [f"{owner}.{name}" for name, _ in network.named_parameters()]
        for owner, network in (("critic", critic), ("generator", generator))
    ]
    assert names == [expected] * 3


def test_a_network_has_its_name_even_if_its_optimizer_was_met_first() -> None:
    class Models:
        G, D = make_generator(), make_critic()

    optimizers = {
        "D": torch.optim.LBFGS(Models.D.parameters(), max_iter=2),
        "G": torch.optim.SGD(Models.G.parameters(), lr=0.1),
    }

    def closure() -> Tensor:
        optimizers["D"].zero_grad()
        loss = Models.D(Models.G(torch.randn(5, 6)).detach()).square().mean()
        loss.backward()
        return loss

    with ganscope.record() as recording:
        for _ in range(3):
            optimizers["D"].step(closure)
            optimizers["G"].zero_grad()
            Models.D(Models.G(torch.randn(5, 6))).mean().backward()
            optimizers["G"].step()
    trace = recording.trace
    assert [network.name for network in trace.networks] == ["G", "D"]
    assert optimizers_of(trace) == [["optimizers_D", "optimizers_G"]] * 3
    owners = {each.optimizer for step in trace.steps for each in step.updates[0].parameters}
    assert owners == {"optimizers_D"}


def shout(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(forward)
    def shouting(*args: Any) -> Tensor:
        return forward(*args)

    return shouting


def _decorated(decorators: list[Any]) -> nn.Module:
    class Decorated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 8)

        def forward(self, z: Tensor) -> Tensor:
            result: Tensor = self.second(torch.relu(self.first(z)))
            return result

    for decorator in decorators:
        Decorated.forward = decorator(Decorated.forward)  # type: ignore[method-assign]
    return Decorated()


@pytest.mark.parametrize(
    "decorators",
    [[torch.autocast("cpu", enabled=False)], [torch.enable_grad()], [torch.enable_grad(), shout]],
)
def test_a_decorated_forward_that_is_called_directly_is_one_network(decorators: list[Any]) -> None:
    class Models:
        G, D = _decorated(decorators), make_critic()

    opt_d = torch.optim.SGD(Models.D.parameters(), lr=0.1)
    opt_g = torch.optim.SGD(Models.G.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(3):
            opt_d.zero_grad()
            fake = Models.G.forward(torch.randn(5, 6))
            (Models.D(fake.detach()) - Models.D(torch.randn(5, 8))).mean().backward()
            opt_d.step()
            opt_g.zero_grad()
            (-Models.D(fake)).mean().backward()
            opt_g.step()
    networks = {network.name: network.role for network in recording.trace.networks}
    assert networks == {"G": "generator", "D": "discriminator"}


def test_the_text_of_a_call_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    critic, read = make_critic(), []
    opt = torch.optim.SGD(critic.parameters(), lr=0.1)
    unparse = ast.unparse

    def counted(node: ast.AST) -> str:
        read.append(node)
        return unparse(node)

    def turn() -> None:
        opt.zero_grad()
        score = critic(torch.randn(5, 8))
        loss = torch.relu(1 - score).mean() + score.var()
        loss.backward()
        opt.step()

    with ganscope.record() as recording:
        turn()
        monkeypatch.setattr(ast, "unparse", counted)
        for _ in range(3):
            turn()
    assert read == []
    parts = [
        [part.name for loss in update.losses for part in loss.parts]
        for step in recording.trace.steps
        for update in step.updates
    ]
    assert parts == [["relu(1 - score).mean()", "score.var()"]] * 4


_LOOP = """
import torch
from torch import nn

class Trainer:
{helper}
    def train(self, D, G, opt_d, opt_g):
        x, fake = torch.randn(5, 8), G(torch.randn(5, 6))
        loss_D = (D(fake.detach()) - D(x)).mean()
        opt_d.zero_grad()
        self.back(loss_D)
        opt_d.step()
        opt_g.zero_grad()
        self.back(-D(fake).mean())
        opt_g.step()
"""
_HELPERS = {
    "plain": "def back(self, loss, **kw): loss.backward(**kw)",
    "engine": "def back(self, loss): torch.autograd.backward([loss])",
    "nested": """def back(self, loss):
        loss = loss.mean()
        self.inner(again=True, loss=loss)

    def inner(self, loss, again): loss.backward(retain_graph=again)""",
    "framework": """def back(self, loss, *args):
        loss = self.hook(loss, *args)
        loss.backward()

    def hook(self, loss): return loss""",
    "shared": """def back(self, loss):
        loss = loss / 4
        loss.backward()""",
}


def _updates_of(source: str, tmp_path: Path) -> tuple[Update, ...]:
    """The updates of one turn of ``Trainer().train(D, G, opt_d, opt_g)`` in a file of its own."""
    file = tmp_path / "loop.py"
    file.write_text(source, encoding="utf-8")
    scope: dict[str, Any] = {}
    exec(compile(source, file, "exec"), scope)
    G, D = make_generator(), make_critic()
    opt_d = torch.optim.SGD(D.parameters(), lr=0.1)
    opt_g = torch.optim.SGD(G.parameters(), lr=0.1)
    with ganscope.record() as recording:
        scope["Trainer"]().train(D, G, opt_d, opt_g)
    return recording.trace.steps[0].updates


@pytest.mark.parametrize("own", ["self", "this"])
@pytest.mark.parametrize("helper", _HELPERS)
def test_a_loss_is_called_what_is_passed_to_a_helper(helper: str, own: str, tmp_path: Path) -> None:
    source = _LOOP.format(helper=f"    {_HELPERS[helper]}\n").replace("self", own)
    updates = _updates_of(source, tmp_path)
    names = [loss.name for update in updates for loss in update.losses]
    # What a helper makes of its parameter is no longer what was passed.
    expected = ["loss"] * 2 if helper == "shared" else ["loss_D", "-D(fake).mean()"]
    assert names == expected


_PARTS = """
import torch
import torch.nn.functional as F
from torch import nn

mse = nn.MSELoss()

class Criterion(nn.Module):
    def __call__(self, score, target):
        loss = mse(score, torch.full_like(score, target))
        return loss

def adv(x, t): return F.mse_loss(x, torch.full_like(x, t))

def several(x, t):
    first = adv(x, t); second = adv(x, 2 * t)
    return {{"a": first, "b": second}}

class Trainer:
    def penalty(self, x): return 4 * x.square().mean()

    def train(self, D, G, opt_d, opt_g):
        criterion = Criterion()
        x, fake = torch.randn(5, 8), G(torch.randn(5, 6)).detach()
        real, false = D(x), D(fake)
{lines}
        opt_d.zero_grad()
        loss_D.backward()
        opt_d.step()
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "loss_D_real = adv(real, 1.0)\nself.loss_fake = adv(false, 0.0)\n"
            "gp = self.penalty(real)\nloss_D = loss_D_real + self.loss_fake + 10 * gp",
            ["loss_D_real", "loss_fake", "gp"],
        ),
        (
            "loss_D_real = criterion(real, 1.0); loss_D_fake = criterion(false, 0.0)\n"
            "loss_D = (loss_D_real + loss_D_fake) * 0.5",
            ["loss_D_real", "loss_D_fake"],
        ),
        (
            "out = several(real, 1.0)\nloss_D = out['b'] + false.mean()",
            ["second", "false.mean()"],  # `out` holds another one too
        ),
        (
            "both = several(real, 1.0).values()\nloss_D = sum(both)",
            ["first", "second"],
        ),
        (
            "out = {'real': adv(real, 1.0), 'fake': false.mean()}\n"
            "loss_D = out['real'] + out['fake']",
            ["real", "fake"],
        ),
        (
            "out = dict(real=adv(real, 1.0), gp=self.penalty(real))\n"
            "loss_D = out['real'] + 10 * out['gp']",
            ["real", "gp"],
        ),
        (
            "loss_D = adv(real, 1.0) + criterion(false, 0.0)",
            ["mse_loss(x, full_like(x, t))", "loss"],
        ),
    ],
)
def test_a_part_is_called_as_where_the_loss_is_put_together(
    lines: str, expected: list[str], tmp_path: Path
) -> None:
    updates = _updates_of(_PARTS.format(lines=indent(lines, " " * 8)), tmp_path)
    (loss,) = updates[0].losses
    assert loss.name == "loss_D"
    parts = {part.name: part.value for part in loss.parts}
    assert list(parts) == expected
    if "gp" in parts:
        assert loss.value == pytest.approx(sum(parts.values()) + 9 * parts["gp"], rel=1e-6)


_WRAPPED = """
class Wrapper:
    def __init__(self, optimizer): self._optimizer = optimizer

    def step(self): step(self._optimizer)

def step(optimizer): optimizer.step()

def train(D, opt_d):
    wrapped_opt = Wrapper(opt_d)
    D(torch.randn(5, 8)).mean().backward()
    wrapped_opt.step()
"""


def test_an_optimizer_in_a_wrapper_is_called_as_the_wrapper_is(tmp_path: Path) -> None:
    file = tmp_path / "wrapped.py"
    file.write_text(f"import torch\n{_WRAPPED}", encoding="utf-8")
    scope: dict[str, Any] = {}
    exec(compile(file.read_text(encoding="utf-8"), file, "exec"), scope)
    critic = make_critic()
    with ganscope.record() as recording:
        scope["train"](critic, torch.optim.SGD(critic.parameters(), lr=0.1))
    (optimizer,) = recording.trace.steps[0].updates[0].optimizers
    assert optimizer.name == "wrapped_opt"


def test_weights_lent_for_one_call_are_not_the_networks_own(
    recwarn: pytest.WarningsRecorder,
) -> None:
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 1)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(2):
            sgd.zero_grad()
            lent = {name: each * 1.0 for name, each in net.named_parameters()}
            torch.func.functional_call(net, lent, (torch.randn(2, 4),)).mean().backward()
            sgd.step()
    assert not recwarn.list
    assert [network.name for network in recording.trace.networks] == ["net"]
    for step in recording.trace.steps:
        assert step.updates[0].backwards[0].reached == {"net": 2}


_RETURNING = """
import torch

class Trainer:
    def back(self, D, x, fake, opt):
        opt.zero_grad()
        loss_D = D(fake.detach()).mean() - D(x).mean()
        loss_D.backward()
        opt.step()
        return {returned}

    def train(self, D, G, opt_d, opt_g):
        x, fake = torch.randn(5, 8), G(torch.randn(5, 6))
        {kept} = self.back(D, x, fake, opt_d)
        opt_g.zero_grad()
        (-D(fake).mean()).backward()
        opt_g.step()
"""


@pytest.mark.parametrize(
    ("returned", "kept", "expected"),
    [
        ("loss_D", "self.loss_D_A", "loss_D_A"),
        ("loss_D.item()", "loss_D_A", "loss_D_A"),
        ("float(loss_D.detach()), fake", "loss_D_A, other", "loss_D_A"),
        ("loss_D", "out", "loss_D"),  # says less
        ("loss_D * 2", "loss_D_A", "loss_D"),  # something else
        ("fake", "loss_D_A", "loss_D"),
    ],
)
def test_a_helpers_loss_is_called_as_its_caller_keeps_it(
    returned: str, kept: str, expected: str, tmp_path: Path
) -> None:
    source = _RETURNING.format(returned=returned, kept=kept)
    updates = _updates_of(source, tmp_path)
    assert [loss.name for loss in updates[0].losses] == [expected]


class _Own(torch.nn.Module):
    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(given, made)
        self.optim = torch.optim.SGD(self.parameters(), lr=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.layer(x)
        return made


def test_an_optimizer_that_each_network_has_is_called_by_both() -> None:
    torch.manual_seed(0)
    G, D = _Own(6, 8), _Own(8, 1)
    with ganscope.record() as recording:
        for _ in range(2):
            D.optim.zero_grad()
            (D(G(torch.randn(5, 6)).detach()) - D(torch.randn(5, 8))).mean().backward()
            D.optim.step()
            G.optim.zero_grad()
            (-D(G(torch.randn(5, 6)))).mean().backward()
            G.optim.step()
    for step in recording.trace.steps:
        names = [each.name for update in step.updates for each in update.optimizers]
        assert names == ["D_optim", "G_optim"]
