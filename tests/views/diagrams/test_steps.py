"""What the pictures of a step and of a training tell beyond their figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.traces import Trace
from ganscope.views.diagrams import DiagramOptions, draw
from ganscope.views.diagrams.step_axis import ticks_among

from .models import Scaled, chain, stepped, train
from .rendering import Rendered


def rendered(trace: Trace, kind: str, **look: object) -> Rendered:
    return Rendered(draw(trace, kind, DiagramOptions(**look)))  # type: ignore[arg-type]


def test_a_loss_is_told_to_its_end_in_every_size() -> None:
    for size in ("slide", "page", "square"):
        shown = rendered(stepped(), "step", size=size)
        assert shown.faults() == []
        assert any(text.endswith("/ 2") for text in shown.words), size
        assert not any("…" in text for text in shown.words), size
        (title,) = [one for one in shown.texts if one.text.startswith("Training step 0")]
        assert title.box[2] <= shown.width - 0.5 * 144 + 1, "within the margin"


def test_images_made_under_no_grad_are_marked(tmp_path: Path) -> None:
    shown = rendered(train(tmp_path / "run.gscope", 1, no_grad=True), "step")
    assert shown.faults() == []
    assert shown.words.count("no_grad") == 1
    assert "detach" not in shown.words
    assert any("// no_grad: no gradient passes" in text for text in shown.words)


def test_a_generator_that_ran_in_the_other_update_stands_where_it_is_moved(tmp_path: Path) -> None:
    path = tmp_path / "run.gscope"
    netG, netD = nn.Linear(3, 4), nn.Linear(4, 1)
    optimizers = [torch.optim.SGD(net.parameters(), 0.1) for net in (netD, netG)]
    with ganscope.record(path, samples=True):
        fake = netG(torch.randn(2, 3))
        d_loss = netD(fake.detach()).mean() - netD(torch.randn(2, 4)).mean()
        d_loss.backward()
        optimizers[0].step()
        g_loss = -netD(fake).mean()
        optimizers[1].zero_grad()
        g_loss.backward()
        optimizers[1].step()
    shown = rendered(ganscope.load(path), "step")
    assert shown.faults() == []
    assert shown.words.count("netG") == 2
    assert "4)).mean()" not in " ".join(text for text in shown.words if text.startswith("4"))
    assert "G(z) of ①" in shown.words
    assert sum(text.startswith("gradient ") for text in shown.words) >= 2, "of both networks"


def _two_pairs(path: Path) -> Trace:
    """Two generators and two discriminators, one optimizer for each kind, as CycleGAN has them."""
    torch.manual_seed(0)
    netG_A, netG_B, netD_A, netD_B = (nn.Linear(4, 4) for _ in range(4))
    opt_G = torch.optim.SGD([*netG_A.parameters(), *netG_B.parameters()], 0.1)
    opt_D = torch.optim.SGD([*netD_A.parameters(), *netD_B.parameters()], 0.1)
    with ganscope.record(path, samples=True):
        for _ in range(2):
            a, b = torch.randn(2, 4), torch.randn(2, 4)
            fake_b, fake_a = netG_A(a), netG_B(b)
            opt_G.zero_grad()
            loss_G = -netD_A(fake_b).mean() - netD_B(fake_a).mean()
            loss_G.backward()
            opt_G.step()
            opt_D.zero_grad()
            loss_D_A = netD_A(fake_b.detach()).mean() - netD_A(b).mean()
            loss_D_A.backward()
            loss_D_B = netD_B(fake_a.detach()).mean() - netD_B(a).mean()
            loss_D_B.backward()
            opt_D.step()
    return ganscope.load(path)


def test_every_loss_of_an_update_is_told(tmp_path: Path) -> None:
    trace = _two_pairs(tmp_path / "run.gscope")
    for size in ("slide", "page", "square"):
        shown = rendered(trace, "step", size=size)
        assert shown.faults() == [], size
        for loss in trace.steps[-1].updates[1].losses:
            assert [text for text in shown.words if text.startswith(loss.name)], (size, loss.name)
        assert any("netG_A and netG_B learn," in text for text in shown.words)


def test_a_network_that_is_called_g_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "run.gscope"
    G, D = nn.Linear(3, 4), nn.Linear(4, 1)
    optimizer = torch.optim.SGD([*G.parameters(), *D.parameters()], 0.1)
    with ganscope.record(path):
        for _ in range(2):
            optimizer.zero_grad()
            loss = D(G(torch.randn(2, 3))).mean()
            loss.backward()
            optimizer.step()
    words = rendered(ganscope.load(path), "step").words
    assert words.count("D") == 1


def test_data_that_are_no_numbers_are_told_in_a_step(tmp_path: Path) -> None:
    path = tmp_path / "run.gscope"
    critic = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(critic.parameters(), 0.0)
    images = torch.full((2, 1, 4, 4), torch.nan)
    with ganscope.record(path, samples=True):
        loss = critic(images).mean()
        loss.backward()
        optimizer.step()
    shown = rendered(ganscope.load(path), "step")
    assert "1×4×4 NaN/∞" in shown.words


# -- a training ----------------------------------------------------------------------------------


def test_every_fifth_step_is_named_below_its_cell(tmp_path: Path) -> None:
    shown = rendered(train(tmp_path / "run.gscope", 4, every=5), "training")
    assert shown.faults() == []
    left, _, right, _ = shown.images()["heat"]
    low = min(one.box[1] for one in shown.texts if one.text == "15")
    below = [one for one in shown.texts if one.text in ("0", "5", "10", "15") and one.box[1] == low]
    middles = [(one.box[0] + one.box[2]) / 2 for one in below]
    wanted = [left + (right - left) * (place + 0.5) / 4 for place in range(4)]
    assert middles == pytest.approx(wanted, abs=3)


def test_the_scale_of_the_heat_map_stands_beside_it(tmp_path: Path) -> None:
    trace = train(tmp_path / "run.gscope")
    shown = rendered(trace, "training")
    norms = [
        one.gradient.norm
        for step in trace.steps
        for update in step.updates
        for one in update.parameters
        if one.name.endswith("weight") and one.gradient is not None and one.gradient.norm
    ]
    _, bottom, _, top = shown.images()["scale"]
    beside = [one.text for one in shown.texts if bottom - 5 < one.box[1] < top]
    assert {f"{min(norms):.3f}", f"{max(norms):.3f}"} <= set(beside)


def test_a_step_without_a_finite_figure_is_crossed(tmp_path: Path) -> None:
    whole = rendered(train(tmp_path / "whole.gscope"), "training").words
    assert "✗" not in whole
    shown = rendered(train(tmp_path / "broken.gscope", broken=3), "training")
    assert set(shown.faults()) == {("✗", "heat")}
    assert "✗" in shown.words
    assert any("✗ no finite figure" in text for text in shown.words)


def test_a_training_that_failed_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.gscope"
    network = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    with pytest.raises(RuntimeError), ganscope.record(path, samples=True):
        for width in (3, 3, 3, 7):
            optimizer.zero_grad()
            loss = network(torch.randn(2, width)).mean()
            loss.backward()
            optimizer.step()
    trace = ganscope.load(path)
    shown = rendered(trace, "training")
    assert shown.faults() == []
    assert any(text.startswith("✗ failed in step 3: RuntimeError") for text in shown.words)
    (title,) = [text for text in rendered(trace, "step").words if text.startswith("Training step")]
    assert re.match("Training step 2", title), "the last one that was trained in"


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        (range(4), [0, 1, 2, 3]),
        (range(0, 60, 5), [0, 10, 20, 30, 40, 50]),
        (range(51), [0, 10, 20, 30, 40, 50]),
        (range(0, 60, 7), [0, 14, 28, 42, 56]),
        (range(3, 900, 3), [3, 153, 303, 453, 603, 753]),
    ],
)
def test_steps_that_are_named_were_recorded(steps: range, named: list[int]) -> None:
    assert ticks_among(list(steps), 6) == named


def test_a_norm_keeps_away_from_the_shape_beside_it() -> None:
    shown = Rendered(draw(stepped(), "step", DiagramOptions(size="square")))
    norms = [one for one in shown.texts if re.fullmatch(r"(‖∇‖ )?[\d.e−-]+", one.text)]
    shapes = [one for one in shown.texts if one.text == "1×28×28"]
    assert norms
    assert shapes
    for norm in norms:
        for shape in shapes:
            beside = min(norm.box[3], shape.box[3]) > max(norm.box[1], shape.box[1])
            gap = max(norm.box[0] - shape.box[2], shape.box[0] - norm.box[2])
            assert not beside or gap > 5


class Beside(nn.Module):
    """Has layers beside the way, one that is drawn as a whole, and many operations."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.scaled, self.last = nn.Linear(4, 6), Scaled(), nn.Linear(6, 1)
        self.gates = nn.ModuleList(nn.Linear(4, 6) for _ in range(2))

    def forward(self, values: Tensor) -> Tensor:
        inner = torch.tanh(self.first(values).exp()) * self.gates[0](values)
        inner = torch.relu(self.scaled(inner)) * self.gates[1](values)
        return torch.sigmoid(self.last(inner * 2))


def test_statistics_say_which_layers_and_operations_they_leave_out() -> None:
    torch.manual_seed(0)
    trace = ganscope.trace(Beside(), torch.randn(4, 4))
    words = " ".join(Rendered(draw(trace, "stats")).words)
    assert "layers left out: 2" in words, "the gates"
    assert "operations left out: 7" in words, "of exp, tanh, mul, relu, mul, mul, sigmoid"
    words = " ".join(Rendered(draw(chain(40), "stats")).words)
    assert int(re.findall(r"layers left out: (\d+)", words)[0]) > 20
    assert "operations left out" not in words
