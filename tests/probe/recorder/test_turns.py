"""Where steps end in real loops whose lines alternate, and that nothing is kept of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import ganscope
from tests.probe.recorder.loops import assert_gone, optimizers_of

Turn = Callable[[int], object]


class Pair:
    """The smallest networks that play against each other."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator, self.discriminator = nn.Linear(2, 3), nn.Linear(3, 1)
        self.opt_g = torch.optim.SGD(self.generator.parameters(), lr=0.01)
        self.opt_d = torch.optim.SGD(self.discriminator.parameters(), lr=0.01)

    def judge(self, optimizer: torch.optim.Optimizer, turn: int) -> None:
        """Run everything of an update but the step; the batch is full of the turn's number."""
        optimizer.zero_grad()
        fake = self.generator(torch.full((4, 2), float(turn)))
        loss = self.discriminator(fake).square().mean()
        loss.backward()

    def first_at_either_line(self, turn: int) -> None:
        self.judge(self.opt_d, turn)
        if turn % 2:
            self.opt_d.step()
        else:
            self.opt_d.step()
        self.judge(self.opt_g, turn)
        self.opt_g.step()

    def last_at_either_line(self, turn: int) -> None:
        self.judge(self.opt_d, turn)
        self.opt_d.step()
        self.judge(self.opt_g, turn)
        if turn % 2:
            self.opt_g.step()
        else:
            self.opt_g.step()

    def lazy(self, turn: int) -> None:
        """As StyleGAN2's loop has it, both penalties in the first turn."""
        self.judge(self.opt_d, turn)
        self.opt_d.step()
        if turn % 4 == 0:
            self.judge(self.opt_d, turn)
            self.opt_d.step()
        self.judge(self.opt_g, turn)
        self.opt_g.step()
        if turn % 2 == 0:
            self.judge(self.opt_g, turn)
            self.opt_g.step()

    def anew(self, turn: int) -> None:
        """Code that is new in each turn, as the cells of a notebook are."""
        for name in ("opt_d", "opt_g"):
            code = compile(f"judge({name}, turn); {name}.step()", f"cell {turn}", "exec")
            exec(code, {"judge": self.judge, "turn": turn, name: getattr(self, name)})


ONE = ["opt_d", "opt_g"]
LOOPS: dict[str, Callable[[Pair], Turn]] = {
    "first at either line": lambda pair: pair.first_at_either_line,
    "last at either line": lambda pair: pair.last_at_either_line,
    "lazy": lambda pair: pair.lazy,
    "anew": lambda pair: pair.anew,
}


def expected(loop: str, turn: int) -> list[str]:
    if loop != "lazy":
        return ONE
    d, g = 1 + (turn % 4 == 0), 1 + (turn % 2 == 0)
    return ["opt_d"] * d + ["opt_g"] * g


@pytest.mark.parametrize("loop", LOOPS)
def test_every_turn_is_a_step(loop: str) -> None:
    turn = LOOPS[loop](Pair())
    with ganscope.record() as recording:
        for i in range(9):
            turn(i)
    assert optimizers_of(recording.trace) == [expected(loop, i) for i in range(9)]
    for step in recording.trace.steps:  # with all its calls, and no others
        batches = {call.inputs[0].stats.mean for call in step.calls if call.path == "generator"}
        assert batches == {step.index}


@pytest.mark.parametrize("loop", LOOPS)
def test_the_last_wanted_step_ends_the_recording(loop: str) -> None:
    turn = LOOPS[loop](Pair())
    with ganscope.record(steps=3) as recording:
        for i in range(5):  # a step that is closed late may cost an update of the next
            turn(i)
        assert_gone()
    assert optimizers_of(recording.trace) == [expected(loop, i) for i in range(3)]
    assert recording.trace.meta.completeness == "complete"


@pytest.mark.parametrize("loop", LOOPS)
def test_between_wanted_steps_nothing_is_recorded(loop: str) -> None:
    from torch.nn.modules import module

    turn, hooked = LOOPS[loop](Pair()), 0
    with ganscope.record(every=5) as recording:
        for i in range(30):
            turn(i)
            hooked += bool(module._global_forward_hooks)
    assert hooked <= 2 + 2 * 6
    assert [step.index for step in recording.trace.steps] == [0, 5, 10, 15, 20, 25]


def test_both_steps_of_a_loop_at_either_line_are_whole_where_every_fifth_is_recorded() -> None:
    for loop in ("first at either line", "last at either line"):
        turn = LOOPS[loop](Pair())
        with ganscope.record(every=5) as recording:
            for i in range(20):
                turn(i)
        assert optimizers_of(recording.trace) == [ONE] * 4


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_kept_does_not_grow_over_two_hundred_turns(loop: str) -> None:
    turn = LOOPS[loop](Pair())
    with ganscope.record() as recording:
        segments = recording._recorder._segments
        tensors = recording._recorder._log.tensors
        for i in range(200):
            turn(i)
            if i > 1:
                calls = 13 * 3
                assert len(segments._flow.drafts) + len(segments._before) <= calls
                assert len(set(segments.labels._recent.values())) <= 2
                assert len(segments._runs) + len(segments._ended) <= 8
                assert len(tensors._seen) + len(tensors._stale) < 40
    assert len(recording.trace.steps) == 200


def test_the_rest_of_a_step_that_was_not_recorded_is_no_step() -> None:
    """A fourth turn that is longer than expected, right before the fifth, which is wanted."""
    pair = Pair()
    with ganscope.record(after=5, every=5, steps=2) as recording:
        for i in range(14):
            pair.judge(pair.opt_d, i)
            pair.opt_d.step()
            for _ in range(2 if i % 5 == 4 else 1):
                pair.judge(pair.opt_g, i)
                pair.opt_g.step()
    assert [step.index for step in recording.trace.steps] == [5, 10]
    for step in recording.trace.steps:
        batches = {call.inputs[0].stats.mean for call in step.calls if call.path == "generator"}
        assert batches == {step.index}


def test_a_turn_is_known_again_where_another_line_calls_it() -> None:
    pair = Pair()
    with ganscope.record() as recording:
        for i in range(3):
            pair.last_at_either_line(i)
        pair.last_at_either_line(3)
        pair.last_at_either_line(4)
    assert optimizers_of(recording.trace) == [ONE] * 5


@pytest.mark.parametrize("every", [1, 3])
def test_a_turn_by_hand_counts_whether_it_is_looked_at_or_not(every: int) -> None:
    net = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with ganscope.record(every=every) as recording:
        for i in range(12):
            if i % 3 != 2:  # a batch is left out now and then
                net(torch.full((4, 2), float(i))).mean().backward()
                optimizer.step()
            recording.next_step()
    steps = recording.trace.steps
    wanted = [i for i in range(0, 12, every) if i % 3 != 2]
    assert [step.index for step in steps] == wanted
    assert [step.calls[0].inputs[0].stats.mean for step in steps] == wanted


def test_a_step_that_was_told_already_is_not_ended_a_second_time_by_hand() -> None:
    pair = Pair()
    with ganscope.record(every=4) as recording:
        for i in range(12):
            pair.last_at_either_line(2 * i)  # always at the same line
            if i > 5:  # from here on, while nothing is recorded
                recording.next_step()
    assert [step.index for step in recording.trace.steps] == [0, 4, 8]
    means = [step.calls[0].inputs[0].stats.mean for step in recording.trace.steps]
    assert means == [0, 8, 16]
