"""The headline of a report of ``ganscope run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganscope.cli.run_words import Words
from ganscope.probe.selection import EVERY_STEP
from ganscope.subjects.script import Program
from ganscope.subjects.watch import Seen, Wanted
from ganscope.traces import Failure
from tests.views.steps import recorded

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
    words = Words(Program("lab/gan.py"), Wanted(Path("gan.gscope"), EVERY_STEP), Path())
    assert words.headline(Seen(recorded(), **{"is_full": False, **seen})) == expected
