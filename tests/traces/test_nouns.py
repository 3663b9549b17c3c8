"""What the nouns tell of themselves."""

from __future__ import annotations

from dataclasses import replace

from ganscope.traces.call import outermost_of
from ganscope.traces.tensor import sides_of
from tests.traces.test_schema import CALL


def test_the_outermost_call_around_a_call() -> None:
    parents = {0: None, 1: 0, 2: 1, 3: None, 4: 3, 7: 6, 8: 7}  # 6 is not among them
    calls = [replace(CALL, id=number, parent=parent) for number, parent in parents.items()]
    assert outermost_of(calls) == {0: 0, 1: 0, 2: 0, 3: 3, 4: 3, 7: 7, 8: 7}
    assert outermost_of([]) == {}


def test_a_shape_in_words() -> None:
    assert sides_of((64, 1, 28, 28)) == "64×1×28×28"
    assert sides_of((64, 1), between="x") == "64x1"
    assert (sides_of(()), sides_of((), scalar="one number")) == ("scalar", "one number")
