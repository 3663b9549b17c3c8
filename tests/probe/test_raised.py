"""An exception is told from others without being kept."""

from __future__ import annotations

import pytest

from ganscope.probe.raised import Raised


def caught(message: str = "text") -> Exception:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_an_exception_is_behind_itself_and_what_came_of_it() -> None:
    error = caught()
    mark = Raised.of(error)
    assert mark.is_behind(error)
    assert not mark.is_behind(caught())
    with pytest.raises(RuntimeError) as after:
        try:
            raise error
        finally:
            raise RuntimeError("while it was handled")
    assert mark.is_behind(after.value)
    with pytest.raises(KeyError) as caused:
        raise KeyError("of it") from error
    assert mark.is_behind(caused.value)
    assert mark.is_behind(error.with_traceback(None))


def test_another_one_in_its_place_is_told_apart() -> None:
    error = caught()
    mark = Raised.of(error)
    reused = Raised(id(other := caught()), mark.kind, mark.place)
    assert reused.is_behind(other)
    try:
        raise ValueError("elsewhere")
    except ValueError as raised:
        assert not Raised(id(raised), mark.kind, mark.place).is_behind(raised)
    assert not Raised(id(other), "builtins.KeyError", mark.place).is_behind(other)


def test_an_exception_that_is_its_own_cause_ends_the_search() -> None:
    one, other = caught(), caught()
    one.__cause__, other.__cause__ = other, one
    assert not Raised.of(caught()).is_behind(one)
