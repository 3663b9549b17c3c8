"""What is found by identity among the calling frames, and that looking leaves no trace."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import torch
from torch import nn

import ganscope
from ganscope.probe import search


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def found(value: object, *taken: str, depth: int = 2) -> str | None:
    def accepts(name: str) -> bool:
        return search.is_telling(name) and name not in taken

    return search.name_of(sys._getframe(1), value, accepts, depth=depth)


class Holder:
    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)


def test_a_variable_comes_before_what_it_holds_and_nearer_before_farther() -> None:
    thing, deep, listed, wrapped = (nn.Linear(1, 1) for _ in range(4))
    holder = Holder(inside=thing, inner=Holder(deeper=deep), many=[deep, listed])
    around = {"key": wrapped}
    data_parallel = nn.DataParallel(wrapped)
    assert found(thing) == "thing"
    assert found(thing, "thing") == "inside"
    assert found(thing, "thing", "inside") == "holder_inside"
    assert found(thing, "thing", depth=0) is None
    del deep, listed
    assert found(holder.inner.deeper) == "deeper"  # type: ignore[attr-defined]
    assert found(holder.many[1]) == "many_1"  # type: ignore[attr-defined]
    assert found(around["key"], "wrapped") == "data_parallel"
    assert data_parallel is not None
    hidden = {"_own": object()}
    assert found(hidden["_own"]) is None


def test_a_parameter_is_called_as_its_caller_calls_it() -> None:
    def helper(given: object) -> str | None:
        return found(given)

    thing = object()
    assert helper(thing) == "thing"
    assert helper(object()) == "given"


def test_a_loop_has_no_name_for_what_it_runs_over() -> None:
    things = [object(), object()]
    names = []
    for place, (each, _) in enumerate(zip(things, things, strict=True)):
        names.append((place, found(each)))
    assert names == [(0, "things_0"), (1, "things_1")]


def test_the_loop_of_a_module_has_none_either() -> None:
    scope: dict[str, Any] = {"found": found, "things": [object(), object()]}
    exec(
        "def inside(given): return found(given)\nfor D in things: last = inside(D)",
        scope,
    )
    assert scope["last"] == "things_1"


class Prickly:
    """Nothing of it may be called."""

    def _refuse(self, *_: object) -> NoReturn:
        raise AssertionError("it was asked")

    __eq__ = __getattr__ = __len__ = __iter__ = __bool__ = __hash__ = _refuse  # type: ignore[assignment]
    __dict__ = property(_refuse)  # type: ignore[assignment]


def test_no_code_of_the_users_objects_runs() -> None:
    class Mapping(dict[str, object]):
        __iter__ = items = keys = __len__ = Prickly._refuse  # type: ignore[assignment]

    prickly, things = Prickly(), Mapping(entry=object())
    assert found(dict.__getitem__(things, "entry")) == "entry"
    assert prickly is not None


_LOOP = """
def turn(watch):
    {first}
    made = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in made]
    with ganscope.record() as recording:
        for net, optimizer in zip(made, optimizers):
            x = torch.ones(3, 2)
            loss = net(x).mean()
            loss.backward()
            optimizer.step()
            watch(x)
            watch(loss)
            del x, loss, net, optimizer
    trace = recording.trace
    updates = [update for step in trace.steps for update in step.updates]
    names = [each.name for update in updates for each in (*update.optimizers, *update.losses)]
    return names, {last}
"""


def made(first: str = "pass", last: str = "None") -> Any:
    """A function without a source."""
    scope: dict[str, Any] = {"torch": torch, "ganscope": ganscope}
    exec(_LOOP.format(first=first, last=last), scope)
    return scope["turn"]


_NAMES = ["optimizers_0", "loss", "optimizers_1", "loss"]


def test_local_tensors_die_when_the_loop_lets_them_go(without_collector: None) -> None:
    alive: list[weakref.ref[Any]] = []
    names, after = made(last="[each() for each in watch.alive]")(_watcher(alive))
    assert names == _NAMES
    assert after == [None] * 4


def _watcher(alive: list[weakref.ref[Any]]) -> Any:
    def watch(tensor: torch.Tensor) -> None:
        alive.append(weakref.ref(tensor))

    watch.alive = alive  # type: ignore[attr-defined]
    return watch


def test_a_functions_own_copy_of_its_variables_stays_as_it_is() -> None:
    turn = made(first="kept = locals()", last="sorted(kept)")
    assert turn(lambda tensor: None)[1] == ["watch"]


def test_variables_survive_where_every_line_is_traced() -> None:
    names = []

    def follow(*_: object) -> Any:
        names.append(found(object()))  # every frame is looked through
        return follow

    def traced(given: int) -> int:
        first = given + 1
        second = first + 1
        return given + first + second

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        total = traced(1)
    finally:
        sys.settrace(before)
    assert total == 6
    assert set(names) == {None}
