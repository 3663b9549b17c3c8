"""Where in the user's code a call was made."""

from __future__ import annotations

import linecache
from pathlib import Path
from types import CodeType, FrameType

import torch

from ganscope import locations
from ganscope.traces import CallSite

_TORCH = str(Path(torch.__file__).parent)

_USER, _PASS, _STOP = range(3)
_verdicts: dict[str, int] = {}

Place = tuple[str, int]
"""File and line."""

Point = tuple[CodeType, int]
"""Code and the offset of an instruction in it: what is kept of a frame that is not held."""

Route = tuple[tuple[tuple[str, int], int], ...]
"""The functions that lead to a place, from the outermost in: where each begins, and its line."""

_MOST_POINTS = 4


def find(frame: FrameType | None) -> Place | None:
    """The innermost place at or above `frame` that is neither torch's nor the observer's."""
    users = user_frame(frame)
    return None if users is None else (users.f_code.co_filename, users.f_lineno)


def points(frame: FrameType | None) -> tuple[Point, ...]:
    """Where the user's functions stand at or above `frame`, the innermost first, a few at most."""
    found: list[Point] = []
    while len(found) < _MOST_POINTS:
        frame = user_frame(frame)
        if frame is None:
            break
        found.append(point(frame))
        frame = frame.f_back
    return tuple(found)


def point(frame: FrameType) -> Point:
    """Where `frame` stands, without it."""
    return frame.f_code, frame.f_lasti


def route(frame: FrameType | None) -> Route:
    """The user's functions at or above `frame`, and the line at which each of them stands."""
    found: list[tuple[tuple[str, int], int]] = []
    while (frame := user_frame(frame)) is not None:
        code = frame.f_code
        found.append(((code.co_filename, code.co_firstlineno), frame.f_lineno or 0))
        frame = frame.f_back
    return tuple(reversed(found))


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame at or above `frame` that is neither torch's nor the observer's."""
    while frame is not None:
        file = frame.f_code.co_filename
        verdict = _verdicts.get(file)
        if verdict is None:
            verdict = _verdicts[file] = _judge(file)
        if verdict == _USER:
            return frame
        if verdict == _STOP:
            return None
        frame = frame.f_back
    return None


def read(place: Place | None, known: dict[Place, CallSite] | None = None) -> CallSite | None:
    """The place with its line of source; `known` remembers places that were read before."""
    if place is None:
        return None
    site = known.get(place) if known is not None else None
    if site is None:
        file, line = place
        site = CallSite(file, line, linecache.getline(file, line).strip())
        if known is not None:
            known[place] = site
    return site


def is_users(file: str) -> bool:
    """Whether code in `file` is the user's, not torch's, Python's or the observer's."""
    return _judge(file) == _USER


def is_torchs(file: str) -> bool:
    """Whether `file` is a part of torch, not of a package beside it, as ``torchgan``."""
    return locations.is_inside(file, _TORCH)


def _judge(file: str) -> int:
    room = locations.room_of(file)
    if room is None:
        return _PASS if is_torchs(file) or file.startswith("<frozen") else _USER
    if room == "cli":
        return _STOP  # started from the command line: no user's code calls us
    return _USER if room in ("zoo", "training") else _PASS
