"""A forward that failed: where it stands in the picture, and what is said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganscope.traces import Call, Failure, Trace
from ganscope.views import style
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.frame import MARGIN
from ganscope.views.diagrams.subject import Subject
from ganscope.views.diagrams.words import Words

LINE = 0.23
"""Inches that a line about it takes."""
_BELOW_TITLE = 1.34
_SIZE = 12.0


@dataclass(frozen=True, slots=True)
class Failing:
    """A failure inside the network that is shown.

    Attributes:
        failure: What is known of it.
        call: The innermost call that failed.
        where: Its place in the network; empty for the network itself.
    """

    failure: Failure
    call: Call
    where: str


def failing_in(trace: Trace, subject: Subject) -> Failing | None:
    """The failure, where it lies in the call that is shown."""
    failure = trace.failure
    if failure is None or failure.step != subject.step.index:
        return None
    for call in (subject.call, *subject.calls):
        if call.id == failure.call:
            is_whole = call.id == subject.call.id
            inside = "" if is_whole else call.label.removeprefix(subject.call.path).lstrip("./")
            return Failing(failure, call, style.printable(inside))
    return None


def failing_title(network: str, failing: Failing, words: Words) -> str:
    """``generator: the forward fails in model.3``."""
    if not failing.where:
        return words("fails_whole", network=network)
    return words("fails", network=network, where=failing.where)


def failing_words(failing: Failing, words: Words) -> list[str]:
    """What went in and what was expected, where that is known; then the original message."""
    failure = failing.failure
    known = {"got": failure.got, "expects": failure.expected}
    parts = [words(name, what=style.printable(what)) for name, what in known.items() if what]
    message = style.printable(" ".join(failure.message.split()))
    return [words.comma.join(parts), message] if parts else [message]


def draw_failing(canvas: Canvas, lines: Sequence[str]) -> None:
    """Say it below the title, a cross before it: colour is not all that tells it."""
    for place, line in enumerate(lines):
        at = (MARGIN, canvas.height - _BELOW_TITLE - LINE * place)
        text = line if place else f"✗ {line}"
        shown = canvas.cut(text, canvas.width - 2 * MARGIN, _SIZE)
        canvas.text(at, shown, _SIZE, colour=canvas.theme.bad, across="left")
