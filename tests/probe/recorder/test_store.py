"""Finished steps on their way to a file: a long first round is not rewritten at every update."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.probe.selection import EVERY_STEP
from ganscope.probe.store import StepStore
from ganscope.traces import Backward, Network, Step, Update


class Kept:
    """A sink that counts what is written."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.written = 0

    def append(self, step: Step, networks: Sequence[Network]) -> None:
        self.steps.append(step)
        self.written += len(step.updates)

    def replace_last(self, count: int, steps: Sequence[Step], networks: Sequence[Network]) -> None:
        del self.steps[len(self.steps) - count :]
        self.steps += steps
        self.written += sum(len(step.updates) for step in steps)


def one(index: int) -> Step:
    run = Backward(0, "loss", "backward", {})
    return Step(index, (), (Update(0, backwards=(run,)),))


def test_a_long_round_is_written_a_few_times_and_whole_at_its_end() -> None:
    sink = Kept()
    store = StepStore(sink, EVERY_STEP)
    store.add(one(0), (), reopened=False)
    for _ in range(63):
        store.add(one(1), (), reopened=True)
        assert len(store.last.updates) <= 64
    assert len(store.last.updates) == 64
    assert len(sink.steps) == 1
    assert len(sink.steps[0].updates) > 40  # a kill at this moment costs a part of it alone
    assert sink.written < 4 * 64
    store.add(one(1), (), reopened=False)
    assert [len(step.updates) for step in sink.steps] == [64, 1]


def test_what_was_held_back_is_written_when_the_loop_ends() -> None:
    sink = Kept()
    store = StepStore(sink, EVERY_STEP)
    store.add(one(0), (), reopened=False)
    for _ in range(8):
        store.add(one(1), (), reopened=True)
    store.settle(())
    assert [len(step.updates) for step in sink.steps] == [9]
