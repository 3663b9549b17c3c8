"""A comparison in every format: for people, for a spreadsheet, for another program."""

from __future__ import annotations

import csv as csv_format
import io
import json as json_format
from collections.abc import Callable, Iterator

from ganscope.errors import UsageError, nearest
from ganscope.traces import schema
from ganscope.traces.distances import Figure
from ganscope.views import style
from ganscope.views.diff import SHOWN, Compared, DiffView, below, texts, top

SCHEMA = "ganscope.diff/1"
FIELDS = ("what", "where", "figure", "first", "second", "relative", "step", "since", "steps")


def render(compared: Compared, name: str = "table") -> DiffView | str:
    """The comparison in one of `FORMATS`: something rich can print, or finished text.

    Raises:
        UsageError: There is no such format.
    """
    require_format(name)
    return _WRITERS[name](compared)


def require_format(name: str) -> None:
    """Refuse a format that is none of `FORMATS`.

    Raises:
        UsageError: It is none.
    """
    if name not in _WRITERS:
        known = ", ".join(FORMATS)
        raise UsageError(f"a comparison is shown as {known}, not {name}{nearest(name, FORMATS)}")


def _json(compared: Compared) -> str:
    comparison = compared.comparison
    plain = schema.to_plain(comparison)
    plain["differences"] = plain["differences"][: compared.limit or None]
    text = {
        "schema": SCHEMA,
        "equal": comparison.equal,
        "first": compared.first,
        "second": compared.second,
        **plain,
    }
    return json_format.dumps(text, allow_nan=False, indent=2, ensure_ascii=False)


def _csv(compared: Compared) -> str:
    """One line per difference; what only one of the two has stands there as one too."""
    comparison = compared.comparison
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for one in compared.shown(0):
        writer.writerow([_exact(getattr(one, name)) for name in FIELDS])
    for which, calls in (("first", comparison.only_first), ("second", comparison.only_second)):
        for call in calls:
            row = [f"only_{which}", call.label, call.type, "", "", "", "", call.since, call.steps]
            writer.writerow(row)
    for which, steps in (
        ("first", comparison.steps_only_first),
        ("second", comparison.steps_only_second),
    ):
        writer.writerows(
            [f"step_only_{which}", "", "", "", "", "", step, step, 1] for step in steps
        )
    return text.getvalue().rstrip("\n")


def _exact(value: Figure) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _markdown(compared: Compared) -> str:
    blocks = ["\n".join(_items(top(compared)))]
    shown = compared.shown(SHOWN)
    if shown:
        lines = ["| relative | what | where | figure | A | B | step | in steps |"]
        lines.append("| ---: | :--- | :--- | :--- | ---: | ---: | ---: | ---: |")
        for one in shown:
            here, there = texts(one.first, one.second)
            far = style.format_number(one.relative)
            figure = one.figure.replace("_", " ")
            cells = (far, one.what, one.where, figure, here, there, str(one.step), f"{one.steps:,}")
            lines.append("| " + " | ".join(map(_escape, cells)) + " |")
        left = len(compared.comparison.differences) - len(shown)
        if left:
            lines.append(f"\nand {left:,} more")
        blocks.append("\n".join(lines))
    lacking = list(_items(below(compared)))
    if lacking:
        blocks.append("\n".join(lacking))
    return "\n\n".join(blocks)


def _items(pairs: Iterator[tuple[str, str]]) -> Iterator[str]:
    for label, text in pairs:
        yield f"- {label}: {_escape(text)}" if label else f"  {_escape(text)}"


def _escape(text: str) -> str:
    """`text` as it is, read by Markdown."""
    text = style.printable(text)
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text


_WRITERS: dict[str, Callable[[Compared], DiffView | str]] = {
    "table": DiffView,
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
}
FORMATS = tuple(_WRITERS)
