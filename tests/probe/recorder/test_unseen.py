"""Weights that move though no optimizer steps on them."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import ganscope
from ganscope.traces import Trace


def train(after_step: Callable[[nn.Module, nn.Module], object], *, first: str = "D") -> Trace:
    """Three steps of a GAN with a second generator `shadow`, moved by `after_step`."""
    torch.manual_seed(0)
    G, D = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), nn.Linear(2, 1)
    shadow = copy.deepcopy(G)
    opt_G, opt_D = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
    bce, ones = nn.BCEWithLogitsLoss(), torch.ones(8, 1)

    def train_D() -> None:
        opt_D.zero_grad()
        fake = G(torch.randn(8, 4)).detach()
        (bce(D(torch.randn(8, 2)), ones) + bce(D(fake), 0 * ones)).backward()
        opt_D.step()

    def train_G() -> None:
        opt_G.zero_grad()
        bce(D(G(torch.randn(8, 4))), ones).backward()
        opt_G.step()

    with ganscope.record() as recorder:
        for _ in range(4):
            for part in (train_D, train_G) if first == "D" else (train_G, train_D):
                part()
            with torch.no_grad():
                shadow(torch.randn(2, 4))
            after_step(shadow, G)
    return recorder.trace


def average(decay: float) -> Callable[[nn.Module, nn.Module], None]:
    def follow(shadow: nn.Module, source: nn.Module) -> None:
        for mine, other in zip(shadow.parameters(), source.parameters(), strict=True):
            mine.data.mul_(decay).add_(other.data, alpha=1 - decay)  # bumps no version

    return follow


@pytest.mark.parametrize("first", ["D", "G"])
@pytest.mark.parametrize("decay", [0.5, 0.9, 0.995, 0.999])
def test_an_average_is_told_with_its_decay(decay: float, first: str) -> None:
    meta = train(average(decay), first=first).meta
    assert meta.notes == (f"shadow is an average of G: each step it keeps {decay:g} of itself",)
    assert meta.completeness == "complete"


def test_an_averaged_model_holds_its_average_inside() -> None:
    torch.manual_seed(0)
    G, D = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), nn.Linear(2, 1)
    ema = AveragedModel(G, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    optimizers = [torch.optim.Adam(each.parameters()) for each in (D, G)]
    with ganscope.record() as recorder:
        for _ in range(4):
            for optimizer in optimizers:
                optimizer.zero_grad()
                (D(G(torch.randn(8, 4))).mean() - D(torch.randn(8, 2)).mean()).square().backward()
                optimizer.step()
            ema.update_parameters(G)
            with torch.no_grad():
                ema(torch.randn(2, 4))
    assert recorder.trace.meta.completeness == "complete"
    assert "ema is an average of G: each step it keeps 0.9 of itself" in recorder.trace.meta.notes


def test_a_copy_that_is_renewed() -> None:
    meta = train(lambda shadow, source: shadow.load_state_dict(source.state_dict())).meta
    assert meta.notes == ("shadow is a copy of G, renewed while that is trained",)


def test_what_moves_by_hand_is_said_and_the_recording_is_partial() -> None:
    def push(shadow: nn.Module, _: nn.Module) -> None:
        with torch.no_grad():
            for parameter in shadow.parameters():
                parameter.sub_(0.01 * torch.randn_like(parameter))

    meta = train(push).meta
    assert meta.notes == (
        "weights of shadow changed though no optimizer stepped on them (moved by hand?): "
        "those updates are not seen",
    )
    assert meta.completeness == "partial"


def test_what_stands_still_is_not_spoken_of() -> None:
    assert train(lambda *_: None).meta.notes == ()


def test_a_generator_that_is_moved_by_hand_has_its_role() -> None:
    torch.manual_seed(0)
    G, D = nn.Linear(4, 2), nn.Linear(2, 1)
    optimizer, bce = torch.optim.SGD(D.parameters(), 0.1), nn.BCEWithLogitsLoss()
    with ganscope.record() as recorder:
        for _ in range(3):
            g_loss = bce(D(G(torch.randn(8, 4))), torch.ones(8, 1))
            for parameter, gradient in zip(
                G.parameters(), torch.autograd.grad(g_loss, list(G.parameters())), strict=True
            ):
                with torch.no_grad():
                    parameter.sub_(0.1 * gradient)
            optimizer.zero_grad()
            fake = bce(D(G(torch.randn(8, 4)).detach()), torch.zeros(8, 1))
            (bce(D(torch.randn(8, 2)), torch.ones(8, 1)) + fake).backward()
            optimizer.step()
    roles = {network.name: network.role for network in recorder.trace.networks}
    assert roles == {"G": "generator", "D": "discriminator"}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_clipping_is_noticed_whatever_the_layout(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 1))
    critic = critic.to(memory_format=layout)  # type: ignore[call-overload]
    sgd = torch.optim.SGD(critic.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(3):
            sgd.zero_grad()
            critic(torch.randn(2, 2, 4, 4)).mean().backward()
            sgd.step()
            critic[0].weight.data.clamp_(-0.01, 0.01)  # type: ignore[operator,union-attr]
    assert any("clipping" in note for note in recording.trace.meta.notes)


def test_setting_a_gradient_reaches_no_weights() -> None:
    torch.manual_seed(0)
    net = nn.Linear(4, 1)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    with ganscope.record() as recording:
        for _ in range(2):
            loss = net(torch.randn(2, 4)).mean()
            found = torch.autograd.grad(loss, list(net.parameters()))
            for parameter, gradient in zip(net.parameters(), found, strict=True):
                parameter.grad = gradient
            sgd.step()
    assert recording.trace.meta.notes == ()
