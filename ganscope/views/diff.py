"""What differs between two traces, shown: the first call that does, then the largest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ganscope.traces.comparison import Comparison, Difference, OnlyIn
from ganscope.traces.distances import Figure
from ganscope.views import style
from ganscope.views.cells import ELLIPSIS, pad, shorten, wrap

SHOWN = 20
"""Differences that people are shown unless they ask for more."""

_LABELS = 16
_NARROWEST_NAME = 16
_WIDEST_FIGURE = 24
"""Any number fits; the message of a failure does not."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison and what it is of.

    Attributes:
        first: What the first trace is called: a file, perhaps with a step behind it.
        second: What the second is called.
        comparison: What differs.
        limit: Differences to show; None shows 20 to people and all to machines, 0 shows all.
    """

    first: str
    second: str
    comparison: Comparison
    limit: int | None = None

    def shown(self, default: int) -> Sequence[Difference]:
        """The differences to show, where `default` (0 for all) are shown unless told."""
        limit = default if self.limit is None else self.limit
        return self.comparison.differences[: limit or None]


class DiffView:
    """A comparison that rich can print; it takes the width that it is given."""

    def __init__(self, compared: Compared) -> None:
        self.compared = compared

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only = not style.can_encode_glyphs(console.encoding)
        yield from self.lines(options.max_width, ascii_only=ascii_only)

    def text(self, width: int) -> str:
        """Without colours, `width` cells wide, as it stands in a file."""
        return "\n".join(line.plain.rstrip() for line in self.lines(width))

    def lines(self, width: int, *, ascii_only: bool = False) -> Iterator[Text]:
        """The lines, none wider than `width` cells."""
        page = _Page(width, ascii_only=ascii_only)
        comparison, compared = self.compared.comparison, self.compared
        for label, text in top(compared):
            yield from page.labelled(label, text)
        shown = compared.shown(SHOWN)
        if shown:
            yield page.line("")
            yield from page.table(shown)
            left = len(comparison.differences) - len(shown)
            if left:
                yield from page.labelled("", f"and {left:,} more; --limit 0 shows all")
        lacking_lines = list(below(compared))
        if lacking_lines:
            yield page.line("")
        for label, text in lacking_lines:
            yield from page.labelled(label, text)


def top(compared: Compared) -> Iterator[tuple[str, str]]:
    """What was compared, and where it first differs."""
    comparison = compared.comparison
    yield "A", compared.first
    yield "B", compared.second
    for name, (one, other) in comparison.circumstances.items():
        yield name, f"A {one} · B {other}"
    yield "compared", _how_much(comparison)
    if comparison.equal:
        exactly = "to the last bit" if comparison.tolerance == 0 else "within the tolerance"
        yield "result", f"equal {exactly}"
    first = comparison.first_call
    if first is not None:
        yield "first difference", f"step {first.step} · {first.label} ({first.type})"
        yield "", _sentence(first.difference)
        if first.site is not None:
            yield "", f"{first.site.file}:{first.site.line} {first.site.code}"
    elif not comparison.equal and comparison.calls:
        yield "outputs", "those of all calls that both have are equal"


def _how_much(comparison: Comparison) -> str:
    parts = [style.count_of(comparison.steps, "step"), style.count_of(comparison.calls, "call")]
    if comparison.tolerance:
        parts.append(f"tolerance {comparison.tolerance:g}")
    return " · ".join(parts)


def _sentence(difference: Difference) -> str:
    here, there = texts(difference.first, difference.second)
    words = difference.figure.replace("_", " ")
    if difference.what != "output" and not words.startswith(difference.what):
        words = f"{difference.what} {words}"
    far = style.format_number(difference.relative)
    return f"{words}: A {here} · B {there} · relative difference {far}"


def below(compared: Compared) -> Iterator[tuple[str, str]]:
    """What one of the two lacks."""
    comparison = compared.comparison
    limit = SHOWN if compared.limit is None else compared.limit or None
    for which, calls in (("A", comparison.only_first), ("B", comparison.only_second)):
        for call in calls[:limit]:
            yield f"only in {which}", _lacking(call)
        left = len(calls[limit:]) if limit else 0
        if left:
            yield f"only in {which}", f"and {style.count_of(left, 'more call')}"
    for which, steps in (("A", comparison.steps_only_first), ("B", comparison.steps_only_second)):
        if steps:
            yield f"only in {which}", _steps(steps)


def _lacking(call: OnlyIn) -> str:
    steps = f"{call.steps:,} steps from step {call.since} on"
    when = f"step {call.since}" if call.steps == 1 else steps
    return f"{call.label} ({call.type}), in {when}"


def _steps(steps: Sequence[int]) -> str:
    if len(steps) <= 8:
        return f"step{'' if len(steps) == 1 else 's'} {', '.join(map(str, steps))}"
    return f"{len(steps):,} steps, {steps[0]} to {steps[-1]}"


def texts(first: Figure, second: Figure) -> tuple[str, str]:
    """Both figures with as many digits as it takes to tell them apart."""
    texts = _text(first, 6), _text(second, 6)
    return texts if texts[0] != texts[1] else (_text(first, 17), _text(second, 17))


def _text(figure: Figure, digits: int) -> str:
    if figure is None:
        return style.NOTHING
    if isinstance(figure, str):
        return style.printable(figure)
    try:
        return f"{figure:.{digits}g}"
    except OverflowError:  # a whole number beyond any float
        return str(figure)


_HEADERS = ("relative", "what", "where", "figure", "A", "B", "step", "in steps")
_RIGHT = {"relative", "A", "B", "step", "in steps"}
_DROPPED = ("in steps", "what", "step", "figure")
"""Columns that a narrow screen does without, the least missed first."""


def _cells(difference: Difference) -> tuple[str, ...]:
    here, there = texts(difference.first, difference.second)
    return (
        style.format_number(difference.relative),
        difference.what,
        style.printable(difference.where),
        style.printable(difference.figure.replace("_", " ")),
        here,
        there,
        str(difference.step),
        f"{difference.steps:,}",
    )


class _Page:
    """Writes lines that are never wider than `width`."""

    def __init__(self, width: int, *, ascii_only: bool) -> None:
        self.width = width
        self.ascii_only = ascii_only
        self.mark = "~" if ascii_only else ELLIPSIS

    def line(self, text: str, name: str = "") -> Text:
        """One line in a style of the palette."""
        text = style.to_ascii(text) if self.ascii_only else text
        return Text(text, style.PALETTE.get(name, ""), no_wrap=True, overflow="ignore", end="\n")

    def labelled(self, label: str, text: str) -> Iterator[Text]:
        """`text` behind a label, in as many lines as it needs."""
        text = style.printable(text)
        text = style.to_ascii(text) if self.ascii_only else text
        for part in wrap(text, self.width - _LABELS - 2):
            line = self.line("")
            line.append(f"{label:<{_LABELS}}  ", style.PALETTE["quiet"])
            line.append(part)
            line.rstrip()
            yield line
            label = ""

    def table(self, differences: Sequence[Difference]) -> Iterator[Text]:
        """One row per difference; a narrow page leaves columns out and shortens names."""
        rows = [_cells(one) for one in differences]
        if self.ascii_only:
            rows = [tuple(map(style.to_ascii, row)) for row in rows]
        columns = dict(zip(_HEADERS, zip(*rows, strict=True), strict=True))
        for name in ("A", "B"):
            columns[name] = tuple(
                shorten(cell, _WIDEST_FIGURE, self.mark) for cell in columns[name]
            )
        for name in _DROPPED:
            wanted = min(_NARROWEST_NAME, _widest(columns["where"]))
            if self._room(columns) < wanted:
                del columns[name]
        room = max(1, self._room(columns))
        columns["where"] = tuple(shorten(cell, room, self.mark) for cell in columns["where"])
        widths = {name: _widest((name, *cells)) for name, cells in columns.items()}
        yield self.line(self._row(widths, list(columns)), "header")
        for cells in zip(*columns.values(), strict=True):
            yield self.line(self._row(widths, cells))

    def _row(self, widths: dict[str, int], cells: Sequence[str]) -> str:
        text = "  ".join(
            pad(cell, width, "right" if name in _RIGHT else "left")
            for (name, width), cell in zip(widths.items(), cells, strict=True)
        )
        return shorten(text.rstrip(), self.width, self.mark)

    def _room(self, columns: dict[str, tuple[str, ...]]) -> int:
        """Cells left for the names."""
        others = [(name, *cells) for name, cells in columns.items() if name != "where"]
        return self.width - sum(_widest(cells) + 2 for cells in others)


def _widest(cells: Sequence[str]) -> int:
    return max(map(cell_len, cells), default=0)
