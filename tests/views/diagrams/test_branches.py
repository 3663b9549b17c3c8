"""Ways beside the one that is drawn: what lies on them, and what they weigh."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.analysis.network_path import INPUT, NetworkPath
from ganscope.analysis.path_search import path_through

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


class Twice(nn.Module):
    """Calls a layer twice on the same values."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 12), nn.Linear(12, 12)

    def forward(self, values: Tensor) -> Tensor:
        return self.first(values) * self.second(self.first(values))


class Zeros(nn.Module):
    """Two layers bring out the same zeros, and are used in the order given."""

    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.first, self.other = nn.Linear(16, 32), nn.Linear(16, 32)
        self.second, self.another = nn.Linear(32, 32), nn.Linear(32, 32)
        self.again = again
        for layer in (self.first, self.other):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, values: Tensor) -> Tensor:
        first, other = self.first(values), self.other(values)
        inner = self.second(first) + self.another(other)
        return inner + first if self.again else inner


def followed(network: nn.Module, sides: tuple[int, ...]) -> NetworkPath:
    calls = ganscope.trace(network, torch.randn(4, *sides)).steps[0].calls
    return path_through(calls[0], calls)


def test_a_layer_called_twice_on_the_same_values_feeds_both() -> None:
    way = followed(Twice(), (8,))
    first, second, product = way.links
    (branch,) = product.branches
    assert branch.start == INPUT
    assert {first.call.nth, branch.calls[0].nth} == {1, 2}
    assert branch.calls[0].path == first.call.path
    assert second.branches == ()
    assert way.inferred == 0


def test_of_equal_tensors_the_one_that_was_taken_is_followed() -> None:
    way = followed(Zeros(again=False), (16,))
    (branch,) = way.links[-1].branches
    names = [call.path.rpartition(".")[2] for call in branch.calls]
    assert names == ["first", "second"]
    assert branch.start == INPUT
    assert way.inferred == 0
    again = followed(Zeros(again=True), (16,)).links[-1]
    (branch,) = again.branches
    assert branch.start == INPUT
    shown = rendered(ganscope.trace(Zeros(again=True), torch.randn(4, 16)))
    assert not any("inferred" in text for text in shown.words)


class Again(nn.Module):
    """Calls a block several times."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.last = nn.Sequential(nn.Linear(33, 33), nn.ReLU()), nn.Linear(33, 33)

    def forward(self, values: Tensor) -> Tensor:
        for _ in range(3):
            values = values + self.block(values)
        return self.last(values)


def test_parameters_of_a_layer_that_is_called_again_stand_once() -> None:
    torch.manual_seed(0)
    shown = rendered(ganscope.trace(Again(), torch.randn(4, 33)))
    assert shown.faults() == []
    assert shown.words.count("1,122") == 2
    assert shown.words.count("same weights") == 2
    shown = rendered(ganscope.trace(Twice(), torch.randn(4, 8)))
    assert "Linear  same weights" in shown.words
    assert weighed(shown) == 264
