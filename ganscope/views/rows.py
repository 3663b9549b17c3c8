"""Calls as the rows of a table: their place in the tree and the tensors they are shown by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganscope.traces import Call, Step, TensorRecord, TensorStats, Trace
from ganscope.traces.call import main_output
from ganscope.views import style


@dataclass(frozen=True, slots=True)
class Row:
    """One call and its place among the others that are shown.

    Attributes:
        call: The call.
        parent: The shown call around it.
        depth: Levels above it, 0 for an outermost call.
        parts: How many shown calls it encloses directly.
        failed: Whether the forward failed in it, or in a call inside it that is not shown.
        failed_inside: Label of that call, where it is not shown.
    """

    call: Call
    parent: Call | None
    depth: int
    parts: int
    failed: bool
    failed_inside: str | None = None

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
    def preview(self) -> list[str]:
        """The first values of `output` as a person reads them, ``…`` where there are more."""
        record = self.output
        if record is None:
            return []
        numbers = [style.format_number(value) for value in record.preview]
        more = record.stats is not None and record.stats.count > len(numbers)
        return [*numbers, "…"] if numbers and more else numbers

    @property
    def full_name(self) -> str:
        """The label, or an operation's name where it has no path."""
        return style.printable(self.call.title)

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


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a forward failed, among the calls that are shown.

    Attributes:
        call: Id of the innermost call that failed.
        marked: Id of the shown call that stands for it: itself or its nearest shown ancestor.
        hidden: Its label, where it is not shown itself.
    """

    call: int
    marked: int | None
    hidden: str | None = None


def step_rows(trace: Trace, shown: Step) -> tuple[Row, ...]:
    """The rows of what is shown of a step, with the failure marked wherever it is folded away.

    Args:
        trace: As it was taken.
        shown: One of its steps, with the calls that passes have left.
    """
    return rows_of(shown.calls, fault_of(trace, shown))


def fault_of(trace: Trace, shown: Step) -> Fault | None:
    """Where the forward failed, if it did so in this step and in a call."""
    failure = trace.failure
    if failure is None or failure.call is None or failure.step != shown.index:
        return None
    whole = next((step for step in trace.steps if step.index == shown.index), shown)
    calls = {call.id: call for call in whole.calls}
    left = {call.id for call in shown.calls}
    marked: int | None = failure.call
    while marked is not None and marked not in left:
        call = calls.get(marked)
        above = call.parent if call else None
        marked = above if above is not None and above < marked else None
    hidden = calls.get(failure.call) if marked != failure.call else None
    return Fault(failure.call, marked, hidden.title if hidden else None)


def rows_of(calls: Sequence[Call], fault: Fault | None = None) -> tuple[Row, ...]:
    """The rows of a step's calls, up to the one that failed.

    Args:
        calls: In the order in which they began; the parent of each stands before it or is
            not among them.
        fault: What failed.
    """
    known: dict[int, Row] = {}
    parts: dict[int, int] = {}
    for call in calls:
        if fault and call.id > fault.call:
            break
        above = known.get(call.parent) if call.parent is not None else None
        failed = fault is not None and call.id == fault.marked
        known[call.id] = Row(
            call=call,
            parent=above.call if above else None,
            depth=above.depth + 1 if above else 0,
            parts=0,
            failed=failed,
            failed_inside=fault.hidden if fault and failed else None,
        )
        if above:
            parts[above.call.id] = parts.get(above.call.id, 0) + 1
    return tuple(replace(row, parts=parts.get(identity, 0)) for identity, row in known.items())


def nonfinite_in(records: Sequence[TensorRecord]) -> bool:
    """Whether any of these tensors holds a NaN or an infinity."""
    return any(record.stats is not None and record.stats.nonfinite for record in records)


def warnings_of(row: Row) -> list[str]:
    """What must not be overlooked in a row, in words."""
    words = []
    if row.failed_inside:
        words.append(f"✗ failed inside, in {style.printable(row.failed_inside)}")
    for place, record in enumerate(row.call.outputs):
        if record.stats and record.stats.nonfinite:
            which = f" in output {place}" if len(row.call.outputs) > 1 else ""
            words.append(f"⚠ {nonfinite_words(record.stats)}{which}")
    return words


def nonfinite_words(stats: TensorStats) -> str:
    """``3 of 640 values are NaN or infinite``; which of the two is not recorded."""
    verb = "is" if stats.nonfinite == 1 else "are"
    total = style.count_of(stats.count, "value")
    return f"{style.format_count(stats.nonfinite)} of {total} {verb} NaN or infinite"
