"""The way through a network and its stages, for networks whose stages are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.analysis.path_search import path_through
from ganscope.traces import Histogram
from ganscope.views.diagrams.ridges import outline
from ganscope.views.diagrams.scene import heights_of
from ganscope.views.diagrams.stages import Stage, stages_of
from ganscope.views.diagrams.thinning import thin

from .models import branching, chain, traced


def stages(trace: ganscope.Trace) -> tuple[Stage, ...]:
    calls = trace.steps[0].calls
    return stages_of(path_through(calls[0], calls))


def told(trace: ganscope.Trace) -> list[tuple[tuple[int, ...], str]]:
    return [(one.shape, " ".join(layer.name for layer in one.layers)) for one in stages(trace)]


def test_the_generators_stages() -> None:
    found = stages(traced("generator"))
    assert told(traced("generator")) == [
        ((100,), ""),
        ((128,), "Linear LeakyReLU"),
        ((256,), "Linear BatchNorm1d LeakyReLU"),
        ((512,), "Linear BatchNorm1d LeakyReLU"),
        ((1024,), "Linear BatchNorm1d LeakyReLU"),
        ((784,), "Linear Tanh"),
        ((1, 28, 28), "view"),
    ]
    assert [one.place for one in found] == [
        "", "model.0–1", "model.2–4", "model.5–7", "model.8–10", "model.11–12", "",
    ]  # fmt: skip
    assert sum(one.parameters for one in found) == 1_510_032
    assert [one.is_reshape for one in found] == [False] * 6 + [True]


def test_a_view_that_adds_empty_dimensions_belongs_to_the_noise() -> None:
    first, second, *_ = told(traced("generator", "dcgan"))
    assert first == ((100,), "view")
    assert second == ((128, 7, 7), "ConvTranspose2d BatchNorm2d ReLU")


def test_the_longer_branch_is_the_way_and_the_other_a_skip() -> None:
    found = stages(branching("residual"))
    (joined,) = [one for one in found if one.joins]
    assert [layer.name for layer in joined.layers] == ["Linear", "add", "relu"]
    assert joined.joins[0] in found[1].calls
    (joined,) = [one for one in stages(branching("unet")) if one.joins]
    assert joined.layers[0].name == "cat"


def test_what_is_mixed_in_is_named_and_not_followed() -> None:
    assert told(branching("conditional")) == [
        ((10,), ""),
        ((16,), "+ Embedding cat"),
        ((9,), "Linear"),
        ((1, 3, 3), "view"),
    ]


class Hidden(nn.Module):
    """Changes its values where no hook sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, values: Tensor) -> Tensor:
        inner = self.first(values)
        return self.second(torch.from_numpy(inner.detach().numpy() * 2))


def test_a_change_that_is_not_seen_is_bridged_by_shape() -> None:
    found = told(ganscope.trace(Hidden(), torch.randn(3, 4)))
    assert [shape for shape, _ in found] == [(4,), (4,), (2,)]


@pytest.mark.parametrize("most", [2, 5, 12, 40])
def test_thinning_counts_what_it_leaves_out(most: int) -> None:
    every = stages(chain(33))
    kept = thin(every, most)
    assert len(kept) == min(most, len(every))
    assert len(kept) + sum(one.hidden for one in kept) == len(every)
    shown = sum(one.parameters + one.hidden_parameters for one in kept)
    assert shown == sum(one.parameters for one in every)
    assert kept[0].role == "input"
    assert kept[-1].role == "output"


def test_every_doubling_adds_the_same_height() -> None:
    found = stages(traced("generator"))[:5]
    heights = dict(zip([one.features for one in found], heights_of(found, 3.5), strict=True))
    assert heights[1024] - heights[512] == pytest.approx(heights[256] - heights[128])
    assert heights[1024] > heights[128] > heights[100] > 0


def test_a_ridge_is_the_histogram() -> None:
    counts = (0, 4, 8, 2) + (0,) * 28
    points = outline(Histogram(-1.0, 3.0, counts), 4.0)
    assert points[0] == (-1.0, 0.0)
    assert points[-1] == (3.0, 0.0)
    peak = max(points, key=lambda point: point[1])
    assert peak == (pytest.approx(-1 + 2.5 * 4 / 32), 1.0)
    inside = outline(Histogram(-1.0, 3.0, counts), 0.9)
    assert all(abs(x) <= 0.9 for x, _ in inside)
    assert len(outline(Histogram(2.0, 2.0, (9,) + (0,) * 31), 2.0)) == 4


class Several(nn.Module):
    """Gives out what lies on its way, and more heads than are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.heads = nn.ModuleList(nn.Linear(6, width) for width in (2, 3, 5, 7))

    def forward(self, values: Tensor) -> dict[str, Tensor]:
        inner = torch.relu(self.first(values))
        said = {f"head{place}": head(inner) for place, head in enumerate(self.heads)}
        return {**said, "features": inner}


def test_outputs_that_are_not_drawn_are_counted() -> None:
    calls = ganscope.trace(Several(), torch.randn(2, 4)).steps[0].calls
    way = path_through(calls[0], calls)
    assert [head.record.shape for head in way.heads] == [(2, 3), (2, 5)]
    assert way.unseen == 1


class OneHot(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Linear(14, 3)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        coded = nn.functional.one_hot(labels, 10).float()
        return self.model(torch.cat([z, coded], 1))


def test_a_label_is_followed_to_where_it_joins() -> None:
    trace = ganscope.trace(OneHot(), torch.randn(4, 4), torch.arange(4))
    (side,) = stages(trace)[1].sides
    assert side.source is not None
    assert side.source.dtype == "int64"
    assert side.main is not None
    assert side.main.type == "one_hot"
