"""Lines for a terminal, never wider than it is and never outside its encoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from ganscope.views import style
from ganscope.views.cells import wrap
from ganscope.views.summary import Line

NARROWEST = 20
"""Cells below which nothing is laid out any narrower."""
LABELS = 10
"""Cells of the labels before labelled lines."""


class Page:
    """Writes lines that are never wider than `width` and never leave their encoding."""

    def __init__(self, width: int, *, ascii_only: bool) -> None:
        self.width = width
        self.ascii_only = ascii_only

    def plain(self, text: str) -> str:
        """`text` in signs that the output can show."""
        return style.to_ascii(text) if self.ascii_only else text

    def text(self, text: str, name: str = "") -> Text:
        """One line in a style of the palette."""
        text = self.plain(text)
        return Text(text, style.PALETTE.get(name, ""), no_wrap=True, overflow="ignore", end="\n")

    def wrapped(self, text: str, name: str, indent: str = "", hang: str = "") -> Iterator[Text]:
        """Lines broken between words, or within one that is wider than a line.

        Args:
            text: What to write.
            name: A style of the palette.
            indent: Stands before every line.
            hang: Stands before every line but the first, behind `indent`.
        """
        text = self.plain(text)
        first, *rest = wrap(text, self.width - len(indent))
        yield self.text(indent + first, name)
        if rest:
            for line in wrap(" ".join(rest), self.width - len(indent) - len(hang)):
                yield self.text(indent + hang + line, name)

    def packed(
        self,
        parts: Sequence[str],
        name: str,
        *,
        indent: str = "",
        hang: str = "",
        separator: str = " · ",
    ) -> Iterator[Text]:
        """Parts joined by a separator, broken between parts only where they fit."""
        parts, separator = list(map(self.plain, parts)), self.plain(separator)
        line, room = "", self.width - len(indent)
        for part in parts:
            joined = f"{line}{separator}{part}" if line else part
            if line and cell_len(joined) > room:
                yield from self.wrapped(line, name, indent, "  ")
                indent, room, hang = indent + hang, room - len(hang), ""
                joined = part
            line = joined
        yield from self.wrapped(line, name, indent, "  ")

    def lines(self, lines: Iterable[Line], *, indent: str = "") -> Iterator[Text]:
        """Labelled lines; a label is not repeated below itself."""
        last = ""
        for line in lines:
            label = "" if line.label == last else line.label
            last = line.label
            for text in wrap(self.plain(line.text), self.width - LABELS - len(indent)):
                whole = self.text(indent)
                loud = "warning" if line.style == "warning" else "quiet"
                whole.append(f"{label:<{LABELS}}", style.PALETTE[loud])
                whole.append(text, style.PALETTE.get(line.style, ""))
                yield whole
                label = ""
