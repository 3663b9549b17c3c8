"""NaN and infinite values: marked by a sign and in words, and traced to the first layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import ganscope
from ganscope.traces import Call, Failure, Step, TensorRecord, Trace
from ganscope.views import ViewOptions, summary, to_text

from .builders import call, stats, tensor, trace_of

WELL = tensor(64, 10)
SICK = tensor(64, 10, figures=stats(0.0, 1.0, -1.0, 1.0, nonfinite=3))
FIRST = "first non-finite values: "


def chain(*outputs: TensorRecord, inputs: TensorRecord = WELL) -> Trace:
    """A network of layers that run one after another; what comes out last is the network's."""
    calls: list[Call] = []
    given = inputs
    for place, made in enumerate(outputs):
        calls.append(call(place + 1, f"net.{place}", parent=0, inputs=(given,), outputs=(made,)))
        given = made
    return trace_of(call(0, "net", "Net", inputs=(inputs,), outputs=(given,)), *calls)


def said_first(trace: Trace) -> str | None:
    lines = to_text(trace, ViewOptions(width=200)).splitlines()
    return next((line.partition(FIRST)[2] for line in lines if FIRST in line), None)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_row_with_them_has_a_sign_and_words(width: int) -> None:
    lines = to_text(chain(WELL, SICK, SICK), ViewOptions(width=width)).splitlines()
    marked = [line for line in lines if line.lstrip(" 0123456789").startswith("⚠ ")]
    rows = [line for line in marked if "→" in line]
    words = [line for line in marked if line.endswith("⚠ 3 of 640 values are NaN or infinite")]
    assert len(rows) == len(words) == 3
    assert sum("→" in line for line in lines) == 4, "the sound layer has none"


def test_the_first_layer_with_them_is_the_innermost_one() -> None:
    assert said_first(chain(WELL, SICK, SICK)) == "net.1 (3 of 640 values are NaN or infinite)"


def test_nothing_is_said_of_healthy_values() -> None:
    text = to_text(chain(WELL, WELL), ViewOptions(width=120))
    assert "⚠" not in text
    assert "non-finite" not in text


def test_what_came_in_with_the_input_is_said_to() -> None:
    assert said_first(chain(SICK, SICK, inputs=SICK)) == "already in the input of net"


def test_a_container_that_mends_them_does_not_hide_where_they_were() -> None:
    trace = trace_of(
        call(0, "net", inputs=(WELL,), outputs=(WELL,)),
        call(1, "net.block", parent=0, inputs=(WELL,), outputs=(WELL,)),
        call(2, "net.block.log", parent=1, inputs=(WELL,), outputs=(SICK,)),
        call(3, "net.head", parent=0, inputs=(WELL,), outputs=(SICK,)),
    )
    assert said_first(trace) == "net.block.log (3 of 640 values are NaN or infinite)"


def test_the_step_is_named_where_there_are_several() -> None:
    well, sick = chain(WELL).steps[0], chain(SICK).steps[0]
    trace = replace(chain(WELL), steps=(well, Step(4, sick.calls)))
    assert said_first(trace) == "step 4, net.0 (3 of 640 values are NaN or infinite)"


def test_gradients_have_them_before_the_next_steps_layers_do() -> None:
    """A square root at 0 brings out 0, and an infinite gradient."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with ganscope.record() as recorder:
        for step in range(4):
            optimizer.zero_grad()
            made = net(torch.ones(2, 4))
            loss = made.mean() + (torch.sqrt((made * 0).sum()) if step == 1 else 0)
            loss.backward()
            optimizer.step()
    (line,) = summary.nonfinite(recorder.trace)
    assert line.text == f"{FIRST}step 1, the gradient at sum (1 of 1 value is NaN or infinite)"
    (line,) = summary.nonfinite(replace(recorder.trace, steps=recorder.trace.steps[2:3]))
    assert line.text.startswith(f"{FIRST}net.0 (6 of 6 values")


def test_it_is_said_though_its_layer_is_folded_away() -> None:
    text = to_text(chain(WELL, SICK), ViewOptions(width=120, depth=1))
    assert "first non-finite values: net.1" in text


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_other_media_say_the_same(name: str) -> None:
    text = to_text(chain(WELL, SICK), ViewOptions(), name=name).replace("\\", "")
    assert "⚠ net.1" in text
    assert "3 of 640 values are NaN or infinite" in text
    assert "first non-finite values: net.1" in text


def test_no_sentence_is_made_of_figures_of_some_values() -> None:
    trace = trace_of(call(0, "net", "Tanh", inputs=(WELL,), outputs=(SICK,)))
    text = to_text(trace, ViewOptions(width=200, explain=True))
    assert "Squeezes each number into -1..1." in text
    assert "here from" not in text


def test_one_value_is_one_value() -> None:
    one = tensor(1, figures=stats(0.0, 1.0, -1.0, 1.0, nonfinite=1))
    text = to_text(trace_of(call(0, "net", outputs=(one,))), ViewOptions(width=120))
    assert "⚠ 1 of 1 value is NaN or infinite" in text


def test_operations_outside_modules_are_told_without_their_number() -> None:
    """No row of theirs carries one."""
    first = call(0, "", "log", kind="op", network="")
    second = replace(call(1, "", "log", kind="op", network="", outputs=(SICK,)), nth=2)
    trace = trace_of(first, second)
    (line,) = summary.nonfinite(trace)
    assert line.text.startswith("first non-finite values: log (3 of ")
    failed = replace(trace, failure=Failure(0, 0, 1, "RuntimeError: no", None, None, None))
    assert next(summary.failure(failed)).text.startswith("log · ")
    noted = trace_of(first, replace(second, note="recomputed"))
    assert [line.text for line in summary.unseen(noted)] == ["log: recomputed"]
