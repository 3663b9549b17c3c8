from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganscope.errors import UsageError
from ganscope.traces import Call, Step
from ganscope.views import ViewOptions, passes

from .builders import call, generator_trace, trace_of

CALLS = generator_trace().steps[0].calls


def paths(calls: tuple[Call, ...]) -> list[str]:
    return [one.label for one in calls]


def test_select_crosses_dots() -> None:
    assert paths(passes.select(CALLS, "generator.*1")) == [
        "generator.model.1",
        "generator.model.11",
    ]
    assert len(passes.select(CALLS, "*")) == len(CALLS)


def test_select_takes_a_repeated_call_by_its_label() -> None:
    calls = (call(0, "d.0"), call(1, "d.0", nth=2))
    assert paths(passes.select(calls, "d.0 #2")) == ["d.0 #2"]
    assert paths(passes.select(calls, "d.0")) == ["d.0", "d.0 #2"]


def test_a_kept_call_hangs_on_its_nearest_kept_ancestor() -> None:
    kept = passes.select(CALLS, "generator")
    assert kept[0].parent is None
    without_middle = tuple(one for one in CALLS if one.path != "generator.model")
    chosen = passes.select(CALLS, "generator[!.]*")
    assert all(one.parent is None for one in chosen)
    both = passes.select(CALLS, "*r*[r0]")
    assert paths(both) == ["generator", "generator.model.0", "generator.model.10"]
    assert [one.parent for one in both] == [None, 0, 0]
    assert len(without_middle) == len(CALLS) - 1


def test_without_ops() -> None:
    assert paths(passes.without_ops(CALLS)) == paths(CALLS)[:-1]


@pytest.mark.parametrize(("depth", "count"), [(1, 1), (2, 3), (3, 16), (9, 16)])
def test_fold(depth: int, count: int) -> None:
    folded = passes.fold(CALLS, depth)
    assert len(folded) == count
    assert all(one in CALLS for one in folded), "a folded container keeps its own record"


def test_depth_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="--depth 0 shows nothing"):
        passes.fold(CALLS, 0)


def test_depth_counts_from_the_top_of_what_was_selected() -> None:
    trace = passes.apply(generator_trace(), ViewOptions(only="generator.model*", depth=1))
    assert paths(trace.steps[0].calls) == ["generator.model"]


def test_nothing_selected_names_the_glob_and_a_near_path() -> None:
    with pytest.raises(UsageError) as caught:
        passes.select(CALLS, "generator.modle.3")
    assert str(caught.value) == (
        "--only 'generator.modle.3' matches no path; did you mean 'generator.model.3'?"
    )
    with pytest.raises(UsageError, match="a path looks like"):
        passes.select(CALLS, "zzz")
    with pytest.raises(UsageError, match="no call of this trace has a path"):
        passes.select((), "zzz")


def test_a_glob_may_match_in_one_step_only() -> None:
    trace = replace(trace_of(), steps=(Step(0, (call(0, "a"),)), Step(1, (call(0, "b"),))))
    shown = passes.apply(trace, ViewOptions(only="b"))
    assert [len(step.calls) for step in shown.steps] == [0, 1]
    with pytest.raises(UsageError):
        passes.apply(trace, ViewOptions(only="c"))


def test_ops_alone_selected_and_then_left_out_is_no_error() -> None:
    shown = passes.apply(generator_trace(), ViewOptions(only="*/view", ops=False))
    assert shown.steps[0].calls == ()


@given(st.lists(st.integers(-1, 30), max_size=40), st.integers(1, 5))
def test_folding_keeps_every_shallow_call(parents: list[int], depth: int) -> None:
    calls = tuple(
        call(index, f"c{index}", parent=parent if 0 <= parent < index else None)
        for index, parent in enumerate(parents)
    )
    levels = passes.depths(calls)
    folded = passes.fold(calls, depth)
    assert {one.id for one in folded} == {i for i, level in levels.items() if level <= depth}
    kept = {one.id for one in folded}
    assert all(one.parent is None or one.parent in kept for one in folded)
