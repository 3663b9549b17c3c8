"""Warnings of a watched program, at the lines where python alone would have placed them.

A warning is placed by counting frames from where it is given, and while operations are watched
some of these are ours. Which lines have warned already is kept as python keeps it, too.
"""

from __future__ import annotations

import sys
import warnings
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

    def end(self) -> None:
        """Look at no more warnings."""
        if self._original is not None:
            warnings._showwarnmsg = self._original  # type: ignore[attr-defined]
            self._original = None


def _placed(message: Any, frame: FrameType | None) -> bool:
    """Give `message` its place; whether it is to be shown there, or was before."""
    while frame is not None and not _is_at(frame, message):
        frame = frame.f_back
    if frame is None:
        return True
    if tracebacks.is_inner(frame):
        around = frame.f_back
        direct = None if around is None else tracebacks.direct_call(around.f_code)
        if direct is not None:
            message.lineno = direct[1]
        return True
    if not _is_between(frame):
        return True
    users = _before_detour(frame)
    if users is None:
        return True
    ours = frame.f_globals.get("__warningregistry__", {})
    key = (str(message.message), message.category, message.lineno)
    once = ours.pop(key, None)
    message.filename, message.lineno = users.f_code.co_filename, users.f_lineno
    if not once:
        return True
    theirs = users.f_globals.setdefault("__warningregistry__", {})
    key = (*key[:2], message.lineno)
    if theirs.get("version") != ours.get("version"):
        theirs.clear()
        theirs["version"] = ours.get("version")
    known = bool(theirs.get(key))
    theirs[key] = True
    return not known


def _is_at(frame: FrameType, message: Any) -> bool:
    return bool(frame.f_code.co_filename == message.filename and frame.f_lineno == message.lineno)


def _is_between(frame: FrameType) -> bool:
    return tracebacks.is_ours(frame) or frame.f_code.co_name == "handle_torch_function"


def _before_detour(frame: FrameType | None) -> FrameType | None:
    """Who called the torch function that is run through us."""
    while frame is not None and tracebacks.is_ours(frame):
        frame = frame.f_back
    if frame is not None and frame.f_code.co_name == "handle_torch_function":
        first = frame.f_back
        return None if first is None else first.f_back
    return frame
