"""Which variable holds an object: found by identity among the variables of the calling frames.

For code without a source (``python -``, ``exec``, a plain REPL), and for what its call does not
name. Nothing stays with a frame: before Python 3.13, to read the local variables of a function
leaves a copy of them with its frame, which is emptied again.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from inspect import CO_OPTIMIZED
from itertools import chain, islice
from types import CodeType, FrameType, FunctionType, GetSetDescriptorType, ModuleType
from typing import Any, NamedTuple, cast

import torch
from torch import nn
from torch.optim import Optimizer

from ganscope.probe import modules, sites

_FRAMES = 16
_ENTRIES = 1_000
_MOST = 10_000
"""How many are looked through: of frames, of what one object holds, of all that at each depth."""

_Held = tuple[str, Any]
"""A name, and what it holds."""


def is_telling(name: str) -> bool:
    """Whether a variable's name says what it holds."""
    return name.isidentifier() and not name.startswith("_") and name not in _VAGUE


_VAGUE = frozenset({"self", "model", "module", "net", "network", "m", "f", "fn", "func", "opt"})


def name_of(
    frame: FrameType | None, value: object, accepts: Callable[[str], bool], *, depth: int = 2
) -> str | None:
    """The variable, attribute or entry that holds `value`.

    A variable comes before what it holds, that before what this holds, and an inner frame before
    the ones that called it; last comes a parameter, since its caller has a name of its own.

    Args:
        frame: Where to begin; frames of torch are passed over.
        value: What is looked for, or what a wrapper holds.
        accepts: Whether a name will do.
        depth: How far into attributes, dictionaries and lists.
    """
    parameters: list[str] = []
    holders: list[_Held] = []
    for name, held, is_parameter in _variables(frame):
        if not _is(held, value):
            holders.append((name, held))
        elif is_parameter:
            parameters.append(name)
        elif accepts(name):
            return name
    for level in _levels(holders, depth):
        here = [each for each in level if _is(each.held, value)]
        names: Iterable[tuple[str, ...]] = zip(*(each[:3] for each in here), strict=True)
        found = next(filter(accepts, chain.from_iterable(names)), None)
        if found is not None:
            return found
    return next(filter(accepts, parameters), None)


def optimizers(frame: FrameType | None) -> list[Optimizer]:
    """Those that the calling frames can reach."""
    variables = [(name, held) for name, held, _ in _variables(frame)]
    inside = (each.held for level in _levels(variables, 3) for each in level)
    every = (*(held for _, held in variables), *inside)
    found = {id(held): held for held in every if issubclass(type(held), Optimizer)}
    return list(found.values())


def first_argument(frame: FrameType) -> object:
    """What a function was given first, its ``self`` perhaps; None without one."""
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    return _locals(frame).get(names[0]) if names else None


def parameters_of(code: CodeType) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


@lru_cache(maxsize=256)
def loop_variables(code: CodeType) -> frozenset[str]:
    """The variables of the loops in a function or module: what they hold has another name."""
    found: set[str] = set()
    left = 0
    for each in dis.get_instructions(code):
        if each.opname == "FOR_ITER":
            left = 1
        elif left and each.opname == "UNPACK_SEQUENCE":
            left += (each.arg or 0) - 1
        elif left and each.opname.startswith("STORE_"):
            stored = each.argval if isinstance(each.argval, tuple) else (each.argval,)
            own = stored[:1] if each.opname == "STORE_FAST_LOAD_FAST" else stored
            found.update(map(str, own))
            left = max(0, left - len(own))
        elif each.opname not in ("EXTENDED_ARG", "CACHE", "NOT_TAKEN"):
            left = 0
    return frozenset(found)


def _variables(frame: FrameType | None) -> Iterator[tuple[str, Any, bool]]:
    """The variables of the calling frames, the innermost first, without those of loops; of each,
    whether it is a parameter."""
    frames: list[FrameType] = []
    while len(frames) < _FRAMES and (frame := sites.user_frame(frame)) is not None:
        frames.append(frame)
        frame = frame.f_back
    codes = [each.f_code for each in frames]
    of_modules = [loop_variables(code) for code in codes if not code.co_flags & CO_OPTIMIZED]
    looked: set[int] = set()
    for each, code in zip(frames, codes, strict=True):
        looped, parameters = loop_variables(code), parameters_of(code)
        for name, held in _locals(each).items():
            if name not in looped:
                yield name, held, name in parameters
        if id(each.f_globals) not in looked:
            looked.add(id(each.f_globals))
            for name, held in list(each.f_globals.items()):
                if not any(name in loops for loops in (looped, *of_modules)):
                    yield name, held, False


def _locals(frame: FrameType) -> dict[str, Any]:
    """A copy of the local variables of a frame, which itself is left as it was."""
    if not frame.f_code.co_flags & CO_OPTIMIZED or sys.version_info >= (3, 13):
        return dict(frame.f_locals)
    if _asks_for_them(frame.f_code):
        return {}  # the copy that Python makes may be in the user's hands already
    copy = frame.f_locals
    found = dict(copy)
    # A trace function has its own use for the copy: Python writes it back to the variables.
    if sys.gettrace() is None and sys.getrefcount(copy) <= _OWN_REFERENCES:
        copy.clear()
    return found


@lru_cache(maxsize=256)
def _asks_for_them(code: CodeType) -> bool:
    asked = (each for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL")
    return any(each.argval in _ASKING for each in asked)


_ASKING = frozenset({"locals", "vars", "dir", "eval", "exec"})
_OWN_REFERENCES = 3
"""The frame's, ours, and the one of the call that counts them."""


def _is(held: object, value: object) -> bool:
    """Whether `held` is `value` or a wrapper around it."""
    if held is value:
        return True
    if not issubclass(type(held), nn.Module) or not issubclass(type(value), nn.Module):
        return False
    return modules.unwrap(cast("nn.Module", held))[0] is value


class _Entry(NamedTuple):
    """What an attribute, key or index holds: that, and that behind its holder's names."""

    key: str
    name: str
    path: str
    held: Any


def _levels(variables: list[_Held], depth: int) -> Iterator[list[_Entry]]:
    """What these hold, then what that holds in turn, nearest first."""
    seen: set[int] = set()
    holders = [_Entry(name, name, name, held) for name, held in variables]
    for _ in range(depth):
        level: list[_Entry] = []
        for around in holders:
            if id(around.held) in seen or len(level) > _MOST:
                continue
            seen.add(id(around.held))
            name = around.key if is_telling(around.key) else around.name
            for key, held in _entries(around.held):
                own, far = _joined(name, key), _joined(around.path, key)
                level.append(_Entry(key, own, far, held))
        yield level
        holders = level


def _joined(name: str, key: str) -> str:
    return key if key.startswith("_") or not is_telling(name) else f"{name}_{key}"


def _entries(holder: Any) -> list[_Held]:
    """What a dictionary, list, tuple or object holds, without running any code of it."""
    kind = type(holder)
    pairs: Iterable[tuple[Any, Any]] = ()
    if issubclass(kind, dict):
        pairs = list(dict.items(holder)) if dict.__len__(holder) <= _ENTRIES else ()
    elif kind in (list, tuple):
        pairs = enumerate(islice(holder, _ENTRIES))
    elif not issubclass(kind, _CLOSED):
        own = _attributes(holder)
        return [] if own is None else _entries(own) + _entries(own.get("_modules"))
    return [(str(key), held) for key, held in pairs if type(key) in (str, int)]


def _attributes(holder: object) -> dict[str, Any] | None:
    """The attributes of an object; None where it has none, or a function of its own for them."""
    for base in type(holder).__mro__:
        own = _OF_CLASS.__get__(base).get("__dict__")
        if own is not None:
            found = own.__get__(holder) if type(own) is GetSetDescriptorType else None
            return found if type(found) is dict else None
    return None


_OF_CLASS = type.__dict__["__dict__"]
_CLOSED = (type, ModuleType, FunctionType, torch.Tensor)
