"""The functions around the places where something was called, read once while they run.

The file may be edited or gone when the recording is looked at; a notebook's cell is gone then.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable
from functools import cache

from ganscope.probe import sites
from ganscope.traces import SourceText

_MOST_LINES = 400
"""Lines of one text; of more, those around the place are kept."""

_Span = tuple[int, int]
"""First and last line of a function, from 1, both included."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class SourceTexts:
    """Reads each function once."""

    def __init__(self) -> None:
        self._read: set[sites.Place] = set()
        """Files with the lines at which their texts begin."""
        self._places: set[sites.Place] = set()

    def of(self, places: Iterable[sites.Place | None]) -> tuple[SourceText, ...]:
        """The texts around `places` that were not given before."""
        found = []
        for place in dict.fromkeys(places):
            if place is None or place in self._places:
                continue
            self._places.add(place)
            text = _around(*place)
            if text is not None and (text.file, text.line) not in self._read:
                self._read.add((text.file, text.line))
                found.append(text)
        return tuple(found)


def _around(file: str, line: int) -> SourceText | None:
    lines = linecache.getlines(file)
    if not 0 < line <= len(lines):
        return None
    inside = [span for span in _functions(file) if span[0] <= line <= span[1]]
    first, last = max(inside, default=(1, len(lines)))
    if last - first >= _MOST_LINES:
        # By blocks, so that places near each other share a text.
        first = max(first, (line - 1) // _MOST_LINES * _MOST_LINES + 1)
        last = min(last, first + _MOST_LINES - 1)
    return SourceText(file=file, line=first, text="".join(lines[first - 1 : last]))


@cache
def _functions(file: str) -> list[_Span]:
    """Where the functions of a file stand, decorators included; none where it is no Python."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return []
    return [
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno or 0)
        for node in ast.walk(tree)
        if isinstance(node, _FUNCTIONS)
    ]
