"""The data flow of a step: sources by identity, checked against the rule spelled out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ganscope.analysis.graph import ALIAS, CHANGED, SAME, DataFlow, Source
from ganscope.traces import Call, TensorRecord
from tests.views.builders import another, call, tensor, view_of


def op(
    identity: int, taken: Sequence[TensorRecord], made: Sequence[TensorRecord], parent: int | None
) -> Call:
    return call(identity, f"n.{identity}", inputs=(*taken,), outputs=(*made,), parent=parent)


def program(seed: int, length: int = 40) -> list[Call]:
    """Nested calls that take, hand on, view and change tensors at random, as code might."""
    random, calls, last = Random(seed), list[Call](), [-1]
    tensors = [tensor(4) for _ in range(3)]

    def run(parent: int | None, depth: int) -> None:
        while last[0] < length and random.random() < 0.8:
            last[0] += 1
            identity = last[0]
            taken = random.choices(tensors, k=random.randint(1, 3))
            taken += [random.choice([view_of, another])(taken[0])] * (random.random() < 0.2)
            place = len(calls)
            calls.append(op(identity, taken, (), parent))
            if depth < 4 and random.random() < 0.4:
                run(identity, depth + 1)
            new = random.choice([tensor(4), taken[0], tensors[-1]])
            if random.random() < 0.2:
                new = another(taken[0], changed_from=taken[0].id)
            calls[place] = replace(calls[place], outputs=(new,))
            tensors.append(new)

    while last[0] < length:
        run(None, 0)
    return calls


def enclosing(calls: dict[int, Call], one: Call) -> list[int]:
    found = []
    while one.parent is not None:
        found.append(one.parent)
        one = calls[one.parent]
    return found


def exact(calls: Sequence[Call], one: Call, tensor_id: int) -> Source | None:
    """The rule, word by word."""
    by_id = {each.id: each for each in calls}
    around = enclosing(by_id, one)
    ended = [each for each in calls if each.id < one.id and each.id not in around]

    def makers(among: Sequence[Call]) -> list[Source]:
        return [
            Source(each.id, index)
            for each in among
            for index, record in enumerate(each.outputs)
            if record.id == tensor_id
        ]

    beside = makers([each for each in ended if each.parent == one.parent])
    if beside:
        return beside[-1]
    for above in around:
        inside = [each for each in ended if above in enclosing(by_id, each)]
        if inside and makers(inside):
            return widest(by_id, makers(inside), around)
        for index, record in reversed(list(enumerate(by_id[above].inputs))):
            if record.id == tensor_id:
                return Source(above, index, is_input=True)
    return widest(by_id, makers(ended), around) if makers(ended) else None


def widest(calls: dict[int, Call], found: Sequence[Source], around: Sequence[int]) -> Source:
    """Of those that ended last with a tensor, the one that encloses the others."""

    def end(source: Source) -> tuple[int, int]:
        inside = [each for each in calls.values() if source.call in enclosing(calls, each)]
        return max([source.call, *(each.id for each in inside)]), -source.call

    return max(found, key=end)


@given(st.integers(0, 10**9))
def test_every_source_is_the_one_that_the_rule_names(seed: int) -> None:
    calls = program(seed)
    flow = DataFlow(calls)
    for one in calls:
        for record, source in zip(one.inputs, flow.sources(one), strict=True):
            assert record.id is not None
            wanted = exact(calls, one, record.id)
            if wanted is not None:
                assert source == wanted
            elif source is not None:
                assert source.how != SAME
                assert flow.record(source).id != record.id


@given(st.integers(0, 10**9))
def test_equal_values_join_nothing(seed: int) -> None:
    """All tensors of the programs have the same values, and the same flow as others have."""
    calls = program(seed)
    blind = [replace(each, inputs=blinded(each.inputs)) for each in calls]
    assert all(source is None for each in blind for source in DataFlow(blind).sources(each))


def blinded(records: Sequence[TensorRecord]) -> tuple[TensorRecord, ...]:
    return tuple(another(record, alias_of=None, changed_from=None) for record in records)


@given(st.integers(0, 10**9))
def test_an_output_is_made_by_the_call_inside_that_output_it_last(seed: int) -> None:
    calls = program(seed)
    flow = DataFlow(calls)
    for one in calls:
        parts = [each for each in calls if each.parent == one.id]
        for index, record in enumerate(one.outputs):
            made = [each for each in parts if record.id in {x.id for x in each.outputs}]
            source = flow.maker(one, index)
            if made:
                assert source == Source(made[-1].id, 0)
            else:
                assert source is None or source.is_input or source.how == ALIAS
            inner = flow.innermost_maker(one, index)
            assert record.id in (flow.record(inner).id, *aliases(flow.record(inner), calls))


def aliases(record: TensorRecord, calls: Sequence[Call]) -> set[int | None]:
    """All that are said to be views of a tensor."""
    every = [each for call in calls for each in (*call.inputs, *call.outputs)]
    return {each.id for each in every if each.alias_of == record.id}


def test_the_last_call_within_the_same_module_comes_first() -> None:
    x, y = tensor(4), tensor(4)
    calls = [
        op(0, [x], [y], None),
        op(1, [x], [tensor(4)], 0),
        op(2, [tensor(4)], [y], 0),
        op(3, [y], [y], None),
        op(4, [y], [y], 3),
        op(5, [y, x], [tensor(4)], None),
    ]
    flow = DataFlow(calls)
    assert flow.sources(calls[1]) == (Source(0, 0, is_input=True),)
    assert flow.sources(calls[3]) == (Source(0, 0),)
    assert flow.sources(calls[4]) == (Source(3, 0, is_input=True),)
    assert flow.sources(calls[5]) == (Source(3, 0), None)
    assert flow.innermost_maker(calls[0], 0) == Source(2, 0)


def test_what_a_closure_kept_comes_from_inside_another_call() -> None:
    x, kept = tensor(4), tensor(4)
    calls = [
        op(0, [x], [tensor(4)], None),
        op(1, [x], [kept], 0),
        op(2, [x], [tensor(4)], None),
        op(3, [kept], [tensor(4)], 2),
    ]
    assert DataFlow(calls).sources(calls[3]) == (Source(1, 0),)


def test_views_and_changes_that_no_call_made_are_followed_and_told() -> None:
    made = tensor(4)
    view = view_of(made)
    changed = another(made, changed_from=made.id)
    both = another(view, alias_of=None, changed_from=view.id)
    calls = [op(0, [tensor(4)], [made], None), op(1, [view, changed, both], [tensor(4)], None)]
    assert DataFlow(calls).sources(calls[1]) == (
        Source(0, 0, how=ALIAS),
        Source(0, 0, how=CHANGED),
        Source(0, 0, how=CHANGED),
    )


def test_a_record_without_an_id_has_no_source() -> None:
    blind = replace(tensor(4), id=None)
    calls = [op(0, [blind], [blind], None), op(1, [blind], [blind], None)]
    flow = DataFlow(calls)
    assert flow.sources(calls[1]) == (None,)
    assert flow.maker(calls[1], 0) is None


def test_calls_whose_module_is_left_out_are_outermost() -> None:
    x, y = tensor(4), tensor(4)
    calls = [op(3, [x], [y], 1), op(4, [y], [x], 2)]
    assert DataFlow(calls).sources(calls[1]) == (Source(3, 0),)


def test_thousands_of_calls_take_no_time_at_all() -> None:
    calls, last = [], tensor(4)
    for identity in range(0, 20_000, 2):
        new = tensor(4)
        calls += [op(identity, [last], [new], None), op(identity + 1, [last], [new], identity)]
        last = new
    changed, first = [last], len(calls)
    for identity in range(first, first + 3_000):
        changed.append(another(last, changed_from=changed[-1].id))
        calls.append(op(identity, [changed[-1]], [tensor(4)], None))
    begun = time.perf_counter()
    flow = DataFlow(calls)
    assert time.perf_counter() - begun < 5
    assert flow.source(calls[19_998], 0) == Source(19_996, 0)
