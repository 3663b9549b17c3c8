"""What every view owes, whatever the trace; a new view is tested by being listed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from ganscope.traces import Call, Failure, Histogram, Network, Step, TensorStats, Trace
from ganscope.views import ViewOptions, names, to_text

from .builders import META, call, failing_trace, generator_trace, tensor, trace_of
from .steps import failed, forgotten, recorded, with_calls, with_step


def deep() -> Trace:
    calls: list[Call] = []
    for level in range(60):
        path = ".".join(["net", *(["block"] * level)])
        calls.append(call(level, path, parent=level - 1 if level else None))
    return trace_of(*calls)


def sick() -> Trace:
    nothing = TensorStats(0, None, None, None, None, None, None, None, 0, None)
    all_nan = TensorStats(9, None, None, None, None, None, None, None, 9, None)
    flat = Histogram(1.0, 1.0, (9,) + (0,) * 31, 9)
    return trace_of(
        call(0, "net", outputs=(replace(tensor(0, 3), stats=nothing),)),
        call(1, "net.a", parent=0, outputs=(replace(tensor(3, 3), stats=all_nan),)),
        call(2, "net.b", parent=0, outputs=(replace(tensor(3, 3), preview=(float("nan"), True)),)),
        call(
            3,
            "net.c",
            parent=0,
            outputs=(replace(tensor(), stats=replace(all_nan, histogram=flat)),),
        ),
    )


def without_tensors() -> Trace:
    none = replace(tensor(1), shape=None, stats=None, note="no tensor: str", preview=())
    return trace_of(
        call(0, "net", inputs=(), outputs=(), seconds=None),
        call(1, "net.words", parent=0, inputs=(none,), outputs=(none, tensor(2, 2))),
        call(2, "", "cat", parent=None, kind="op", network="", outputs=(none,)),
    )


def failing_nowhere() -> Trace:
    failure = Failure(0, None, None, "ValueError: no\nreally", None, None, None)
    return replace(trace_of(call(0, "net")), failure=failure)


TRACES = {
    "generator": generator_trace(),
    "failing": failing_trace(),
    "failing nowhere": failing_nowhere(),
    "no steps": Trace(META, (), ()),
    "no calls": trace_of(),
    "sick": sick(),
    "no tensors": without_tensors(),
    "unicode": trace_of(
        call(0, "генератор.層 | <b>", "Größe*_`"), networks=(Network("図" * 40, "図", "other", 1),)
    ),
    "deep": deep(),
    "orphans": trace_of(call(7, "net.x", parent=3), call(9, "net.y", parent=9)),
    "a step": recorded(),
    "a step with a penalty": recorded("penalty"),
    "a step without zero_grad": forgotten(),
    "a step that failed": failed(),
    "a step without calls": with_step(recorded(), calls=()),
    "a step without figures": with_calls(
        recorded(), lambda one: replace(one, outputs=(), inputs=(), gradients=())
    ),
    "a step of strange names": with_calls(
        recorded(),
        lambda one: replace(one, path=one.path.replace("model", "図|<b>_`")),
    ),
    "two steps": replace(trace_of(), steps=(Step(0, (call(0, "a"),)), Step(1, ()))),
}

EVERYTHING = ViewOptions(values=True, explain=True, show_grads=True)


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES.keys())
@pytest.mark.parametrize("name", names())
def test_any_trace_is_rendered(name: str, trace: Trace) -> None:
    before = trace.to_dict()
    for width in (20, 40, 80, 120):
        text = to_text(trace, replace(EVERYTHING, width=width), name=name)
        assert text
        assert not text.endswith("\n")
        assert "\x1b" not in text
        if name == "table":
            assert max(map(cell_len, text.splitlines())) <= width
    assert trace.to_dict() == before


@pytest.mark.parametrize("name", names())
def test_every_call_is_in_every_view(name: str) -> None:
    text = to_text(generator_trace(), ViewOptions(width=120), name=name)
    for one in generator_trace().steps[0].calls:
        assert one.path.replace("/", ".").split(".")[-1] in text.replace("\\", "")


@pytest.mark.parametrize("name", names())
def test_every_view_selects(name: str) -> None:
    text = to_text(generator_trace(), ViewOptions(width=120, only="*.3"), name=name)
    assert "generator.model.3" in text.replace("\\", "")
    assert "generator.model.2" not in text.replace("\\", "")


@pytest.mark.parametrize("name", names())
def test_a_thousand_calls_are_all_there(name: str) -> None:
    calls = [call(i, f"net.{i}", parent=0 if i else None) for i in range(1000)]
    text = to_text(trace_of(*calls), ViewOptions(width=120), name=name)
    assert [number for number in range(1000) if str(number) not in text] == []
    assert len(text.splitlines()) >= 1000
