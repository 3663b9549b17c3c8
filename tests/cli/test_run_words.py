"""The headline of a report of ``ganscope run``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganscope.cli.run_words import Words
from ganscope.probe.selection import EVERY_STEP
from ganscope.subjects.script import Program
from ganscope.subjects.watch import Seen, Wanted
from ganscope.traces import Failure, Trace
from tests.views.builders import stats, tensor
from tests.views.steps import recorded, step_of

WORDS = Words(Program("lab/gan.py"), Wanted(Path("gan.gscope"), EVERY_STEP), Path())
OUTSIDE = Failure(9, 0, None, "ValueError: no", None, None, None)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({}, "gan.py has ended, the one step recorded"),
        ({"is_full": True}, "gan.py, the one step recorded"),
        (
            {"error": ValueError("no"), "failure": OUTSIDE},
            "gan.py failed between two training steps, the one step recorded",
        ),
    ],
)
def test_what_is_shown_below_is_named(seen: dict[str, Any], expected: str) -> None:
    assert WORDS.headline(Seen(recorded(), **{"is_full": False, **seen})) == expected


def _with_nan(place: int) -> Trace:
    """Three steps, in one of which a value is NaN."""
    output = tensor(1, figures=stats(0.0, 1.0, -1.0, 1.0, nonfinite=1))
    steps = [replace(step_of(recorded()), index=index) for index in range(3)]
    call = replace(steps[place].calls[0], outputs=(output,))
    steps[place] = replace(steps[place], calls=(call, *steps[place].calls[1:]))
    return replace(recorded(), steps=tuple(steps))


@pytest.mark.parametrize(
    ("place", "is_shown", "count"), [(0, True, 1), (2, True, 0), (2, False, 1)]
)
def test_nan_in_the_step_that_is_shown_is_not_told_twice(
    place: int, is_shown: bool, count: int
) -> None:
    seen = Seen(_with_nan(place), is_full=True)
    lines = list(WORDS.recorded(seen, is_shown=is_shown))
    assert sum("NaN" in line for line in lines) == count
