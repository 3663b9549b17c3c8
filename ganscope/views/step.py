"""A training step told in order: each update, its forwards, losses, backward and weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ganscope.traces import ParameterUpdate, Trace, Update
from ganscope.views import style
from ganscope.views.options import ViewOptions
from ganscope.views.page import NARROWEST, Page
from ganscope.views.registry import view
from ganscope.views.steps import ledger, remarks
from ganscope.views.steps.heading import FlowLine
from ganscope.views.steps.rows import StepRow, other_rows, update_rows
from ganscope.views.steps.story import Story, tell
from ganscope.views.steps.tables import Table, layer_tables, parameter_tables
from ganscope.views.steps.words import MEASURED, about, circumstances, ending, measured, others

R = TypeVar("R")

_INDENT = "   "
_BEFORE_VERDICT = 3
_VERDICTS = 64
"""Where verdicts stand, unless what is before them is longer."""


@view("table", of="step")
def step(trace: Trace, options: ViewOptions) -> StepView:
    """The steps of a trace, each told in order.

    Raises:
        UsageError: The options select nothing.
    """
    return StepView(trace, options)


class StepView:
    """Training steps that rich can print; it takes the width that it is given.

    Args:
        trace: The trace.
        options: What to show of it.
    """

    def __init__(self, trace: Trace, options: ViewOptions) -> None:
        self.trace = trace
        self.options = options
        self.stories = [tell(trace, each, options) for each in trace.steps]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = _StepPage(
            width=max(NARROWEST, self.options.width or options.max_width),
            ascii_only=not style.can_encode_glyphs(console.encoding),
        )
        for place, story in enumerate(self.stories):
            if place:
                yield Text("")
            yield from _step(story, page)


def _step(story: Story, page: _StepPage) -> Iterator[Text]:
    yield from page.packed(remarks.title(story), "heading")
    updates = story.shown.updates
    groups = [*(update_rows(story, update) for update in updates), other_rows(story)]
    width = page.width - len(_INDENT)
    *tables, last = layer_tables(story, groups, width, ascii_only=page.ascii_only)
    details = _details(story, updates, page)
    for update, table, detail in zip(updates, tables, details, strict=True):
        yield Text("")
        yield from _update(story, update, table, detail, page)
    yield from _others(story, last, page)
    missing = [name for table in tables for name in table.missing]
    for shown in details:
        missing += shown.missing if shown else ()
    yield from page.missing(tuple(dict.fromkeys(missing)))
    yield from _ending(story, page)


def _details(
    story: Story, updates: Sequence[Update], page: _StepPage
) -> Sequence[Table[ParameterUpdate] | None]:
    if not story.options.show_updates:
        return [None] * len(updates)
    groups = [update.parameters for update in updates]
    return parameter_tables(groups, page.width - len(_INDENT), ascii_only=page.ascii_only)


def _update(
    story: Story,
    update: Update,
    table: Table[StepRow],
    detail: Table[ParameterUpdate] | None,
    page: _StepPage,
) -> Iterator[Text]:
    told = about(story, update)
    yield from page.packed(told.title, "heading", hang=_INDENT)
    yield from page.flow(told.flow)
    yield from page.packed(told.runs, "", indent=_INDENT)
    for remark in told.remarks:
        yield from page.remark(remark)
    yield from page.table(table)
    if detail is not None and detail.rows:
        yield Text("")
        yield from page.table(detail)
    for sentence in told.lessons:
        yield from page.wrapped(sentence, "explanation", _INDENT, "  ")


def _others(story: Story, table: Table[StepRow], page: _StepPage) -> Iterator[Text]:
    """Calls that belong to no update, and what a failure did not let become one."""
    told = others(story)
    if told is None or not (table.rows or story.failure):
        return
    title, flow = told
    yield Text("")
    yield from page.wrapped(title, "heading" if story.failure is None else "warning")
    yield from page.flow(flow)
    yield from page.table(table)


def _ending(story: Story, page: _StepPage) -> Iterator[Text]:
    """What belongs to no update."""
    asked = measured(story)
    if asked:
        yield Text("")
        yield from page.wrapped(MEASURED, "heading")
        yield from page.lines(asked, indent=_INDENT)
    said, below = ending(story), circumstances(story)
    if said or below:
        yield Text("")
    for remark in said:
        yield from page.remark(remark, indent="")
    yield from page.lines(below)


class _StepPage(Page):
    """A page that holds the parts of a step."""

    def flow(self, lines: Sequence[FlowLine]) -> Iterator[Text]:
        """Chains of networks; what the discriminator said at the right, where it fits."""
        texts = [f"{_INDENT}{self.plain(one.text)}" for one in lines]
        verdicts = max((cell_len(one.verdict) for one in lines), default=0)
        longest = max(map(cell_len, texts), default=0) + _BEFORE_VERDICT
        column = max(longest, min(_VERDICTS, self.width - verdicts))
        fits = column + verdicts <= self.width
        for text, line in zip(texts, lines, strict=True):
            if line.verdict and fits:
                yield from self._chain(text + " " * (column - cell_len(text)) + line.verdict)
                continue
            yield from self._chain(text)
            if line.verdict:
                yield from self.wrapped(line.verdict, "shape", f"{_INDENT}  ")

    def _chain(self, text: str) -> Iterator[Text]:
        """A chain on one line, or broken before its arrows."""
        if cell_len(text) <= self.width:
            yield self.text(text, "shape")
            return
        first, *rest = text.strip().split(" → ")
        parts = [first, *(f"→ {part}" for part in rest)]
        yield from self.packed(parts, "shape", indent=_INDENT, hang="  ", separator=" ")

    def remark(self, remark: ledger.Remark, indent: str = _INDENT) -> Iterator[Text]:
        """A sentence; a warning bears its sign."""
        mark = "⚠ " if remark.is_warning else ""
        yield from self.wrapped(
            mark + remark.text, "warning" if remark.is_warning else "quiet", indent, "  "
        )

    def table(self, table: Table[R]) -> Iterator[Text]:
        """Headers, a rule and the rows."""
        if not table.rows:
            return
        groups = table.group_header()
        if groups:
            yield self.text(_INDENT + groups, "quiet")
        headers = "".join(" " * one.gap + one.header for one in table.placed)
        yield self.text(_INDENT + headers.rstrip(), "header")
        yield self.text(_INDENT + "─" * table.width, "rule")
        for index, row in enumerate(table.rows):
            yield self._row(table, index, _style_name(row))

    def missing(self, names: Sequence[str]) -> Iterator[Text]:
        """Which columns there was no room for."""
        if names:
            listed = ", ".join(name.replace(" ", "\xa0") for name in names)
            yield from self.wrapped(
                f"not shown at this width: {listed}; widen or use --format csv", "quiet", _INDENT
            )

    def _row(self, table: Table[R], index: int, name: str) -> Text:
        line = self.text(_INDENT, name)
        for one in table.placed:
            own = "" if name == "warning" else one.column.style
            line.append(" " * one.gap)
            line.append(one.cells[index], style.PALETTE.get(own, ""))
        line.rstrip()
        return line


def _style_name(row: object) -> str:
    if not isinstance(row, StepRow):
        return ""
    if row.is_sick:
        return "warning"
    if row.is_network:
        return "network"
    return "op" if row.is_op else ""
