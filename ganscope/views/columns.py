"""The one definition of the columns, for people and for machines.

A column offers its cells in several forms, the shortest first; a medium that knows no width
takes the last. What machines get is named in `fields` and keeps full precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ganscope.traces import TensorRecord, TensorStats
from ganscope.views import style
from ganscope.views.describe import describe_type
from ganscope.views.rows import Row, warnings_of

Raw = str | int | float | None
Cells = Callable[[Sequence[Row]], list[str]]

_LONGEST_TYPE = 64
_DEEPEST_INDENT = 8


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a column: its header and its cells, one per row."""

    header: str
    cells: Cells


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: Its name, also in what is said to be missing.
        justify: On which side its cells stand.
        style: Name in the palette.
        forms: The ways to write it, the shortest first.
        fields: Name → value for machines.
    """

    key: str
    justify: Literal["left", "right"]
    style: str
    forms: tuple[Form, ...]
    fields: tuple[tuple[str, Callable[[Row], Raw]], ...]

    def texts(self, rows: Sequence[Row]) -> list[str]:
        """The cells in their fullest form, without padding."""
        return [text.strip() for text in self.forms[-1].cells(rows)]

    @property
    def header(self) -> str:
        """The header of the fullest form."""
        return self.forms[-1].header


def _each(text: Callable[[Row], str]) -> Cells:
    return lambda rows: [text(row) for row in rows]


def _mark(row: Row) -> str:
    return "✗ " if row.failed else "· " if row.is_op else ""


def indentation(row: Row, step: int) -> str:
    """Spaces before a row's name; very deep trees stop moving to the right."""
    return " " * (step * min(row.depth, _DEEPEST_INDENT))


def _tree(rows: Sequence[Row], step: int) -> list[str]:
    return [indentation(row, step) + _mark(row) + row.short_name for row in rows]


def _paths(rows: Sequence[Row], step: int) -> list[str]:
    return [indentation(row, step) + _mark(row) + row.full_name for row in rows]


def _type_with_settings(row: Row) -> str:
    text = describe_type(row.call)
    return text if len(text) <= _LONGEST_TYPE else f"{_type(row)}(…)"


def _type(row: Row) -> str:
    return style.printable(row.call.type)


def _side(records: Sequence[TensorRecord], *, counted: bool) -> str:
    if not records:
        return style.NOTHING
    if len(records) > 3 or (counted and len(records) > 1):
        return f"{len(records)} tensors"
    return " + ".join(style.format_shape(record.shape) for record in records)


def _came_out(row: Row, *, counted: bool = False) -> str:
    return "✗" if row.failed else _side(row.call.outputs, counted=counted)


def _shape(row: Row, *, counted: bool = False) -> str:
    return f"{_side(row.call.inputs, counted=counted)} → {_came_out(row, counted=counted)}"


def _shapes_on_arrow(rows: Sequence[Row]) -> list[str]:
    sides = [_side(row.call.inputs, counted=False) for row in rows]
    widest = max(map(len, sides), default=0)
    return [f"{side:>{widest}} → {_came_out(row)}" for side, row in zip(sides, rows, strict=True)]


def _parameters(row: Row) -> str:
    return style.format_count(row.call.parameters) if row.call.parameters else ""


def _numbers(name: str) -> Cells:
    def cells(rows: Sequence[Row]) -> list[str]:
        return [style.format_number(getattr(row.stats, name, None)) for row in rows]

    return cells


def _aligned(name: str) -> Cells:
    plain = _numbers(name)
    return lambda rows: style.align_on_point(plain(rows))


def _sparklines(width: int) -> Cells:
    return _each(lambda row: style.sparkline(row.stats.histogram if row.stats else None, width))


def _stat(name: str) -> tuple[str, Callable[[Row], Raw]]:
    return name, lambda row: getattr(row.stats, name, None)


def _statistic(key: str, *more: str) -> Column:
    return Column(
        key,
        "right",
        "",
        (Form(key, _numbers(key)), Form(key, _aligned(key))),
        tuple(_stat(name) for name in (*more, key)),
    )


def _plain_shapes(records: Iterable[TensorRecord]) -> str:
    return ";".join(
        "none" if record.shape is None else "x".join(map(str, record.shape)) or "scalar"
        for record in records
    )


def _histogram_counts(stats: TensorStats | None) -> str | None:
    histogram = stats.histogram if stats else None
    return ";".join(map(str, histogram.counts)) if histogram else None


NUMBER = Column(
    "#",
    "right",
    "quiet",
    (Form("#", _each(lambda row: str(row.call.id))),),
    (("id", lambda row: row.call.id), ("parent", lambda row: row.call.parent)),
)
LAYER = Column(
    "layer",
    "left",
    "",
    (
        Form("layer", lambda rows: _tree(rows, 1)),
        Form("layer", lambda rows: _tree(rows, 2)),
        Form("layer", lambda rows: _paths(rows, 0)),
        Form("layer", lambda rows: _paths(rows, 2)),
    ),
    (
        ("label", lambda row: row.call.label),
        ("kind", lambda row: row.call.kind),
        ("update", lambda row: row.call.update),
        ("purpose", lambda row: row.call.purpose),
    ),
)
TYPE = Column(
    "type",
    "left",
    "",
    (Form("type", _each(_type)), Form("type", _each(_type_with_settings))),
    (("type", lambda row: row.call.type), ("settings", lambda row: row.call.settings)),
)
SHAPE = Column(
    "shape",
    "left",
    "shape",
    (
        Form("shape", _each(lambda row: f"→ {_came_out(row, counted=True)}")),
        Form("shape", _each(lambda row: _shape(row, counted=True))),
        Form("shape", _each(_shape)),
        Form("shape", _shapes_on_arrow),
    ),
    (
        ("input_shapes", lambda row: _plain_shapes(row.call.inputs)),
        ("output_shapes", lambda row: _plain_shapes(row.call.outputs)),
    ),
)
PARAMETERS = Column(
    "parameters",
    "right",
    "",
    (Form("params", _each(_parameters)), Form("parameters", _each(_parameters))),
    (("parameters", lambda row: row.call.parameters),),
)
MEAN = _statistic("mean", "count")
DEVIATION = _statistic("std")
LEAST = _statistic("min")
MOST = _statistic("max")
NONPOSITIVE = Column(
    "≤ 0",
    "right",
    "",
    (
        Form(
            "≤ 0",
            _each(lambda row: style.format_share(getattr(row.stats, "fraction_nonpositive", None))),
        ),
    ),
    (_stat("norm"), _stat("fraction_nonpositive"), _stat("fraction_zero"), _stat("nonfinite")),
)
HISTOGRAM = Column(
    "histogram",
    "left",
    "histogram",
    (Form("histogram", _sparklines(10)), Form("histogram", _sparklines(16))),
    (("histogram", lambda row: _histogram_counts(row.stats)),),
)
TIME = Column(
    "time",
    "right",
    "quiet",
    (Form("time", _each(lambda row: style.format_seconds(row.call.seconds))),),
    (("seconds", lambda row: row.call.seconds),),
)
NOTE = Column(
    "note",
    "left",
    "warning",
    (Form("note", _each(lambda row: "; ".join(notes_of(row)))),),
    (("note", lambda row: row.call.note),),
)

COLUMNS = (
    NUMBER,
    LAYER,
    TYPE,
    SHAPE,
    PARAMETERS,
    MEAN,
    DEVIATION,
    LEAST,
    MOST,
    NONPOSITIVE,
    HISTOGRAM,
    TIME,
    NOTE,
)
"""Every column, from left to right."""


def notes_of(row: Row) -> list[str]:
    """Everything to be said of one row beside its figures."""
    tensors = dict.fromkeys(record.note for record in row.call.outputs if record.note)
    notes = [style.printable(note) for note in (row.call.note, *tensors) if note]
    return ["✗ failed here"] * row.failed + warnings_of(row) + notes
