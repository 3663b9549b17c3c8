"""Gradients that come after a part of the first step was finished: as if ends had been known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ganscope
from ganscope.traces import Step


def record(order: str, *, told: bool) -> list[Step]:
    """Two turns of a loop that uses one batch of fakes in every update.

    Args:
        order: Which networks are updated in a turn, such as ``DDG``.
        told: Whether the loop itself says where steps end.
    """
    torch.manual_seed(0)
    G, D = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), nn.Linear(2, 1)
    opt_G, opt_D = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
    bce, ones = nn.BCEWithLogitsLoss(), torch.ones(8, 1)

    def train_D(fake: torch.Tensor) -> None:
        opt_D.zero_grad()
        d_loss = bce(D(torch.randn(8, 2)), ones) + bce(D(fake.detach()), 0 * ones)
        d_loss.backward()
        opt_D.step()

    def train_G(fake: torch.Tensor) -> None:
        opt_G.zero_grad()
        g_loss = bce(D(fake), ones)
        g_loss.backward(retain_graph=True)
        opt_G.step()

    with ganscope.record() as recorder:
        for _ in range(3):
            fake = G(torch.randn(8, 4))
            for which in order:
                (train_D if which == "D" else train_G)(fake)
            if told:
                recorder.next_step()
    return list(recorder.trace.steps)[:2]


def arrived(step: Step) -> list[tuple[str, list[tuple[int, int, object]]]]:
    return [
        (f"{call.label} {call.nth}", [(g.backward, g.output, g.stats) for g in call.gradients])
        for call in step.calls
        if call.kind == "module"
    ]


@pytest.mark.parametrize("order", ["DG", "GD", "DDG", "DDDG"])
def test_the_first_step_has_every_gradient(order: str) -> None:
    own, cut = record(order, told=True), record(order, told=False)
    assert [len(step.updates) for step in cut] == [len(order)] * 2
    assert [arrived(step) for step in cut] == [arrived(step) for step in own]
    first = dict(arrived(cut[0]))
    assert len(first["G.2 1"]) == 1
    backward = first["G.2 1"][0][0]
    generators = [update for update in cut[0].updates if update.networks == ("G",)]
    assert backward in [run.id for update in generators for run in update.backwards]
