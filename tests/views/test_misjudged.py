"""The misjudged images as a picture and in a terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from ganscope.views.misjudged import Row, figure, text


def row(channels: int = 1, count: int = 3) -> Row:
    pixels = np.linspace(-1, 1, count * channels * 6 * 6).reshape(count, channels, 6, 6)
    return Row("Real images", pixels.astype(np.float32), [0.125] * count)


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_stands_with_its_answer(channels: int) -> None:
    picture = figure([row(channels), row(channels, count=2)], "What D misjudged")
    axes = [each for each in picture.axes if each.images]
    assert len(axes) == 5
    shown = np.asarray(axes[0].images[0].get_array())
    assert shown.shape == ((6, 6) if channels == 1 else (6, 6, 3))
    assert 0.0 <= shown.min() < shown.max() <= 1.0
    assert axes[0].texts[0].get_text() == "0.125"
    picture.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(("width", "images"), [(40, 3), (14, 2), (3, 1)])
def test_a_terminal_shows_as_many_as_fit(width: int, images: int) -> None:
    lines = text([row()], width).plain.splitlines()
    assert lines[0] == "Real images"
    assert [line.count("▀") for line in lines[1:4]] == [6 * images] * 3
    assert lines[4].count("0.125") == images


def test_two_rows_of_pixels_share_a_cell() -> None:
    pixels = np.full((1, 1, 2, 1), -1.0)
    pixels[0, 0, 1, 0] = 1.0
    drawn = text([Row("x", pixels, [0.5])], 10)
    console = Console(file=io.StringIO(), color_system="truecolor", force_terminal=True)
    with console.capture() as capture:
        console.print(drawn)
    assert "38;2;0;0;0;48;2;255;255;255m▀" in capture.get()
