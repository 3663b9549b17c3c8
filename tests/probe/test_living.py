"""Values by object, for as long as the object lives."""

from __future__ import annotations

import gc

import torch
from torch import nn

from ganscope.probe.living import Living


def test_an_object_that_dies_takes_its_value_with_it() -> None:
    living: Living[str] = Living()
    one, other = torch.ones(2), torch.ones(2)  # equal, element by element
    living.put(one, "one")
    living.put(other, "other")
    assert (living.get(one), living.get(other), living.get(torch.ones(2))) == ("one", "other", None)
    del one
    assert [(thing is other, value) for thing, value in living.items()] == [(True, "other")]
    assert len(living) == 1
    living.put(other, "again")
    assert living.get(other) == "again"
    living.clear()
    assert living.get(other) is None
    assert len(living) == 0


def test_an_id_that_is_used_again_is_another_object() -> None:
    living: Living[int] = Living()
    for number in range(100):  # each takes the place of the one before
        module = nn.ReLU()
        assert living.get(module) is None
        living.put(module, number)
    assert len(living) == 1


def test_it_goes_itself_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        living: Living[torch.Tensor] = Living()
        kept = nn.ReLU()
        before = sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())
        living.put(kept, torch.ones(2))
        del living
        assert sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects()) == before
    finally:
        gc.enable()
