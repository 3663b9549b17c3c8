"""Calls as the rows of a table: their place in the tree and the tensors they are shown by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganscope.traces import Call, TensorRecord, TensorStats
from ganscope.views import style


@dataclass(frozen=True, slots=True)
class Row:
    """One call and its place among the others that are shown.

    Attributes:
        call: The call.
        parent: The shown call around it.
        depth: Levels above it, 0 for an outermost call.
        parts: How many shown calls it encloses directly.
        failed: Whether the forward failed in it.
    """

    call: Call
    parent: Call | None
    depth: int
    parts: int
    failed: bool

    @property
    def is_op(self) -> bool:
        """Whether it is a functional operation and no module."""
        return self.call.kind == "op"

    @property
    def output(self) -> TensorRecord | None:
        """The first output with figures, else the first one."""
        return main_output(self.call)

    @property
    def stats(self) -> TensorStats | None:
        """Figures of `output`."""
        return self.output.stats if self.output else None

    @property
    def full_name(self) -> str:
        """The label, or an operation's name where it has no path."""
        return style.printable(self.call.label if self.call.path else self.call.type)

    @property
    def short_name(self) -> str:
        """The label relative to that of the shown call around it."""
        name, parent = self.call.label, self.parent
        if parent is None or not parent.path or not self.call.path:
            return self.full_name
        for joint in "./":
            if name.startswith(parent.path + joint):
                return style.printable(name[len(parent.path) + 1 :])
        return self.full_name


def rows_of(calls: Sequence[Call], failed: int | None = None) -> tuple[Row, ...]:
    """The rows of a step's calls, up to the one that failed.

    Args:
        calls: In the order in which they began; the parent of each stands before it or is
            not among them.
        failed: Id of the call that failed.
    """
    known: dict[int, Row] = {}
    parts: dict[int, int] = {}
    for call in calls:
        above = known.get(call.parent) if call.parent is not None else None
        known[call.id] = Row(
            call=call,
            parent=above.call if above else None,
            depth=above.depth + 1 if above else 0,
            parts=0,
            failed=call.id == failed,
        )
        if above:
            parts[above.call.id] = parts.get(above.call.id, 0) + 1
        if call.id == failed:
            break
    return tuple(
        Row(row.call, row.parent, row.depth, parts.get(identity, 0), row.failed)
        for identity, row in known.items()
    )


def main_output(call: Call) -> TensorRecord | None:
    """The output that a call is shown by."""
    return next((record for record in call.outputs if record.stats), None) or (
        call.outputs[0] if call.outputs else None
    )


def warnings_of(row: Row) -> list[str]:
    """What must not be overlooked in a row's outputs, in words."""
    words = []
    for place, record in enumerate(row.call.outputs):
        if record.stats and record.stats.nonfinite:
            count = style.format_count(record.stats.nonfinite)
            total = style.format_count(record.stats.count)
            which = f" in output {place}" if len(row.call.outputs) > 1 else ""
            words.append(f"⚠ {count} nonfinite of {total} values{which}")
    return words
