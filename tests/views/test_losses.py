"""The losses of a run as a picture: where they are no numbers is seen and said."""

from __future__ import annotations

import math

import pytest
from matplotlib.figure import Figure

from ganscope.views.losses import figure

NAN, INF = math.nan, math.inf
GOOD = [(step, 0.5, 0.7) for step in range(10)]


def hatched(drawn: Figure) -> list[tuple[float, float]]:
    """Where each hatched stretch begins and ends."""
    stretches = [patch for patch in drawn.axes[0].patches if patch.get_hatch()]
    boxes = [patch.get_path().get_extents(patch.get_patch_transform()) for patch in stretches]
    return [(box.x0, box.x1) for box in boxes]


def test_numbers_alone_are_not_hatched() -> None:
    drawn = figure(GOOD, "gan")
    assert hatched(drawn) == []
    assert drawn.axes[0].get_title(loc="right") == ""


@pytest.mark.parametrize(
    ("bad", "where", "words"),
    [
        (dict.fromkeys(range(7, 10), (NAN, NAN)), [(6.5, 9.5)], "from step 7 on"),
        ({9: (0.5, INF)}, [(8.5, 9.5)], "from step 9 on"),
        (
            {2: (NAN, 0.7), 3: (NAN, 0.7), 6: (INF, NAN)},
            [(1.5, 3.5), (5.5, 6.5)],
            "in 3 steps, first in 2",
        ),
    ],
)
def test_what_is_no_number_is_hatched_and_said(
    bad: dict[int, tuple[float, float]], where: list[tuple[float, float]], words: str
) -> None:
    drawn = figure([(step, *bad.get(step, (d, g))) for step, d, g in GOOD], "gan")
    assert hatched(drawn) == [pytest.approx(each) for each in where]
    axes = drawn.axes[0]
    assert axes.get_title(loc="right") == f"hatched: NaN or infinite {words}"
    assert axes.get_title(loc="left") == "gan"
    assert axes.get_xlim()[1] >= 9
