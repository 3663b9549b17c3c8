"""The table: one row per call, as many columns as the terminal has room for."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ganscope.traces import Step, Trace
from ganscope.views import passes, style, summary
from ganscope.views.beside import explanations
from ganscope.views.columns import LAYER, TYPE
from ganscope.views.forms import indentation
from ganscope.views.layout import Layout, lay_out
from ganscope.views.options import ViewOptions
from ganscope.views.page import LABELS, NARROWEST, Page
from ganscope.views.registry import view
from ganscope.views.rows import Row, nonfinite_in, step_rows, warnings_of


@view("table")
def table(trace: Trace, options: ViewOptions) -> TableView:
    """The trace as a table for a terminal.

    Raises:
        UsageError: The options select nothing.
    """
    return TableView(trace, options)


class TableView:
    """A trace that rich can print; it takes the width that it is given.

    Args:
        trace: The trace.
        options: What to show of it.
    """

    def __init__(self, trace: Trace, options: ViewOptions) -> None:
        self.trace = trace
        self.options = options
        self.shown = passes.apply(trace, options)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = _TablePage(
            width=max(NARROWEST, self.options.width or options.max_width),
            ascii_only=not style.can_encode_glyphs(console.encoding),
        )
        yield from page.packed(summary.title(self.trace), "heading")
        for step in self.shown.steps:
            yield from self._step(step, page)
        if len(self.shown.steps) != 1:
            yield Text("")
        yield from page.lines([summary.totals(self.trace, self.shown)])
        yield from page.lines(summary.unseen(self.trace))
        yield from page.lines(summary.nonfinite(self.trace))
        if self.trace.failure:
            yield Text("")
            yield from page.lines(summary.failure(self.trace))

    def _step(self, step: Step, page: _TablePage) -> Iterator[Text]:
        rows = step_rows(self.trace, step)
        yield Text("")
        if len(self.shown.steps) > 1:
            yield page.text(f"step {step.index}", "heading")
        if not rows:
            yield from page.wrapped("no calls", "quiet")
            return
        explained = explanations(self.trace, step, rows, self.options)
        layout = lay_out(rows, page.width, ascii_only=page.ascii_only)
        yield from page.head(layout)
        for index, row in enumerate(rows):
            yield page.row(layout, index, row)
            indent = " " * layout.lead + indentation(row, layout.indent) + "  "
            yield from self._below(row, explained.get(row.call.id), page, indent)
        yield from page.missing(layout)
        yield Text("")
        yield from page.lines(summary.flows([row.call for row in rows], page.width - LABELS))

    def _below(
        self, row: Row, sentence: str | None, page: _TablePage, indent: str
    ) -> Iterator[Text]:
        """What is said of one row under it."""
        indent = " " * min(len(indent), page.width // 4)
        for warning in warnings_of(row):
            yield from page.wrapped(warning, "warning", indent)
        if self.options.values and row.preview:
            yield from page.values(row, indent)
        if sentence:
            yield from page.wrapped(sentence, "explanation", indent)


class _TablePage(Page):
    """A page that holds a table of calls."""

    def head(self, layout: Layout) -> Iterator[Text]:
        """The headers and the rule below them."""
        headers = "".join(" " * one.gap + one.header for one in layout.placed)
        yield self.text(headers.rstrip(), "header")
        yield self.text("─" * layout.width, "rule")

    def row(self, layout: Layout, index: int, row: Row) -> Text:
        """One row; its cells are padded already."""
        name = _style_name(row)
        line = self.text("", name)
        for one in layout.placed:
            plain = one.column in (LAYER, TYPE) or name == "warning"
            own = "" if plain else one.column.style
            line.append(" " * one.gap)
            line.append(one.cells[index], style.PALETTE.get(own, ""))
        line.rstrip()
        return line

    def missing(self, layout: Layout) -> Iterator[Text]:
        """Which columns there was no room for."""
        if layout.missing:
            names = ", ".join(name.replace(" ", "\xa0") for name in layout.missing)
            text = f"not shown at this width: {names}; widen or use --format csv"
            yield from self.wrapped(text, "quiet")

    def values(self, row: Row, indent: str) -> Iterator[Text]:
        """The first values of a row's output, as many whole ones as fit on one line."""
        line, numbers = f"{indent}values", row.preview
        more = numbers[-1:] == ["…"]
        for number in numbers[: len(numbers) - more]:
            if cell_len(f"{line} {number} ...") > self.width:
                more = True
                break
            line = f"{line} {number}"
        yield self.text(line + " …" if more else line, "quiet")


def _style_name(row: Row) -> str:
    if row.failed or nonfinite_in(row.call.outputs):
        return "warning"
    if row.is_op:
        return "op"
    if row.depth == 0:
        return "network"
    return "container" if row.parts else "module"
