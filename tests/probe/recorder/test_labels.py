"""Intervals on their way to a file: each is written once, and steps are labels on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from ganscope.probe.labels import StepLabels
from ganscope.probe.selection import EVERY_STEP, Selection
from ganscope.traces import Interval, Network


class Kept:
    """A sink that keeps labels and counts what is written."""

    def __init__(self) -> None:
        self.labels: dict[int, int] = {}
        self.written = 0
        self.refuses = False

    def append(self, interval: Interval, step: int, networks: Sequence[Network]) -> None:
        if self.refuses:
            raise OSError("the disk is full")
        assert interval.id not in self.labels
        self.labels[interval.id] = step
        self.written += 1

    def end(self, networks: Sequence[Network]) -> None:
        pass

    def settle(self) -> None:
        pass

    def label(self, steps: Mapping[int, int | None], networks: Sequence[Network]) -> None:
        for ident, step in steps.items():
            if step is None:
                del self.labels[ident]
            else:
                self.labels[ident] = step

    @property
    def steps(self) -> list[int]:
        return list(self.labels.values())


def one(ident: int) -> Interval:
    return Interval(id=ident, calls=())


def labelled(sink: Kept, selection: Selection = EVERY_STEP, count: int = 0) -> StepLabels:
    """Labels after `count` steps of one interval each."""
    labels = StepLabels(sink, selection)
    for ident in range(count):
        labels.add(one(ident), ())
        labels.end()
    return labels


def test_a_long_step_is_written_interval_by_interval_and_each_once() -> None:
    sink = Kept()
    labels = labelled(sink, count=1)
    for ident in range(1, 64):
        labels.reopen()
        labels.add(one(ident), ())
        labels.end()
        assert sink.steps == [0] * (ident + 1)  # a kill at this moment costs nothing
    assert sink.written == 64
    labels.add(one(64), ())
    assert sink.steps == [0] * 64 + [1]


def test_steps_that_turn_out_to_be_one_are_relabelled_and_nothing_is_written_anew() -> None:
    sink = Kept()
    labels = labelled(sink, count=4)
    labels.add(one(4), ())  # of the step that runs now
    labels.join(3, ())
    assert sink.steps == [0, 1, 1, 1, 2]
    assert labels.index == 2
    labels.end()
    labels.join_all(())
    assert sink.steps == [0] * 5
    assert labels.index == 1
    assert sink.written == 5


@pytest.mark.parametrize("count", [0, 1])
def test_one_step_is_joined_with_none(count: int) -> None:
    sink = Kept()
    labels = labelled(sink, count=3)
    labels.join(count, ())
    assert sink.steps == [0, 1, 2]
    assert labels.index == 3


def test_what_was_not_asked_for_goes_once_steps_are_known() -> None:
    sink = Kept()
    labels = labelled(sink, Selection(after=1, every=2), count=4)
    labels.settle(())
    assert sink.steps == [1, 3]
    for ident in range(4, 8):
        labels.add(one(ident), ())
        labels.end()
    assert sink.steps == [1, 3, 5, 7]


def test_a_refused_interval_costs_the_rest_of_its_step_and_no_other() -> None:
    sink = Kept()
    labels = labelled(sink, count=1)
    sink.refuses = True
    labels.add(one(1), ())
    sink.refuses = False
    labels.add(one(2), ())
    labels.end()
    labels.add(one(3), ())
    labels.end()
    assert sink.labels == {0: 0, 3: 2}
    assert labels.lost == "step 1 could not be kept: the disk is full"
