"""Ways beside the one that is drawn: what lies on them, and what they weigh."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

import ganscope

from .rendering import Rendered
from .test_flow import rendered


class Shortcut(nn.Module):
    """Its shorter way is a layer too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.short, self.last = nn.Conv2d(3, 8, 1), nn.Linear(8 * 64, 1)

    def forward(self, images: Tensor) -> Tensor:
        inner = self.second(torch.relu(self.first(images))) + self.short(images)
        return self.last(inner.flatten(1))


class Parallel(nn.Module):
    """Two ways of equal length."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.other = nn.Linear(16, 32), nn.Linear(16, 32)
        self.second, self.another = nn.Linear(32, 32), nn.Linear(32, 32)
        self.last = nn.Linear(32, 1)

    def forward(self, values: Tensor) -> Tensor:
        inner = torch.relu(self.second(self.first(values)))
        return self.last(inner + torch.tanh(self.another(self.other(values))))


class Deep(nn.Module):
    """So long that blocks with a way beside them are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.long = nn.ModuleList(nn.Linear(8, 8) for _ in range(48))
        self.short = nn.ModuleList(nn.Linear(8, 8) for _ in range(24))

    def forward(self, values: Tensor) -> Tensor:
        for place, short in enumerate(self.short):
            first, second = self.long[2 * place : 2 * place + 2]
            values = second(first(values)) + short(values)
        return values


def weighed(shown: Rendered) -> int:
    """The sum of all parameters on arrows and lines."""
    counts = [re.fullmatch(r"(?:.*\+|Σ )?([\d,]+)", text) for text in shown.words]
    shapes = {"16", "32", "512", "8", "12", "4", "1"}
    return sum(
        int(found[1].replace(",", ""))
        for found, text in zip(counts, shown.words, strict=True)
        if found and text not in shapes
    )


@pytest.mark.parametrize(
    ("network", "sides", "said"),
    [
        (Shortcut(), (3, 8, 8), "Conv2d  +32"),
        (Parallel(), (16,), "2 layers  +1,600"),
        (Deep(), (8,), ""),
    ],
)
def test_a_way_of_layers_is_told_with_its_parameters(
    network: nn.Module, sides: tuple[int, ...], said: str
) -> None:
    shown = rendered(ganscope.trace(network, torch.randn(2, *sides)))
    assert shown.faults() == []
    assert not said or said in shown.words
    assert "skip" not in shown.words
    assert weighed(shown) == sum(each.numel() for each in network.parameters())
