"""Tracebacks as they would be had nobody watched: frames of ours, and those we caused, left out.

While hooks are there torch takes other ways through its own code: a module's call goes through
``inner``, a torch function first through ``handle_torch_function``. Where a traceback passes
there it is put together as python alone would have shown it. Of a torch whose code looks
otherwise, its own frames are left as they are.
"""

from __future__ import annotations

import dis
import linecache
import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType, TracebackType
from typing import Any

from ganscope import locations

_ROOMS = ("probe", "subjects", "cli", "api.py", "__main__.py")
_FROZEN = "<frozen importlib"


def show(error: BaseException) -> None:
    """Show an exception that ended the program the way python does, on the program's stderr."""
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit:
        raise
    except BaseException as second:
        clean(second)
        if sys.stderr is not None:
            sys.stderr.write("Error in sys.excepthook:\n")
            sys.__excepthook__(type(second), second, second.__traceback__)
            sys.stderr.write("\nOriginal exception was:\n")
            sys.__excepthook__(type(error), error, error.__traceback__)


def clean(error: BaseException) -> None:
    """Leave out of the tracebacks of `error`, and of what led to it, what is there through us."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = cleaned(each.__traceback__)
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def cleaned(traceback: TracebackType | None) -> TracebackType | None:
    """`traceback` without our frames, and with torch's as they are where nobody watches."""
    links = list(_links(traceback))
    if not any(is_ours(link.tb_frame) or is_inner(link.tb_frame) for link in links):
        return traceback
    kept: list[tuple[FrameType, int, int]] = []
    through_us = False
    for link in links:
        frame = link.tb_frame
        if is_ours(frame):
            through_us = True
            while kept and _is(kept[-1][0], _FROZEN):  # our import of somebody's module
                kept.pop()
            continue
        if through_us:
            _drop_detour(kept, frame.f_code)
        through_us = False
        if is_inner(frame) and kept and _straighten(kept):
            continue
        kept.append((frame, link.tb_lasti, link.tb_lineno))
    if through_us:
        _drop_detour(kept, None)
    result: TracebackType | None = None
    for frame, last, line in reversed(kept):
        result = TracebackType(result, frame, last, line)
    return result


def _links(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is(frame: FrameType, start: str) -> bool:
    return frame.f_code.co_filename.startswith(start)


def is_ours(frame: FrameType) -> bool:
    """Whether code of ours runs in `frame`."""
    return locations.room_of(frame.f_code.co_filename) in _ROOMS


def is_inner(frame: FrameType) -> bool:
    """Whether it is the part of a module's call that runs only where there are hooks."""
    return frame.f_code.co_qualname == "Module._call_impl.<locals>.inner"


def _drop_detour(kept: list[tuple[FrameType, int, int]], code: CodeType | None) -> None:
    """A torch function was first handed to the mode, then run: only the second run is python's."""
    if not kept or kept[-1][0].f_code.co_name != "handle_torch_function":
        return
    kept.pop()
    if kept and kept[-1][0].f_code is code:
        kept.pop()


def _straighten(kept: list[tuple[FrameType, int, int]]) -> bool:
    """Where a module has no hooks of the user's, its call would have gone straight on."""
    frame = kept[-1][0]
    if frame.f_code.co_name != "_call_impl" or _has_hooks(frame):
        return False
    direct = direct_call(frame.f_code)
    if direct is None:
        return False
    kept[-1] = (frame, *direct)
    return True


def _has_hooks(frame: FrameType) -> bool:
    """Whether the module's call meets hooks even now that ours are gone."""
    module: Any = frame.f_locals.get("self")
    own = ("_backward_hooks", "_backward_pre_hooks", "_forward_hooks", "_forward_pre_hooks")
    everywhere = [f"_global{name}" for name in own]
    return any(getattr(module, name, None) for name in own) or any(
        frame.f_globals.get(name) for name in everywhere
    )


@cache
def direct_call(code: CodeType) -> tuple[int, int] | None:
    """Instruction and line of ``return forward_call(*args, **kwargs)``."""
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions else None
        if line is None or not instruction.opname.startswith("CALL"):
            continue
        text = linecache.getline(code.co_filename, line).strip()
        if text.startswith("return forward_call("):
            return instruction.offset, line
    return None
