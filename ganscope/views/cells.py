"""Text measured in terminal cells: shortened, padded, broken into lines."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"


def shorten(text: str, width: int, mark: str = ELLIPSIS) -> str:
    """`text` with its middle left out, where it is wider than `width` cells."""
    if cell_len(text) <= width:
        return text
    room = max(0, width - cell_len(mark))
    tail = room // 2
    end = text
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(text, room - tail) + mark + end


def pad(text: str, width: int, justify: str) -> str:
    """`text` in `width` cells, on their ``left`` or ``right`` side."""
    space = " " * (width - cell_len(text))
    return space + text if justify == "right" else text + space


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, at least one of them."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        if not lines[-1]:
            lines.pop()
        rest = word
        while cell_len(rest) > width:
            piece = _fitting(rest, width)
            lines.append(piece)
            rest = rest[len(piece) :]
        lines.append(rest)
    return lines


def _fitting(text: str, width: int) -> str:
    """The longest start of `text` that fits, one sign at least."""
    count = min(len(text), width)
    while count > 1 and cell_len(text[:count]) > width:
        count -= 1
    return text[:count]
