"""What differs between two traces, and by how much."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ganscope
from ganscope.traces import (
    EARLIER,
    Backward,
    BufferChange,
    Call,
    Failure,
    Gradient,
    Histogram,
    LedgerEntry,
    Loss,
    LossPart,
    Optimizer,
    ParameterUpdate,
    Step,
    TensorRecord,
    TensorStats,
    Trace,
    Update,
)
from ganscope.traces.compare import compare
from ganscope.traces.distances import distance, of_records, of_stats
from tests.traces.gan_steps import gan_steps
from tests.traces.strategies import of
from tests.traces.test_file import write
from tests.traces.test_schema import CALL, GOLDEN, META

inf, nan = math.inf, math.nan
ANY = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def trace_of(*steps: Step) -> Trace:
    return Trace(META, (), steps)


STATS = TensorStats(4, 0.5, 1.0, -1.0, 2.0, 2.0, 0.25, 0.0, 0, Histogram(-1.0, 2.0, (1, 2, 1)))
RECORD = TensorRecord((4,), "float32", "cpu", True, STATS, None, (0.5, -1.0, 2.0, 0.25))


def call(path: str, number: int = 0, nth: int = 1, **changes: Any) -> Call:
    return replace(
        CALL, id=number, path=path, nth=nth, inputs=(), outputs=(RECORD,), gradients=(), **changes
    )


# -- distances -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "scale", "far"),
    [
        (1.0, 1.0, 0.0, 0.0),
        (2.0, 1.0, 0.0, 0.5),
        (-1.0, 1.0, 0.0, 2.0),
        (1e-9, 2e-9, 1.0, 1e-9),
        (0.0, -0.0, 0.0, 0.0),
        (0.0, 1e-300, 0.0, 1.0),
        (nan, nan, 0.0, 0.0),
        (nan, 1.0, 0.0, inf),
        (inf, inf, 0.0, 0.0),
        (inf, -inf, 0.0, inf),
        (inf, 1.0, 0.0, inf),
        (None, None, 0.0, 0.0),
        (None, 0.0, 0.0, inf),
        (3, 4, 0.0, 0.25),
        (10**400, 1.0, 0.0, inf),
    ],
)
def test_distance(first: Any, second: Any, scale: float, far: float) -> None:
    assert distance(first, second, scale) == pytest.approx(far)
    assert distance(second, first, scale) == pytest.approx(far)


@ANY
@given(of(TensorRecord), of(TensorRecord))
def test_any_two_records_can_be_compared(first: TensorRecord, second: TensorRecord) -> None:
    assert list(of_records(first, first)) == []
    there, back = list(of_records(first, second)), list(of_records(second, first))
    assert [(one.figure, one.relative) for one in there] == [
        (one.figure, one.relative) for one in back
    ]
    assert all(one.relative > 0 for one in there)


@pytest.mark.parametrize(
    ("changes", "figure", "far"),
    [
        ({"mean": 0.6}, "mean", 0.1),  # to the root mean square, which is 1
        ({"min": -1.5}, "min", 0.5 / 1.5),
        ({"norm": 2.2}, "norm", 0.2 / 2.2),
        ({"fraction_zero": 0.1}, "fraction_zero", 0.1),
        ({"nonfinite": 1}, "nonfinite", 0.25),
        ({"count": 5}, "count", inf),
        ({"mean": None}, "mean", inf),
        ({"histogram": Histogram(-1.0, 2.0, (2, 1, 1))}, "histogram", 0.25),
        ({"histogram": None}, "histogram", inf),
    ],
)
def test_statistics_are_compared_each_in_its_own_measure(
    changes: dict[str, Any], figure: str, far: float
) -> None:
    found = list(of_stats(STATS, replace(STATS, **changes)))
    assert [(one.figure, one.relative) for one in found] == [(figure, pytest.approx(far))]


def test_shapes_types_and_what_was_not_measured() -> None:
    found = list(of_records(RECORD, replace(RECORD, shape=(2, 2), dtype="float16", stats=None)))
    assert [(one.figure, one.first, one.second) for one in found] == [
        ("shape", "4", "2×2"),
        ("dtype", "float32", "float16"),
        ("figures", "measured", "none"),
    ]


# -- equal ---------------------------------------------------------------------------------------


@ANY
@given(of(Trace))
def test_any_trace_equals_itself(trace: Trace) -> None:
    steps = tuple(replace(step, index=index) for index, step in enumerate(trace.steps))
    trace = replace(trace, steps=steps)
    found = compare(trace, trace)
    assert found.equal
    assert found.first_call is None
    assert found.steps == len(trace.steps)
    assert found.circumstances == {}


def test_times_places_and_samples_make_no_difference() -> None:
    one = trace_of(Step(0, (call("a"),)))
    moved = call("a", seconds=9.0, site=None, settings="x")
    moved = replace(moved, outputs=(replace(RECORD, samples=None),))
    other = replace(trace_of(Step(0, (moved,))), meta=replace(META, seed=7, mode=None))
    found = compare(one, other)
    assert found.equal
    assert found.circumstances == {"seed": ("0", "7"), "mode": ("train", "None")}


# -- different -----------------------------------------------------------------------------------


def with_mean(path: str, mean: float, number: int = 0, nth: int = 1) -> Call:
    one = call(path, number, nth)
    return replace(one, outputs=(replace(RECORD, stats=replace(STATS, mean=mean)),))


def test_the_first_call_that_differs_is_the_first_in_order() -> None:
    one = trace_of(
        Step(0, (call("a"), call("b", 1))),
        Step(10, (call("a"), call("b", 1), call("b", 2, nth=2))),
    )
    other = trace_of(
        Step(0, (call("a"), call("b", 1))),
        Step(10, (call("a"), call("b", 1), with_mean("b", 0.9, 2, nth=2))),
        Step(20, (with_mean("a", 5.0),)),
    )
    found = compare(one, other)
    assert found.first_call is not None
    assert (found.first_call.step, found.first_call.label) == (10, "b #2")
    assert found.first_call.difference.figure == "mean"
    assert found.first_call.difference.relative == pytest.approx(0.4)
    assert (found.steps, found.calls) == (2, 5)
    assert (found.steps_only_first, found.steps_only_second) == ((), (20,))
    assert not found.equal


def test_differences_of_all_steps_are_gathered_the_largest_first() -> None:
    steps = [Step(number, (call("a"), call("b", 1))) for number in range(4)]
    means = (0.5, 0.6, 0.9, 0.7)
    others = [
        Step(number, (with_mean("a", mean), with_mean("b", 2.5, 1)))
        for number, mean in enumerate(means)
    ]
    found = compare(trace_of(*steps), trace_of(*others))
    assert [(one.where, one.step, one.since, one.steps) for one in found.differences] == [
        ("b", 0, 0, 4),
        ("a", 2, 1, 3),
    ]
    assert found.differences[1].relative == pytest.approx(0.4)


def test_a_tolerance_is_relative() -> None:
    one, other = trace_of(Step(0, (call("a"),))), trace_of(Step(0, (with_mean("a", 0.51),)))
    assert not compare(one, other).equal
    assert not compare(one, other, tolerance=0.0099).equal
    assert compare(one, other, tolerance=0.0101).equal


def test_two_single_steps_are_compared_whatever_their_index() -> None:
    one, other = trace_of(Step(3, (call("a"),))), trace_of(Step(7, (call("a"),)))
    assert compare(one, other).equal
    many = trace_of(Step(3, ()), Step(4, ()))
    assert compare(many, other).steps_only_second == (7,)
    assert compare(trace_of(), trace_of()).equal


def test_calls_that_one_lacks_are_listed() -> None:
    steps = [Step(number, (call("a"), call("b", 1))) for number in range(3)]
    others = [Step(number, (call("b"), call("c", 1, type="Tanh"))) for number in range(3)]
    found = compare(trace_of(*steps), trace_of(*others))
    assert [(one.label, one.since, one.steps) for one in found.only_first] == [("a", 0, 3)]
    assert [(one.label, one.type) for one in found.only_second] == [("c", "Tanh")]
    assert not found.differences
    assert not found.equal


def test_operations_without_a_path_and_repeated_labels_are_matched_in_order() -> None:
    ops = tuple(call("", number, kind="op", type="cat") for number in range(2))
    same = compare(trace_of(Step(0, ops)), trace_of(Step(0, ops)))
    assert (same.equal, same.calls) == (True, 2)
    fewer = compare(trace_of(Step(0, ops)), trace_of(Step(0, ops[:1])))
    assert [one.label for one in fewer.only_first] == ["cat (2)"]


def test_single_values_tell_only_where_no_statistic_does() -> None:
    one = call("a")
    permuted = replace(one, outputs=(replace(RECORD, preview=(-1.0, 0.5, 2.0, 0.25)),))
    found = compare(trace_of(Step(0, (one,))), trace_of(Step(0, (permuted,))))
    assert found.differences[0].figure == "value 0"
    changed = replace(STATS, mean=0.5001)
    both = replace(one, outputs=(replace(permuted.outputs[0], stats=changed),))
    found = compare(trace_of(Step(0, (one,))), trace_of(Step(0, (both,))))
    assert found.differences[0].figure == "mean"


def test_one_of_several_outputs() -> None:
    two = replace(call("a"), outputs=(RECORD, RECORD))
    other = replace(two, outputs=(RECORD, replace(RECORD, stats=replace(STATS, std=2.0))))
    found = compare(trace_of(Step(0, (two,))), trace_of(Step(0, (other,))))
    assert found.differences[0].figure == "output 1 std"
    found = compare(trace_of(Step(0, (two,))), trace_of(Step(0, (call("a"),))))
    assert (found.differences[0].figure, found.differences[0].relative) == ("outputs", inf)


UPDATE = Update(
    0,
    (Optimizer("opt_D", "Adam", (0.1,)),),
    ("D",),
    (Loss("d_loss", 0.5, None, (LossPart("real", 0.25),)),),
    parameters=(
        ParameterUpdate(
            name="D.0.weight",
            shape=(4,),
            optimizer="opt_D",
            gradient=STATS,
            weight_norm=2.0,
            update_norm=1.0,
            update_ratio=0.5,
            dtype="float32",
            weight_min=(-1.5, -2.0),
            weight_max=(0.5, 0.25),
            clipped_from=4.0,
        ),
    ),
    buffers=(BufferChange("D.1.running_mean", 2.0, 0.25),),
)


@pytest.mark.parametrize(
    ("changes", "what", "where", "figure", "far"),
    [
        ({"losses": (Loss("d_loss", 1.0, None, UPDATE.losses[0].parts),)}, "loss", "d_loss",
         "value", 0.5),
        ({"losses": (Loss("d_loss", 0.5, None, (LossPart("real", 0.5),)),)}, "loss",
         "d_loss: real", "value", 0.5),
        ({"losses": (*UPDATE.losses, Loss("d_loss", 1.0, None))}, "loss", "d_loss (2)", "value",
         inf),
        ({"optimizers": (Optimizer("opt_D", "Adam", (0.2,)),)}, "optimizer", "opt_D",
         "learning_rate", 0.5),
        ({"parameters": ()}, "update", "D.0.weight", "update", inf),
        ({"parameters": (replace(UPDATE.parameters[0], update_norm=4.0),)}, "update",
         "D.0.weight", "update_norm", 0.75),
        ({"parameters": (replace(UPDATE.parameters[0], gradient=replace(STATS, std=2.0)),)},
         "update", "D.0.weight", "gradient std", 0.5),
        ({"parameters": (replace(UPDATE.parameters[0], gradient=None),)}, "update",
         "D.0.weight", "gradient figures", inf),
        ({"parameters": (replace(UPDATE.parameters[0], clipped_from=8.0),)}, "update",
         "D.0.weight", "clipped_from", 0.5),
        ({"parameters": (replace(UPDATE.parameters[0], weight_min=(-1.5, -1.0)),)}, "update",
         "D.0.weight", "weight_min after", 0.5),
        ({"parameters": (replace(UPDATE.parameters[0], weight_max=(0.5, None)),)}, "update",
         "D.0.weight", "weight_max after", inf),
        ({"buffers": (replace(UPDATE.buffers[0], change_norm=0.5),)}, "buffer",
         "D.1.running_mean", "change_norm", 0.5),
        ({"buffers": ()}, "buffer", "D.1.running_mean", "buffer", inf),
        ({"changed_outside": ("D.0.weight",)}, "weight", "D.0.weight", "changed_outside", inf),
    ],
)  # fmt: skip
def test_what_an_update_did(
    changes: dict[str, Any], what: str, where: str, figure: str, far: float
) -> None:
    one, other = Step(0, (), (UPDATE,)), Step(0, (), (replace(UPDATE, **changes),))
    for first, second in ((one, other), (other, one)):
        found = compare(trace_of(first), trace_of(second))
        assert [(d.what, d.where, d.figure) for d in found.differences] == [(what, where, figure)]
        assert found.differences[0].relative == pytest.approx(far)
        assert found.first_call is None


def test_gradients_are_matched_in_order() -> None:
    gradients = (Gradient(0, 0, STATS), Gradient(1, 0, None))
    one = replace(call("a"), gradients=gradients)
    later = replace(one, gradients=(Gradient(4, 0, replace(STATS, norm=4.0)), gradients[1]))
    found = compare(trace_of(Step(0, (one,))), trace_of(Step(0, (later,))))
    assert [(d.what, d.where, d.figure) for d in found.differences] == [("gradient", "a", "norm")]
    fewer = replace(one, gradients=gradients[:1])
    found = compare(trace_of(Step(0, (one,))), trace_of(Step(0, (fewer,))))
    assert (found.differences[0].figure, found.differences[0].relative) == ("gradients", inf)


# -- inputs, and what a call is for ----------------------------------------------------------------


def of_mean(mean: float) -> TensorRecord:
    return replace(RECORD, stats=replace(STATS, mean=mean))


def through(*means: float, number: int = 0, path: str = "a", **changes: Any) -> Call:
    """A call that makes of the first means one of the last; one mean is one tensor."""
    records = [replace(of_mean(mean), id=round(1000 * mean), alias_of=None) for mean in means]
    *taken, made = records
    return replace(call(path, number), inputs=tuple(taken), outputs=(made,), **changes)


def told(first: Step, second: Step, **settings: Any) -> list[tuple[str, str, str]]:
    found = compare(trace_of(first), trace_of(second), **settings)
    assert found.equal == (not found.differences)
    return [(one.what, one.where, one.figure) for one in found.differences]


def test_an_input_that_differs_is_the_first_difference() -> None:
    one = Step(0, (through(0.1, 0.2), through(0.2, 0.3, number=1, path="b")))
    other = Step(0, (through(0.12, 0.22), through(0.22, 0.33, number=1, path="b")))
    found = compare(trace_of(one), trace_of(other))
    assert found.first_call is not None
    assert (found.first_call.label, found.first_call.difference.what) == ("a", "input")
    assert found.first_call.difference.first == 0.1
    # What b takes in is only what a brought out.
    assert {(each.what, each.where) for each in found.differences} == {
        ("input", "a"),
        ("output", "a"),
        ("output", "b"),
    }


def test_an_input_that_is_another_tensor_than_before_is_told() -> None:
    calls = through(0.1, 0.2), through(0.1, 0.2, number=1, path="b")
    one = Step(0, (*calls, through(0.2, 0.3, number=2, path="c")))
    other = Step(0, (*calls, through(0.1, 0.3, number=2, path="c")))
    assert told(one, other) == [("input", "c", "mean")]


def test_an_input_that_several_calls_take_is_told_once() -> None:
    one = Step(0, (through(0.1, 0.2), through(0.1, 0.2, number=1, path="a.0")))
    other = Step(0, (through(0.3, 0.2), through(0.3, 0.2, number=1, path="a.0")))
    assert told(one, other) == [("input", "a", "mean")]


def test_one_of_several_inputs_and_their_number() -> None:
    one, other = Step(0, (through(0.1, 0.2, 0.5),)), Step(0, (through(0.1, 0.3, 0.5),))
    assert told(one, other) == [("input", "a", "input 1 mean")]
    assert told(one, other, tolerance=0.2) == []
    fewer = Step(0, (through(0.1, 0.5),))
    assert told(one, fewer, tolerance=0.9) == [("input", "a", "inputs")]


def test_the_update_and_the_purpose_of_calls_are_told_once_for_all_that_changed_alike() -> None:
    calls = tuple(
        call(path, number, update=update, purpose="training")
        for number, (path, update) in enumerate([("a", 0), ("a.0", 0), ("b", 1), ("b.0", 1)])
    )
    others = tuple(replace(each, update=None, purpose="evaluation") for each in calls)
    assert told(Step(0, calls), Step(0, others)) == [
        ("call", "a", "update"),
        ("call", "b", "update"),
    ]
    others = tuple(replace(each, purpose="evaluation") for each in calls)
    assert told(Step(0, calls), Step(0, others)) == [("call", "a", "purpose")]
    calls = tuple(replace(each, mode="train") for each in calls)
    others = tuple(replace(each, mode="eval") for each in calls)
    assert told(Step(0, calls), Step(0, others)) == [("call", "a", "mode")]
    others = tuple(replace(each, mode=None) for each in calls)  # of an older version
    assert told(Step(0, calls), Step(0, others)) == []
    others = tuple(replace(each, type="Other", parameters=7) for each in calls[:2])
    assert told(Step(0, calls[:2]), Step(0, others)) == [
        ("call", "a", "type"),
        ("call", "a.0", "type"),
    ]


# -- what ran, what became of gradients, how it ended ----------------------------------------------


RUN = Backward(
    id=0,
    loss="d_loss",
    kind="backward",
    reached={"D": 4, "G": 6},
    create_graph=False,
    retain_graph=False,
)
HOLDING = Optimizer(
    name="opt_D",
    type="Adam",
    learning_rates=(0.1,),
    betas=((0.5, 0.999),),
    weight_decay=(0.0,),
    holds=("D.0.weight",),
)


@pytest.mark.parametrize(
    ("changes", "what", "where", "figure"),
    [
        ({"optimizers": (Optimizer("opt_D", "SGD", (0.1,)),)}, "optimizer", "opt_D", "type"),
        ({"optimizers": ()}, "optimizer", "opt_D", "optimizer"),
        ({"optimizers": (Optimizer("opt_D", "Adam", (0.1, 0.1)),)}, "optimizer", "opt_D",
         "learning_rates"),
        ({"optimizers": (replace(HOLDING, betas=((0.5, 0.9),)),)}, "optimizer", "opt_D", "betas"),
        ({"optimizers": (replace(HOLDING, momentum=(0.5,)),)}, "optimizer", "opt_D", "momentum"),
        ({"optimizers": (replace(HOLDING, weight_decay=()),)}, "optimizer", "opt_D",
         "weight_decay"),
        ({"optimizers": (replace(HOLDING, holds=("D.1.weight",)),)}, "optimizer", "opt_D", "holds"),
        ({"parameters": (replace(UPDATE.parameters[0], dtype="float16"),)}, "update",
         "D.0.weight", "dtype"),
        ({"backwards": (replace(RUN, retain_graph=True),)}, "backward", "d_loss", "retain_graph"),
        ({"networks": ("D", "G")}, "optimizer", "opt_D", "networks"),
        ({"gradient_scale": 65536.0}, "optimizer", "opt_D", "gradient_scale"),
        ({"parameters": (replace(UPDATE.parameters[0], optimizer="other"),)}, "update",
         "D.0.weight", "optimizer"),
        ({"backwards": ()}, "backward", "d_loss", "backward"),
        ({"backwards": (replace(RUN, kind="grad"),)}, "backward", "d_loss", "kind"),
        ({"backwards": (replace(RUN, reached={"D": 4, "G": 5}),)}, "backward", "d_loss",
         "reached G"),
        ({"backwards": (replace(RUN, reached={"D": 4}),)}, "backward", "d_loss", "reached G"),
        ({"backwards": (replace(RUN, create_graph=True),)}, "backward", "d_loss", "create_graph"),
        ({"backwards": (RUN, replace(RUN, id=1))}, "backward", "d_loss (2)", "backward"),
        ({"backwards": (RUN, replace(RUN, id=1, loss=None))}, "backward",
         "a loss without a name", "backward"),
    ],
)  # fmt: skip
def test_what_ran_in_an_update(changes: dict[str, Any], what: str, where: str, figure: str) -> None:
    update = replace(UPDATE, optimizers=(HOLDING,), backwards=(RUN,))
    one, other = Step(0, (), (update,)), Step(0, (), (replace(update, **changes),))
    for first, second in ((one, other), (other, one)):
        # What is counted, and what is a word, no tolerance passes over.
        assert told(first, second, tolerance=0.95) == [(what, where, figure)]


def test_the_loss_and_the_update_of_a_backward() -> None:
    one, other = replace(UPDATE, backwards=(RUN,)), replace(UPDATE, index=1)
    renamed = replace(one, backwards=(replace(RUN, loss="other"),))
    assert told(Step(0, (), (one,)), Step(0, (), (renamed,))) == [
        ("backward", "d_loss", "backward"),
        ("backward", "other", "backward"),
    ]
    later = (replace(one, backwards=()), replace(other, backwards=(RUN,)))
    assert told(Step(0, (), (one, other)), Step(0, (), later)) == [("backward", "d_loss", "update")]


def test_whether_a_graph_was_made_counts_only_where_both_tell() -> None:
    update = replace(UPDATE, backwards=(RUN,))
    older = replace(UPDATE, backwards=(replace(RUN, create_graph=None),))
    assert told(Step(0, (), (update,)), Step(0, (), (older,))) == []


LEDGER = (
    LedgerEntry("D", EARLIER, 4, "cleared", 0),
    LedgerEntry("D", 0, 4, "used", 0),
    LedgerEntry("G", 0, 6, "left", None),
)


@pytest.mark.parametrize(
    ("ledger", "rows"),
    [
        (LEDGER, []),
        ((), [("D from an earlier step", "cleared in update 0"),
              ("D from d_loss", "used in update 0"), ("G from d_loss", "left")]),
        (LEDGER[1:], [("D from an earlier step", "cleared in update 0")]),
        ((*LEDGER[:2], replace(LEDGER[2], tensors=5)), [("G from d_loss", "left")]),
        ((*LEDGER[:2], replace(LEDGER[2], fate="cleared", update=0)), [("G from d_loss", "left")]),
        ((replace(LEDGER[0], fate="used"), *LEDGER[1:]),
         [("D from an earlier step", "cleared in update 0")]),
        ((*LEDGER, LedgerEntry("G", 7, 1, "used", 0)),
         [("G from another backward", "used in update 0")]),
        ((LEDGER[0], *[replace(LEDGER[1], tensors=2)] * 2, LEDGER[2]), []),
    ],
)  # fmt: skip
def test_what_became_of_gradients(
    ledger: tuple[LedgerEntry, ...], rows: list[tuple[str, str]]
) -> None:
    updates = (replace(UPDATE, backwards=(RUN,)),)
    one, other = Step(0, (), updates, LEDGER), Step(0, (), updates, ledger)
    assert told(one, other, tolerance=0.95) == [("ledger", *row) for row in rows]


def test_another_backward_before_does_not_change_whose_gradients_are_told() -> None:
    one = Step(0, (), (replace(UPDATE, backwards=(RUN,)),), LEDGER)
    more = (replace(RUN, loss="more"), replace(RUN, id=1))
    shifted = (LEDGER[0], *(replace(each, backward=1) for each in LEDGER[1:]))
    other = Step(0, (), (replace(UPDATE, backwards=more),), shifted)
    assert told(one, other) == [("backward", "more", "backward")]


def test_which_of_two_backwards_of_one_name_had_brought_the_gradients() -> None:
    updates = (replace(UPDATE, backwards=(RUN, replace(RUN, id=1))),)
    one, other = (Step(0, (), updates, (LedgerEntry("D", run, 4, "used", 0),)) for run in (0, 1))
    assert told(one, other) == [
        ("ledger", "D from d_loss", "used in update 0"),
        ("ledger", "D from d_loss (2)", "used in update 0"),
    ]


FAILURE = Failure(1, 0, 2, "RuntimeError: boom", "a", "b", None)


def test_a_failure_in_one_of_them_and_another_one() -> None:
    steps = Step(0, ()), Step(1, ())
    fine, failed = trace_of(*steps), replace(trace_of(*steps), failure=FAILURE)
    for first, second in ((fine, failed), (failed, fine)):
        (one,) = compare(first, second).differences
        assert (one.what, one.where, one.figure, one.step) == ("failure", "step 1", "failure", 1)
        assert {one.first, one.second} == {None, "RuntimeError: boom"}
    assert compare(failed, replace(failed, failure=replace(FAILURE, call=7))).equal
    for name in ("message", "expected", "got"):
        other = replace(failed, failure=replace(FAILURE, **{name: "x"}))  # type: ignore[arg-type]
        assert [one.figure for one in compare(failed, other).differences] == [name]
    later = replace(failed, failure=replace(FAILURE, step=0))
    assert [one.figure for one in compare(failed, later).differences] == ["step"]
    one, other = (replace(trace_of(Step(index, ())), failure=replace(FAILURE, step=index))
                  for index in (3, 7))  # fmt: skip
    assert compare(one, other).equal


@ANY
@given(of(Trace), of(Trace), st.floats(0, 1))
def test_any_two_traces_can_be_compared(first: Trace, second: Trace, tolerance: float) -> None:
    found = compare(first, second, tolerance=tolerance)
    far = [one.relative for one in found.differences]
    assert far == sorted(far, reverse=True)
    assert all(one > tolerance for one in far)


# -- in Python -----------------------------------------------------------------------------------


def test_files_and_traces_can_be_compared(tmp_path: Path) -> None:
    steps = gan_steps()
    path = write(tmp_path / "run.gscope", steps)
    assert ganscope.diff(path, str(path)).equal
    assert ganscope.diff(path, replace(GOLDEN, steps=steps)).equal
    found = ganscope.diff(path, replace(GOLDEN, steps=(steps[1], *steps[1:])), tolerance=0.01)
    assert (found.steps_only_first, found.tolerance) == ((0,), 0.01)
