"""Which network was the first to give no numbers, as the figures of a step tell it."""

from __future__ import annotations

import math

import pytest
import torch

from ganscope.training import begin, build_for, find_objective, train_step
from ganscope.training.faults import fault
from ganscope.training.metrics import Row


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("d_steps", [1, 2])
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (("generator",), "the generator was first: its images are no numbers since its update in"),
        (("discriminator",), "the discriminator was first: its answers on real images are none"),
        (("generator", "discriminator"), "neither network gives numbers, each since its update in"),
    ],
)
def test_the_network_that_was_first(
    broken: tuple[str, ...], words: str, d_steps: int, first: bool
) -> None:
    torch.manual_seed(0)
    gan = build_for(find_objective("hinge"), "gan", {"image_size": 8})
    training = begin(gan, "hinge", d_steps=d_steps, generator_first=first)
    for name in broken:
        next(getattr(gan, name).parameters()).data.fill_(math.nan)
    z = list(torch.randn(training.noise_batches, 4, 100))
    figures = train_step(training, [torch.zeros(4, 1, 8, 8)] * d_steps, z)
    g_loss, d_loss, d_real, d_fake = figures.all.tolist()
    row = Row(7, 1, 3, d_loss, g_loss, d_real, d_fake, 0.0)
    assert row.bad
    said = fault(row, figures, began=0)
    assert said.startswith("step 7 (epoch 1, batch 3): D loss and G loss are nan; " + words)
    assert said.endswith("step 6")
    assert fault(row, figures, began=7).endswith("from the start on")


def test_a_loss_alone() -> None:
    gan = build_for(find_objective("hinge"), "gan", {"image_size": 8})
    figures = train_step(begin(gan, "hinge"), torch.zeros(4, 1, 8, 8), torch.randn(4, 100))
    nan, inf = math.nan, math.inf
    for losses, words in (
        ((inf, nan, 0.0, 0.0), "D loss is inf, G loss is nan"),
        ((inf, 0.0, nan, 0.0), "D loss is inf"),
        ((0.0, 0.0, nan, nan), "D(x) and D(G(z)) are nan"),
    ):
        said = fault(Row(2, 0, 2, *losses, 0.0), figures, began=0)
        assert said == (
            f"step 2 (epoch 0, batch 2): {words}; both networks still gave numbers when the step "
            "began"
        )
