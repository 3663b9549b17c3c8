"""Where steps end, for any order in which optimizers step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ganscope.probe.rounds import Rounds

Cut = list[list[int]]


def cut(sequence: Sequence[int], places: Sequence[int | None] = ()) -> Cut:
    """The steps into which a recorder cuts `sequence`; none lost, none doubled, whatever it is.

    Args:
        sequence: Which optimizer steps.
        places: The lines at which they do.
    """
    rounds, ended, running, reopened = Rounds(), Cut(), list[int](), False

    def end() -> None:
        nonlocal running, reopened
        if reopened and ended:
            ended[-1] += running
        else:
            ended.append(running)
        running, reopened = [], False

    for key, line in zip(sequence, places or [None] * len(sequence), strict=True):
        decision = rounds.update(key, () if line is None else (("loop", line),))
        if decision.joins:
            assert decision.joins <= len(ended)
            whole = [each for step in ended[-decision.joins :] for each in step]
            ended[-decision.joins :] = [whole]
        if decision.closes:
            end()
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
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=60))
def test_no_update_is_lost_or_doubled(sequence: list[tuple[int, int]]) -> None:
    cut([key for key, _ in sequence])
    cut([key for key, _ in sequence], [place for _, place in sequence])


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


def test_an_optimizer_that_goes_on_alone_ends_a_step_each_time() -> None:
    steps = cut([0, 1] * 5 + [2] * 100)
    assert steps == [[0, 1]] * 5 + [[2] * 32] + [[2]] * 68
    frozen = cut([0, 1] * 5 + [0] * 100 + [0, 1] * 3)
    assert frozen[:5] == [[0, 1]] * 5
    assert frozen[6:-6] == [[0]] * (len(frozen) - 12)
    assert all(len(step) <= 32 for step in frozen)


def test_a_long_row_before_any_round_is_known_is_settled() -> None:
    """A discriminator that is frozen after a few updates: nothing has to be kept for its round."""
    rounds = Rounds()
    for key in [0] * 5 + [1] * 40:
        rounds.update(key)
    assert rounds.is_settled


def test_epochs_of_each_optimizer_are_no_endless_steps() -> None:
    steps = cut(([0] * 500 + [1] * 500) * 3)
    assert max(map(len, steps)) <= 2 * 256
    assert sum(len(step) == 1 for step in steps) > 2000


def test_many_updates_of_the_critic_first_are_its_round() -> None:
    """As Arjovsky's own loop has it: a hundred at first, then five."""
    steps = cut(([1] * 100 + [0]) * 5 + ([1] * 5 + [0]) * 5)
    assert steps[-9:-5] == [[1] * 100 + [0]] * 4
    assert steps[-5:] == [[1] * 5 + [0]] * 5


def test_optimizers_that_never_come_round() -> None:
    rounds = Rounds()
    for key in range(200):
        rounds.update(key)
    assert rounds.is_settled
    steps = cut(range(200))
    assert max(map(len, steps)) <= 64
    assert steps[-100:] == [[key] for key in range(100, 200)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400)), min_size=1, max_size=6))
def test_no_step_holds_more_than_a_bounded_row(rows: list[tuple[int, int]]) -> None:
    for step in cut([key for key, count in rows for _ in range(count)]):
        rows_in_step = [len(list(group)) for _, group in groupby(step)]
        assert max(rows_in_step) <= 256


@pytest.mark.parametrize(
    ("sequence", "steps"),
    [
        # A penalty on D of its own, at another line, in every fourth turn, the first included.
        ("D1 P2 G3 D1 G3 D1 G3 D1 P2 G3 D1 G3", "DPG DG DG DPG DG"),
        ("D1 G3 D1 P2 G3 D1 G3 D1 P2 G3", "DG DPG DG DPG"),
        # A warm-up of G by a loop of its own; its last update cannot be told from the first turn.
        ("W1 W1 W1 D2 G3 D2 G3 D2 G3", "W W WDG DG DG"),
        ("W1 W1 W1 G3 D2 G3 D2 G3 D2", "W W W GD GD GD"),
        # One network twice in a turn, before and after the other.
        ("G1 D2 H3 G1 D2 H3 G1 D2 H3 G1 D2 H3", "GDH GDH GDH GDH"),
        # Either of two lines, as a condition has it.
        ("G1 D2 G1 P3 G1 D2 G1 P3", "GD GP GD GP"),
        ("G1 D2 H3 P4 G1 D2 H3 P4", "GDHP GDHP"),
    ],
)
def test_lines_tell_turns_apart(sequence: str, steps: str) -> None:
    optimizers = {"D": 0, "P": 0, "G": 1, "W": 1, "H": 1}
    turns = [(turn[0], optimizers[turn[0]], int(turn[1])) for turn in sequence.split()]
    found = cut([key for _, key, _ in turns], [line for _, _, line in turns])
    letters = iter(letter for letter, _, _ in turns)
    assert " ".join("".join(next(letters) for _ in step) for step in found) == steps


@dataclass(frozen=True)
class Statement:
    """Updates of one optimizer in a loop's body.

    Attributes:
        optimizer: Which.
        times: How often it steps in a row, as a critic does.
        either: In which turns, by their number modulo the length, it steps at another line.
        every: It steps in every so many-th turn alone, as a lazy penalty does.
        offset: The first of these turns.
    """

    optimizer: int
    times: int = 1
    either: tuple[bool, ...] = (False,)
    every: int = 1
    offset: int = 0

    def run(self, turn: int, line: int) -> list[tuple[int, int]]:
        if turn % self.every != self.offset:
            return []
        line += self.either[turn % len(self.either)]
        return [(self.optimizer, line)] * self.times


def turns_of(body: Sequence[Statement], count: int) -> list[list[tuple[int, int]]]:
    """The updates of each turn: which optimizer steps, at which line."""
    return [
        [each for place, one in enumerate(body) for each in one.run(turn, 10 * (place + 1))]
        for turn in range(count)
    ]


either = st.lists(st.booleans(), min_size=1, max_size=3).map(tuple)
plain = st.builds(Statement, st.integers(0, 2), st.integers(1, 3), either)
lazy = st.tuples(st.integers(2, 4), st.integers(0, 1)).flatmap(
    lambda when: st.builds(
        Statement, st.integers(0, 2), either=either, every=st.just(when[0]), offset=st.just(when[1])
    )
)


@st.composite
def bodies(draw: st.DrawFn) -> list[Statement]:
    """A loop's body in which every optimizer, of two at least, steps in every turn."""
    body: list[Statement] = draw(st.lists(plain, min_size=2, max_size=4))
    always = {each.optimizer for each in body}
    assume(len(always) > 1)
    for each in draw(st.lists(lazy, max_size=2)):
        if each.optimizer in always:
            body.insert(draw(st.integers(0, len(body))), each)
    return body


def _cut_turns(turns: list[list[tuple[int, int]]]) -> Cut:
    updates = [update for turn in turns for update in turn]
    return cut([key for key, _ in updates], [line for _, line in updates])


@settings(deadline=None, max_examples=400)
@given(bodies())
def test_lines_tell_every_turn_from_the_first_one_on(body: list[Statement]) -> None:
    """Lines that alternate anywhere, lazy penalties, several updates in a row."""
    turns = turns_of(body, 9)
    assert _cut_turns(turns) == [[key for key, _ in turn] for turn in turns]


@settings(deadline=None, max_examples=200)
@given(bodies(), st.integers(0, 2), st.integers(1, 30))
def test_after_a_warm_up_every_turn_is_told(body: list[Statement], warm: int, count: int) -> None:
    turns = turns_of(body, 9)
    found = _cut_turns([*([[(warm, 1)]] * count), *turns])
    assert found[-8:] == [[key for key, _ in turn] for turn in turns[1:]]


@settings(deadline=None, max_examples=200)
@given(bodies())
def test_steps_end_in_time_once_their_lines_are_known(body: list[Statement]) -> None:
    """Where nothing lazy comes last, none has to wait for the next one."""
    assume(body[-1].every == body[-2].every == 1)
    assume(body[-2].optimizer != body[-1].optimizer)
    rounds, known = Rounds(), 2 * len(body[-1].either)
    for number, turn in enumerate(turns_of(body, known + 6)):
        decisions = [rounds.update(key, (("loop", line),)) for key, line in turn]
        if number >= known:
            assert [decision.ends for decision in decisions] == [False] * (len(turn) - 1) + [True]
            assert not any(each.closes or each.reopens or each.joins for each in decisions)


@pytest.mark.parametrize(
    ("sequence", "steps"),
    [
        # The first optimizer at either of two lines.
        ("D1 G3 D2 G3 D1 G3 D2 G3", "DG DG DG DG"),
        ("D2 G3 D1 G3 D1 G3 D2 G3", "DG DG DG DG"),
        # The last one at either.
        ("D1 G2 D1 G3 D1 G3 D1 G2", "DG DG DG DG"),
        # Both penalties of StyleGAN2 in the first turn, and again now and then.
        ("D1 P2 G3 H4 D1 G3 D1 G3 D1 G3 H4 D1 P2 G3", "DPGH DG DG DGH DPG"),
        # A penalty before the update itself.
        ("P1 D2 G3 D2 G3 P1 D2 G3 D2 G3", "PDG DG PDG DG"),
        ("P1 G2 D3 G2 D3 P1 G2 D3", "PGD GD PGD"),
        # Phases that a loop goes through, whose code stands in another order.
        ("D2 G1 D2 G1 D2 G1", "DG DG DG"),
        ("D3 P4 G1 H2 D3 G1 D3 G1", "DPGH DG DG"),
    ],
)
def test_penalties_and_conditions_in_the_first_turn(sequence: str, steps: str) -> None:
    test_lines_tell_turns_apart(sequence, steps)


def test_nothing_is_told_of_lines_in_different_functions() -> None:
    """A line that calls several functions in turn: only optimizers tell then."""
    routes = {0: (("loop", 5), ("critic", 20)), 1: (("loop", 5), ("generator", 10))}
    rounds = Rounds()
    for key in [0, 1] * 3:
        decision = rounds.update(key, routes[key])
    assert decision.ends
    assert not decision.reopens
    assert rounds.is_settled


def test_new_optimizers_after_rounds_do_not_grow_a_step_without_end() -> None:
    sequence = [0, 1, 0, 1, *range(2, 300)]
    lines = [each % 2 for each in range(len(sequence))]
    assert max(map(len, cut(sequence, lines))) <= 64
    assert max(map(len, cut(sequence, range(len(sequence))))) <= 64
