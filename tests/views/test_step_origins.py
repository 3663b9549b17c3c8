"""Who made what outside the networks: told from the records alone."""

from __future__ import annotations

from dataclasses import replace

from ganscope.traces import Step
from ganscope.views.steps.origins import Origins

from .builders import call, tensor


def test_of_two_tensors_with_the_same_figures_the_first_values_tell_which_was_taken() -> None:
    one = tensor(3, preview=(1.0, 2.0, 3.0))
    turned = replace(one, preview=(3.0, 2.0, 1.0))
    first = call(0, "first", outputs=(one,))
    second = call(1, "second", outputs=(turned,))
    loss = call(2, "", "mean", kind="op", inputs=(one,))
    origins = Origins(Step(0, (first, second, loss)))
    assert origins.answers(loss) == [first]
