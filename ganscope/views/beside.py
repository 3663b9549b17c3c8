"""What is told of single rows beside their figures, where a reader asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.traces import Step, Trace
from ganscope.views.options import ViewOptions
from ganscope.views.rows import Row


def explanations(
    trace: Trace, step: Step, rows: Sequence[Row], options: ViewOptions
) -> dict[int, str]:
    """Id of a call → its sentence; see `ganscope.views.explain.sentences`."""
    if not options.explain:
        return {}
    from ganscope.views.explain import sentences

    return sentences(trace, step.index, rows)


def values(row: Row, options: ViewOptions) -> str | None:
    """The first values of a row's output in one line."""
    return "values " + " ".join(row.preview) if options.values and row.preview else None


def told(
    trace: Trace, step: Step, rows: Sequence[Row], options: ViewOptions
) -> dict[int, list[str]]:
    """Id of a call → its first values and its sentence, as far as asked for."""
    said = explanations(trace, step, rows, options)
    lines = {row.call.id: (values(row, options), said.get(row.call.id)) for row in rows}
    return {identity: [line for line in found if line] for identity, found in lines.items()}
