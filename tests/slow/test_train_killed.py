"""Twenty random moments at which training is killed, and twenty at which it is interrupted."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.killed_runs import FLAGS, assert_same, finish, make_images, train_killed, words_for

pytestmark = pytest.mark.slow
STEPS = 400


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("killed")
    make_images(folder)
    finish(folder, *FLAGS, "--steps", str(STEPS), "-o", "whole")
    return folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_twenty_random_moments(whole: Path, number: signal.Signals) -> None:
    hits = train_killed(whole, number.name, [number] * 20, steps=STEPS)
    finish(whole, *words_for(whole, number.name, STEPS))
    assert hits >= 15
    assert_same(whole / "whole", whole / number.name)
