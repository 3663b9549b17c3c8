"""The columns of an update's tables: the layers, and the parameters one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganscope.traces import ParameterUpdate
from ganscope.views import style
from ganscope.views.cells import shorten
from ganscope.views.describe import describe_type
from ganscope.views.fitting import Column, Form, each
from ganscope.views.steps import bars
from ganscope.views.steps.bars import Scale
from ganscope.views.steps.cast import numeral
from ganscope.views.steps.rows import StepRow

Wishes = tuple[tuple[Column[StepRow], int], ...]
ParameterWishes = tuple[tuple[Column[ParameterUpdate], int], ...]

_SHOWN = {"real": "x", "fake": "fake", "between": "blended", "both": "x and fake"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Columns from left to right, and which are wanted most."""

    columns: tuple[Column[StepRow], ...]
    wishes: Wishes


def plan(scale: Scale, *, gradients: bool, numbered: bool) -> Plan:
    """The columns of the table of layers.

    Args:
        scale: Of the bars.
        gradients: Whether the gradients' columns are asked for.
        numbered: Whether calls bear their numbers.
    """
    bar = _bar(scale)
    if not gradients:
        columns: tuple[Column[StepRow], ...] = (
            NUMBER,
            LAYER,
            TYPE,
            SHAPE,
            MEAN,
            DEVIATION,
            HISTOGRAM,
            *_WEIGHT,
        )
        wishes: Wishes = (
            (LAYER, 0), (DEVIATION, 0), (RATIO, 0), (MEAN, 0), (TYPE, 0), (SHAPE, 0),
            (LAYER, 1), (WEIGHT, 0), (HISTOGRAM, 0), (WEIGHT_GRADIENT, 0), (TYPE, 1),
            (LAYER, 2), (MEAN, 1), (DEVIATION, 1), (TYPE, 2), (HISTOGRAM, 1),
            (WEIGHT, 1), (WEIGHT_GRADIENT, 1), (TYPE, 3),
        )  # fmt: skip
    else:
        columns = (
            NUMBER, LAYER, TYPE, SHAPE, MEAN, DEVIATION, HISTOGRAM,
            GRADIENT, GRADIENT_DEVIATION, bar, *_WEIGHT,
        )  # fmt: skip
        wishes = (
            (LAYER, 0), (GRADIENT, 0), (bar, 0), (RATIO, 0), (DEVIATION, 0),
            (LAYER, 1), (WEIGHT_GRADIENT, 0), (bar, 1), (GRADIENT_DEVIATION, 0), (WEIGHT, 0),
            (MEAN, 0), (TYPE, 0), (SHAPE, 0), (bar, 2), (LAYER, 2), (TYPE, 1), (HISTOGRAM, 0),
            (TYPE, 2), (MEAN, 1), (DEVIATION, 1), (HISTOGRAM, 1), (WEIGHT, 1),
            (WEIGHT_GRADIENT, 1), (TYPE, 3),
        )  # fmt: skip
    if numbered:
        return Plan(columns, (*wishes[:6], (NUMBER, 0), *wishes[6:]))
    return Plan(columns[1:], wishes)


def _layer(room: int | None) -> Form[StepRow]:
    def cell(row: StepRow) -> str:
        before = "  " * row.depth + "⚠ " * row.is_sick + "· " * row.is_op
        number = f" #{row.call.nth}" if row.call and row.is_network and row.call.nth > 1 else ""
        shown = f" on {_SHOWN.get(row.shown, row.shown)}" if row.shown else ""
        alike = f" ({row.alike + 1} ×)" if row.alike else ""
        ran_in = f" of {numeral(row.ran_in)}" if row.ran_in is not None else ""
        after = number + shown + alike + ran_in
        name = row.name.removesuffix(number)
        if room is not None:
            name = shorten(name, max(6, room - len(before) - len(after)))
        return before + name + after

    return Form("layer", each(cell), room)


def _type(room: int | None) -> Form[StepRow]:
    def cell(row: StepRow) -> str:
        if row.call is None or row.is_network:  # a network's class stands in the title
            return ""
        if row.is_op and room is not None and room < 20:
            return ""
        text = describe_type(row.call, room)
        return text if room is None or len(text) <= room else shorten(text, room)

    return Form("type", each(cell), room)


def _class(room: int) -> Form[StepRow]:
    def cell(row: StepRow) -> str:
        if row.call is None or row.is_op or row.is_network:
            return ""
        return shorten(style.printable(row.call.type), room)

    return Form("type", each(cell), room)


def _numbers(
    key: str, header: str, group: str, value: Callable[[StepRow], float | None]
) -> Column[StepRow]:
    """A column of numbers; nothing where there can be none, a dash where one is not known."""

    def cells(rows: Sequence[StepRow]) -> list[str]:
        return [_number(row, value) for row in rows]

    def aligned(rows: Sequence[StepRow]) -> list[str]:
        return style.align_on_point(cells(rows))

    plain = Form(header, cells)
    return Column(key, "right", "", (plain, Form(header, aligned)), (), group)


def _number(row: StepRow, value: Callable[[StepRow], float | None]) -> str:
    number = value(row)
    return "" if number is None else style.format_number(number)


def _activation(name: str) -> Callable[[StepRow], float | None]:
    return lambda row: None if row.is_heading else getattr(row.stats, name, None)


def _gradient(name: str) -> Callable[[StepRow], float | None]:
    return lambda row: None if row.is_heading else getattr(row.gradient, name, None)


def _weight(name: str) -> Callable[[StepRow], float | None]:
    return lambda row: getattr(row.weights, name, None)


def _mean(row: StepRow) -> str:
    if row.stats is None or row.is_heading:
        return ""
    return style.format_mean(row.stats.mean, row.stats.std)


def _shape(row: StepRow) -> str:
    if row.call is None or row.is_heading:
        return ""
    if not row.call.outputs:
        return "✗"
    if len(row.call.outputs) > 1:
        return f"{len(row.call.outputs)} tensors"
    return style.format_shape(row.output.shape if row.output else None)


def _sparklines(width: int) -> Form[StepRow]:
    def cell(row: StepRow) -> str:
        if row.stats is None or row.is_heading:
            return ""
        return style.sparkline(row.stats.histogram, width)

    return Form("histogram" if width >= 9 else "values", each(cell))


def _bar(scale: Scale) -> Column[StepRow]:
    """The gradient's norm on a scale of powers of ten, the same one for all rows."""

    def form(width: int) -> Form[StepRow]:
        def cell(row: StepRow) -> str:
            return scale.bar(_gradient("norm")(row), width)

        return Form(scale.header(width), each(cell))

    return Column("gradient bar", "left", "histogram", (form(10), form(14), form(20)), (), _OUTPUTS)


_ACTIVATION, _OUTPUTS, _WEIGHTS = "activation", "gradient", "weight"

NUMBER: Column[StepRow] = Column(
    "#", "right", "quiet", (Form("#", each(lambda row: str(row.call.id) if row.call else "")),)
)
LAYER: Column[StepRow] = Column("layer", "left", "", (_layer(22), _layer(28), _layer(None)))
TYPE: Column[StepRow] = Column("type", "left", "", (_class(12), _type(22), _type(32), _type(48)))
SHAPE: Column[StepRow] = Column("shape", "left", "shape", (Form("shape", each(_shape)),))
MEAN: Column[StepRow] = Column(
    "activation mean",
    "right",
    "",
    (
        Form("mean", each(_mean)),
        Form("mean", lambda rows: style.align_on_point([_mean(row) for row in rows])),
    ),
    (),
    _ACTIVATION,
)
DEVIATION = _numbers("activation std", "std", _ACTIVATION, _activation("std"))
HISTOGRAM: Column[StepRow] = Column(
    "histogram", "left", "histogram", (_sparklines(9), _sparklines(16)), (), _ACTIVATION
)
GRADIENT = _numbers("gradient norm", "norm", _OUTPUTS, _gradient("norm"))
GRADIENT_DEVIATION = _numbers("gradient std", "std", _OUTPUTS, _gradient("std"))
WEIGHT = _numbers("weight norm", "norm", _WEIGHTS, _weight("weight_norm"))
WEIGHT_GRADIENT = _numbers("weight gradient", "gradient", _WEIGHTS, _weight("gradient_norm"))
RATIO = _numbers("update/weight", "update/weight", _WEIGHTS, _weight("ratio"))
_WEIGHT = (WEIGHT, WEIGHT_GRADIENT, RATIO)


def _parameter(
    key: str, header: str, value: Callable[[ParameterUpdate], float | None]
) -> Column[ParameterUpdate]:
    def cells(rows: Sequence[ParameterUpdate]) -> list[str]:
        return [style.format_number(value(row)) for row in rows]

    def aligned(rows: Sequence[ParameterUpdate]) -> list[str]:
        return style.align_on_point(cells(rows))

    return Column(key, "right", "", (Form(header, cells), Form(header, aligned)))


def _parameter_name(room: int | None) -> Form[ParameterUpdate]:
    def cell(row: ParameterUpdate) -> str:
        name = style.printable(row.name)
        return name if room is None else shorten(name, room)

    return Form("parameter", each(cell), room)


PARAMETER: Column[ParameterUpdate] = Column(
    "parameter", "left", "", (_parameter_name(22), _parameter_name(30), _parameter_name(None))
)
PARAMETER_SHAPE: Column[ParameterUpdate] = Column(
    "shape", "left", "shape", (Form("shape", each(lambda row: style.format_shape(row.shape))),)
)
OPTIMIZER: Column[ParameterUpdate] = Column(
    "optimizer", "left", "", (Form("optimizer", each(lambda row: style.printable(row.optimizer))),)
)
_GAUGED: Column[ParameterUpdate] = Column(
    "ratio on a scale",
    "left",
    "",
    (Form("1e-6──1e-3──1", each(lambda row: bars.gauge(row.update_ratio))),),
)
_OF_GRADIENT = _parameter(
    "gradient norm", "gradient norm", lambda row: row.gradient.norm if row.gradient else None
)
_DEVIATION = _parameter(
    "gradient std", "its std", lambda row: row.gradient.std if row.gradient else None
)
_WEIGHT_NORM = _parameter("weight norm", "weight norm", lambda row: row.weight_norm)
_UPDATE_NORM = _parameter("update norm", "update norm", lambda row: row.update_norm)
_UPDATE_RATIO = _parameter("update/weight", "update/weight", lambda row: row.update_ratio)

PARAMETER_COLUMNS: tuple[Column[ParameterUpdate], ...] = (
    PARAMETER, PARAMETER_SHAPE, OPTIMIZER, _OF_GRADIENT, _DEVIATION, _WEIGHT_NORM, _UPDATE_NORM,
    _UPDATE_RATIO, _GAUGED,
)  # fmt: skip
PARAMETER_WISHES: ParameterWishes = (
    (PARAMETER, 0), (_UPDATE_RATIO, 0), (_GAUGED, 0), (_OF_GRADIENT, 0), (PARAMETER, 1),
    (_UPDATE_NORM, 0), (_WEIGHT_NORM, 0), (PARAMETER_SHAPE, 0), (_DEVIATION, 0), (PARAMETER, 2),
    (OPTIMIZER, 0), (_OF_GRADIENT, 1), (_WEIGHT_NORM, 1), (_UPDATE_NORM, 1), (_UPDATE_RATIO, 1),
    (_DEVIATION, 1),
)  # fmt: skip
