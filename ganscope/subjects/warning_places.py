"""Warnings of what is watched, at the lines where python alone would have placed them.

A warning is placed by counting frames from where it is given, and while operations are watched
some of these are ours. Which lines have warned already is kept as python keeps it, too.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from itertools import islice
from types import FrameType
from typing import Any

from ganscope.subjects import tracebacks


class WarningPlaces:
    """Puts warnings where they belong, until `end`."""

    def __init__(self) -> None:
        self._original: Any = None

    def start(self) -> None:
        """Look at every warning before it is shown."""
        original = getattr(warnings, "_showwarnmsg", None)
        if original is None:
            return

        def _showwarnmsg(message: Any) -> None:
            try:
                shown = _placed(message, sys._getframe(1))
            except Exception:  # shown where it is, rather than not at all
                shown = True
            if shown:
                original(message)

        self._original = original
        warnings._showwarnmsg = _showwarnmsg  # type: ignore[attr-defined]

    def __enter__(self) -> WarningPlaces:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        """Look at no more warnings."""
        if self._original is not None:
            warnings._showwarnmsg = self._original  # type: ignore[attr-defined]
            self._original = None


def _placed(message: Any, frame: FrameType) -> bool:
    """Give `message` its place; whether it is to be shown there, or was before."""
    level = _level_of(message, frame)
    if level is None:
        return True
    found, there = level
    place = next(islice(_plain_frames(frame), found - 1, None), None)
    if place is None or (place[0] is there and place[1] == message.lineno):
        return True
    right, line = place
    wrong = there.f_globals.get("__warningregistry__", {})
    text = str(message.message)
    once = wrong.pop((text, message.category, message.lineno), None)
    message.filename, message.lineno = right.f_code.co_filename, line
    if not once:
        return True  # shown every time
    registry = right.f_globals.setdefault("__warningregistry__", {})
    if registry.get("version") != wrong.get("version"):  # filters have changed since
        registry.clear()
        registry["version"] = wrong.get("version")
    known = bool(registry.get((text, message.category, line)))
    registry[(text, message.category, line)] = True
    return not known


def _level_of(message: Any, frame: FrameType) -> tuple[int, FrameType] | None:
    """How many frames up python has placed `message`, 1 for `frame` itself, and which that is."""
    level, current = 1, frame
    while (current.f_code.co_filename, current.f_lineno) != (message.filename, message.lineno):
        if current.f_back is None:
            return None
        level, current = level + 1, current.f_back
    return level, current


def _plain_frames(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames from `frame` up that python alone would have, each with its line."""
    through_us = False
    while frame is not None:
        if tracebacks.is_ours(frame):
            through_us = True
        elif through_us and frame.f_code.co_name == "handle_torch_function":
            frame = frame.f_back  # who was called first, to be run through us
            through_us = False
        else:
            through_us = False
            around = frame.f_back if tracebacks.is_inner(frame) else None
            direct = None if around is None else tracebacks.direct_call(around.f_code)
            if around is not None and direct is not None:
                frame = around
                yield frame, direct[1]
            else:
                yield frame, frame.f_lineno
        frame = None if frame is None else frame.f_back
