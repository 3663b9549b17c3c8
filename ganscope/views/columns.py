"""The one definition of the columns, for people and for machines.

A column offers its cells in several forms, the shortest first; a medium that knows no width
takes the last. What machines get is named in `fields` and keeps full precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ganscope.traces import TensorRecord, TensorStats
from ganscope.traces.tensor import sides_of
from ganscope.views import forms, style
from ganscope.views.fitting import Column as AnyColumn
from ganscope.views.fitting import Raw, each
from ganscope.views.forms import Cells, Form
from ganscope.views.rows import Row, warnings_of

Column = AnyColumn[Row]


def _stat(name: str) -> tuple[str, Callable[[Row], Raw]]:
    return name, lambda row: getattr(row.stats, name, None)


def _statistic(key: str, *more: str, numbers: Cells | None = None) -> Column:
    plain = numbers or forms.numbers(key)
    return Column(
        key,
        "right",
        "",
        (Form(key, plain), Form(key, forms.aligned(plain))),
        tuple(_stat(name) for name in (*more, key)),
    )


def _plain_shapes(records: Iterable[TensorRecord]) -> str:
    return ";".join(
        "none" if record.shape is None else sides_of(record.shape, between="x")
        for record in records
    )


def _histogram_counts(stats: TensorStats | None) -> str | None:
    histogram = stats.histogram if stats else None
    return ";".join(map(str, histogram.counts)) if histogram else None


def failed_in(row: Row) -> str | None:
    """Label of the call that failed, at the row that stands for it."""
    return (row.failed_inside or row.call.label) if row.failed else None


NUMBER = Column(
    "#",
    "right",
    "quiet",
    (Form("#", each(lambda row: str(row.call.id))),),
    (("id", lambda row: row.call.id), ("parent", lambda row: row.call.parent)),
)
LAYER = Column(
    "layer",
    "left",
    "",
    (
        forms.tree(1, 20),
        forms.tree(1, 28),
        forms.tree(2, 36),
        forms.tree(2),
        forms.tree(2, paths=True),
    ),
    (
        ("label", lambda row: row.call.label),
        ("kind", lambda row: row.call.kind),
        ("update", lambda row: row.call.update),
        ("purpose", lambda row: row.call.purpose),
        ("mode", lambda row: row.call.mode),
    ),
)
TYPE = Column(
    "type",
    "left",
    "",
    (
        forms.class_name(15),
        forms.class_name(28),
        forms.class_and_settings(28),
        forms.class_and_settings(44),
        forms.class_and_settings(64),
    ),
    (("type", lambda row: row.call.type), ("settings", lambda row: row.call.settings)),
)
SHAPE = Column(
    "shape",
    "left",
    "shape",
    (
        Form("shape", each(forms.output_shape)),
        Form("shape", each(lambda row: forms.shapes(row, counted=True))),
        Form("shape", each(forms.shapes)),
        Form("shape", forms.shapes_on_arrow),
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
    (Form("params", each(forms.parameters)), Form("parameters", each(forms.parameters))),
    (("parameters", lambda row: row.call.parameters),),
)
MEAN = _statistic("mean", "count", numbers=forms.means)
DEVIATION = _statistic("std", numbers=forms.deviations)
LEAST = _statistic("min")
MOST = _statistic("max")
NONPOSITIVE = Column(
    "≤ 0",
    "right",
    "",
    (
        Form(
            "≤ 0",
            each(lambda row: style.format_share(getattr(row.stats, "fraction_nonpositive", None))),
        ),
    ),
    (_stat("norm"), _stat("fraction_nonpositive"), _stat("fraction_zero"), _stat("nonfinite")),
)
HISTOGRAM = Column(
    "histogram",
    "left",
    "histogram",
    (Form("histogram", forms.sparklines(10)), Form("histogram", forms.sparklines(16))),
    (("histogram", lambda row: _histogram_counts(row.stats)),),
)
TIME = Column(
    "time",
    "right",
    "quiet",
    (Form("time", each(lambda row: style.format_seconds(row.call.seconds))),),
    (("seconds", lambda row: row.call.seconds),),
)
NOTE = Column(
    "note",
    "left",
    "warning",
    (Form("note", each(lambda row: "; ".join(notes_of(row)))),),
    (("note", lambda row: row.call.note), ("failed", failed_in)),
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
    alone = len(row.call.outputs) == 1  # then it says why there is no shape
    told = [record for record in row.call.outputs if alone or not record.is_plain]
    tensors = dict.fromkeys(record.note for record in told if record.note)
    notes = [style.printable(note) for note in (row.call.note, *tensors) if note]
    here = row.failed and not row.failed_inside
    return ["✗ failed here"] * here + warnings_of(row) + notes
