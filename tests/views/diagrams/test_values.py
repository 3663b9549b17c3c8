"""The values that are drawn are the recorded ones: read back from the pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import ganscope
from ganscope.traces import TensorRecord, Trace
from ganscope.views.diagrams import DiagramOptions, draw
from ganscope.views.diagrams.options import THEMES
from ganscope.views.diagrams.theme import theme

from .models import traced
from .rendering import Rendered


def recorded(record: TensorRecord, sample: int) -> NDArray[Any]:
    """The values of one row, decoded on their own."""
    assert record.samples is not None
    shape = record.samples.shape
    count = math.prod(shape[1:])
    data = np.frombuffer(record.samples.data, "<f2")[sample * count : (sample + 1) * count]
    return data.astype(np.float64).reshape(shape[1:])


def read_back(colours: NDArray[Any], name: str, limit: float) -> NDArray[Any]:
    """Colours → values, by the nearest colour of the scale."""
    scale = theme(name).colours[:, :3].astype(int)
    distances = np.abs(colours[..., np.newaxis, :].astype(int) - scale).sum(-1)
    return (distances.argmin(-1) / 255 * 2 - 1) * limit


def check_strip(shown: Rendered, name: str, values: NDArray[Any], look: str) -> None:
    limit = np.abs(values).max()
    columns = 4
    rows = math.ceil(values.size / columns)
    cells = read_back(shown.cells(name, rows, columns), look, limit)
    assert np.abs(cells.reshape(-1)[: values.size] - values).max() <= limit * 4 / 255


@pytest.mark.parametrize(("look", "sample"), [*zip(THEMES, (0, 5, 7), strict=True)])
def test_every_number_of_the_generator_can_be_read_off(look: str, sample: int) -> None:
    trace = traced("generator")
    shown = Rendered(draw(trace, options=DiagramOptions(theme=look, sample=sample)))
    calls = {call.path: call for call in trace.steps[0].calls}
    check_strip(shown, "values:0", recorded(calls["generator"].inputs[0], sample), look)
    for place, layer in enumerate((1, 4, 7, 10, 12), 1):
        record = calls[f"generator.model.{layer}"].outputs[0]
        check_strip(shown, f"values:{place}", recorded(record, sample), look)


def test_the_image_is_the_one_that_was_made() -> None:
    trace = traced("discriminator")
    (values,) = recorded(trace.steps[0].calls[0].inputs[0], 0)
    shown = Rendered(draw(trace))
    cells = shown.cells("values:0", 28, 28)
    assert np.abs(cells - ((values + 1) / 2 * 255)[..., np.newaxis]).max() <= 1


def test_a_faint_image_is_stretched_and_says_so() -> None:
    trace = traced("generator")
    (values,) = recorded(trace.steps[0].calls[0].outputs[0], 0)
    shown = Rendered(draw(trace))
    share = (values - values.min()) / (values.max() - values.min())
    assert np.abs(shown.cells("values:6", 28, 28) - (share * 255)[..., np.newaxis]).max() <= 1
    assert any(text.endswith("stretched") for text in shown.words)


def test_a_colour_image_keeps_its_channels() -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, 6, 9) * 2 - 1
    shown = Rendered(draw(ganscope.trace(nn.Conv2d(3, 4, 3), images)))
    wanted = ((images[0].numpy() + 1) / 2 * 255).transpose(1, 2, 0)
    assert np.abs(shown.cells("values:0", 6, 9) - wanted).max() <= 1.5


@pytest.mark.parametrize("least", [0.0, -0.5])
def test_an_image_between_0_and_1_is_black_at_0(least: float) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, 6, 9)
    images[1] += least  # of the other sample: the scale is that of the whole batch
    shown = Rendered(draw(ganscope.trace(nn.Conv2d(3, 4, 3), images)))
    wanted = images[0].numpy().transpose(1, 2, 0)
    wanted = wanted if least == 0 else (wanted + 1) / 2
    assert np.abs(shown.cells("values:0", 6, 9) - wanted * 255).max() <= 1.5
    assert ("black: 0" in " ".join(shown.words)) == (least == 0)
    assert shown.faults() == []


def test_the_front_map_of_a_deck_is_the_first_one() -> None:
    trace = traced("generator", "dcgan")
    calls = {call.path: call for call in trace.steps[0].calls}
    maps = recorded(calls["generator.model.2"].outputs[0], 0)
    shown = Rendered(draw(trace))
    limit = np.abs(maps).max()
    cells = read_back(shown.cells("values:1:0", 7, 7), "light", limit)
    assert np.abs(cells - maps[0]).max() <= limit * 4 / 255


def test_values_that_are_no_numbers_are_told_and_marked() -> None:
    values = torch.linspace(-1, 1, 12).repeat(2, 1)
    values[0, 3] = float("nan")
    shown = Rendered(draw(ganscope.trace(nn.Tanh(), values)))
    assert "1 NaN or infinite" in shown.words
    marked = shown.cells("values:0", 12, 1)[3, 0]
    assert tuple(marked) == (0xC2, 0x18, 0x5B)


def heat_row(trace: Trace) -> list[float]:
    return [
        one.gradient.norm
        for step in trace.steps
        for update in step.updates
        for one in update.parameters
        if one.name == "critic.1.weight" and one.gradient is not None and one.gradient.norm
    ]


def test_the_heat_map_holds_the_recorded_norms(tmp_path_factory: pytest.TempPathFactory) -> None:
    from .models import train

    trace = train(tmp_path_factory.mktemp("heat") / "run.gscope")
    norms = heat_row(trace)
    every = [
        one.gradient.norm
        for step in trace.steps
        for update in step.updates
        for one in update.parameters
        if one.name.endswith("weight") and one.gradient is not None and one.gradient.norm
    ]
    shown = Rendered(draw(trace, "training"))
    rows = len({one.name for update in trace.steps[0].updates for one in update.parameters
                if one.name.endswith("weight")})  # fmt: skip
    shades = theme("light").shade_colours[:, :3].astype(int)
    colours = shown.cells("heat", rows, len(trace.steps)).astype(int)
    cells = np.abs(colours[..., np.newaxis, :] - shades).sum(-1).argmin(-1) / 255
    low, high = math.log10(min(every)), math.log10(max(every))
    wanted = [(math.log10(norm) - low) / (high - low) for norm in norms]
    assert np.abs(cells[0] - wanted).max() < 0.02
