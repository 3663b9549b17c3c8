"""Where steps end, for any order in which optimizers step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganscope.probe.rounds import Rounds

Cut = list[list[int]]


def cut(sequence: Sequence[int]) -> Cut:
    """The steps into which a recorder cuts `sequence`; none lost, none doubled, whatever it is."""
    rounds, ended, running, reopened = Rounds(), Cut(), list[int](), False

    def end() -> None:
        nonlocal running, reopened
        if reopened and ended:
            ended[-1] += running
        else:
            ended.append(running)
        running, reopened = [], False

    for key in sequence:
        decision = rounds.update(key)
        if decision.closes:
            end()
        if decision.joins:
            assert decision.joins <= len(ended)
            whole = [each for step in ended[-decision.joins :] for each in step]
            ended[-decision.joins :] = [whole]
        reopened = reopened or decision.reopens
        running.append(key)
        if decision.ends:
            end()
    if running:
        end()
    assert [each for step in ended for each in step] == list(sequence)
    assert all(ended)
    return ended


def _is_rotation(step: list[int], one: list[int]) -> bool:
    return any(step == one[place:] + one[:place] for place in range(len(one)))


repeats = st.lists(st.integers(1, 6), min_size=2, max_size=4)


def _round(counts: list[int]) -> list[int]:
    return [key for key, count in enumerate(counts) for _ in range(count)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 3), max_size=60))
def test_no_update_is_lost_or_doubled(sequence: list[int]) -> None:
    cut(sequence)


@settings(deadline=None, max_examples=100)
@given(repeats, st.integers(3, 8))
def test_from_its_beginning_every_step_is_one_round(counts: list[int], times: int) -> None:
    one = _round(counts)
    assert cut(one * times) == [one] * times


@settings(deadline=None, max_examples=100)
@given(repeats, st.integers(0, 20), st.integers(4, 8))
def test_from_anywhere_every_step_after_two_rounds_is_one_round(
    counts: list[int], start: int, times: int
) -> None:
    one = _round(counts)
    sequence = (one * (times + 1))[start % len(one) :]
    steps = cut(sequence)
    passed = 0
    for step in steps[:-1]:
        if passed >= 2 * len(one):
            assert _is_rotation(step, one), (sequence, steps)
        passed += len(step)


@settings(deadline=None, max_examples=100)
@given(repeats, st.integers(1, 40), st.integers(3, 6))
def test_after_a_warm_up_of_one_optimizer_every_step_is_one_round(
    counts: list[int], warm_up: int, times: int
) -> None:
    one = _round(counts)
    for first in (one[0], one[-1]):
        steps = cut([first] * warm_up + one * times)
        passed = 0
        for step in steps[:-1]:
            if passed >= warm_up + 2 * len(one):
                assert _is_rotation(step, one), steps
            passed += len(step)


@pytest.mark.parametrize(
    ("sequence", "steps"),
    [
        ("GDGDGD", "GD GD GD"),
        ("DDDGDDDGDDDG", "DDDG DDDG DDDG"),
        ("DGDDDDDGDDDDDG", "DG DDDDDG DDDDDG"),  # every fifth turn, the first included
        ("DDDDDDDDDDGDDGDDG", "D D D D D D D D DDG DDG DDG"),  # a warm-up, then rounds
        ("DGDGDDGDDG", "DG DG DDG DDG"),  # more updates of D from some step on
        ("DDGDDGDGDG", "DDG DDG DG DG"),
        ("GABGABGAB", "GAB GAB GAB"),
        ("ABACABAC", "AB AC AB AC"),
        ("AAAA", "A A A A"),
    ],
)
def test_examples(sequence: str, steps: str) -> None:
    keys = {letter: place for place, letter in enumerate(sorted(set(sequence)))}
    found = cut([keys[letter] for letter in sequence])
    letters = "".join(sorted(keys))
    assert " ".join("".join(letters[key] for key in step) for step in found) == steps
