"""What a flow tells beyond a plain chain: failures, forks, skips, labels, what is left out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope.analysis.path_search import path_through
from ganscope.traces import Trace
from ganscope.views.diagrams import DiagramOptions, draw
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.flow_plan import Plan, plan_of
from ganscope.views.diagrams.picture import Picture
from ganscope.views.diagrams.scene import Scene
from ganscope.views.diagrams.stages import stages_of
from ganscope.views.diagrams.theme import theme
from ganscope.views.diagrams.words import Words

from .models import branching, chain
from .rendering import Rendered


def rendered(trace: Trace, **look: object) -> Rendered:
    return Rendered(draw(trace, "flow", DiagramOptions(**look)))  # type: ignore[arg-type]


def planned(trace: Trace) -> Plan:
    """Where everything of a flow stands on a slide."""
    canvas = Canvas(Picture(figsize=(40 / 3, 7.5)), theme("light"), ("DejaVu Sans",))
    calls = trace.steps[0].calls
    scene = Scene(canvas, Words("en"), 0, gauged=False)
    return plan_of(scene, stages_of(path_through(calls[0], calls)), 0)


# -- a forward that fails ------------------------------------------------------------------------


class Generator(nn.Sequential):
    """Is taken for a generator by its name."""


class Between(nn.Module):
    """Fails between its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 3)

    def forward(self, values: Tensor) -> Tensor:
        if self.first(values).shape:
            raise ValueError("no luck today")
        return self.second(values)


def test_the_stage_that_fails_is_crossed_and_nothing_is_called_the_output() -> None:
    broken = Generator(nn.Linear(4, 3), nn.LeakyReLU(), nn.Linear(9, 9))
    shown = rendered(ganscope.trace(broken, torch.randn(2, 4)))
    assert shown.faults() == []
    assert {"4", "3", "✗", "no output", "noise z"} <= set(shown.words)
    assert "G(z)" not in shown.words
    assert "broken: the forward fails in 2" in shown.words
    assert any(text.startswith("✗ got 2×3, expects 9 numbers") for text in shown.words)
    assert any(text.startswith("RuntimeError: mat1 and mat2") for text in shown.words)
    (cross,) = [one for one in shown.texts if one.text == "✗" and one.points > 20]
    last = max(box[2] for name, box in shown.images().items() if name.startswith("values:"))
    assert cross.box[0] > last, "behind the last block"


@pytest.mark.parametrize(
    ("network", "said"),
    [(nn.Linear(9, 9), ": the forward fails"), (Between(), "ValueError: no luck today")],
)
def test_a_network_may_fail_as_a_whole(network: nn.Module, said: str) -> None:
    shown = rendered(ganscope.trace(network, torch.randn(2, 4)))
    assert shown.faults() == []
    assert any(said in text for text in shown.words)
    assert "✗" in shown.words


# -- forks and skips -----------------------------------------------------------------------------


def test_a_second_head_is_drawn_and_told() -> None:
    shown = rendered(branching("two heads"))
    assert shown.faults() == []
    assert any(text.endswith("becomes one number and 10 numbers") for text in shown.words)
    assert {"1", "10", "65", "650", "output 1", "output 2", "Softmax"} <= set(shown.words)
    assert not any(text.startswith("calls beside") for text in shown.words)
    (fork,) = planned(branching("two heads")).arcs
    assert fork.forks


def test_every_skip_has_a_lane_of_its_own() -> None:
    plan = planned(branching("deep unet"))
    inner, outer = sorted(plan.arcs, key=lambda arc: arc.lane)
    assert outer.lane - inner.lane >= 0.2
    assert outer.start[0] < inner.start[0] < inner.end[0] < outer.end[0]
    assert len(plan.columns) == 9
    shown = rendered(branching("deep unet"))
    assert shown.words.count("skip") == 2
    assert shown.words.count("→") == 8


# -- what is left out ----------------------------------------------------------------------------


def test_stages_that_change_the_shape_are_the_last_to_go() -> None:
    shown = rendered(branching("long"))
    shapes = ["3×64×64", "4×32×32", "8×16×16", "16×8×8", "32×4×4", "64×2×2", "256", "1"]
    assert shown.faults() == []
    assert [word for word in shown.words if word in shapes] == shapes
    words = rendered(branching("deep unet")).words
    assert "16×4×4" in words, "the bottleneck"


def test_it_says_what_is_left_out() -> None:
    words = rendered(chain(20)).words
    assert any(text.startswith("… ") and text.endswith(" blocks") for text in words)
    assert any(text.startswith("Σ ") for text in words)
    assert any("Dashed arrow: blocks left out" in text for text in words)


def test_a_size_stays_longer_than_a_number_of_features() -> None:
    widths = (8, 16, 8, 16, 8, 16, 8, 16, 8)
    layers: list[nn.Module] = [nn.Conv2d(3, 8, 3, 2, 1)]
    layers += [nn.Conv2d(before, after, 3, 1, 1) for before, after in pairwise(widths)]
    layers += [nn.Conv2d(8, 8, 3, 2, 1)]
    layers += [nn.Conv2d(before, after, 3, 1, 1) for before, after in pairwise(widths)]
    words = rendered(ganscope.trace(nn.Sequential(*layers), torch.randn(2, 3, 32, 32))).words
    assert {"3×32×32", "8×16×16", "8×8×8"} <= set(words)


# -- what is no image ----------------------------------------------------------------------------


def test_a_signal_is_a_curve_and_its_channels_come_first() -> None:
    shown = rendered(branching("voice"))
    assert shown.faults() == []
    assert {"32×16", "8×64", "1×256", "64 of 256, evenly", "16 of 32 channels"} <= set(shown.words)
    columns = planned(branching("voice")).columns
    heights = [column.body.height for column in columns if column.body.kind == "channels"]
    assert heights == sorted(heights, reverse=True), "32 channels, then 8"
    assert columns[-1].body.kind == "wave"


def test_of_a_volume_a_slice_is_shown_and_told() -> None:
    shown = rendered(branching("volumes"))
    assert shown.faults() == []
    assert any(text.endswith("slice 1 of 4") for text in shown.words)


def test_data_that_are_no_image_are_not_called_one() -> None:
    critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    words = rendered(ganscope.trace(critic, torch.randn(4, 2))).words
    assert "data x" in words
    assert "image x" not in words


def test_a_layer_of_operations_alone_is_one_layer_with_its_parameters() -> None:
    words = rendered(branching("scaled")).words
    assert "Scaled" in words
    assert "12" in words
    assert "mul" not in words


# -- labels and single numbers -------------------------------------------------------------------


def test_a_label_and_its_embedding_join_with_their_parameters() -> None:
    shown = rendered(branching("conditional"), sample=3)
    assert shown.faults() == []
    assert "label 3 → Embedding" in " ".join(shown.words)
    assert "60 parameters" in shown.words
    assert not any("beside" in text for text in shown.words)


def test_a_block_of_one_number_shows_it() -> None:
    torch.manual_seed(1)
    network, values = nn.Linear(4, 1), torch.randn(2, 4)
    answer = float(network(values).detach()[0])
    shown = rendered(ganscope.trace(network, values))
    assert f"{answer:.3g}".replace("-", "−") in shown.words


# -- NaN -----------------------------------------------------------------------------------------


class HalfBroken(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        broken = images.clone()
        broken[:, :, 4:] = torch.nan
        return broken * 1.0


@pytest.mark.parametrize("look", ["light", "print"])
def test_pixels_that_are_no_numbers_are_hatched(look: str) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 1, 8, 8) * 2 - 1
    shown = rendered(ganscope.trace(HalfBroken(), images), theme=look)
    assert "32 NaN or infinite" in shown.words
    assert any("hatched pixels: NaN or infinite" in text for text in shown.words)
    (left, bottom, right, top), pixels = shown.image("values:1")
    rows = slice(int(shown.height - (top + bottom) / 2) + 3, int(shown.height - bottom) - 3)
    patch = pixels[rows, int(left) + 3 : int(right) - 3].astype(int)
    ink = np.array([int(theme(look).bad[at : at + 2], 16) for at in (1, 3, 5)])
    for colour in (ink, np.array([255, 255, 255])):
        share = float((np.abs(patch - colour).sum(-1) < 60).mean())
        assert 0.04 < share < 0.9, colour
