"""The columns of an update's table of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganscope.traces.tensor import tensors_of
from ganscope.views import forms, style
from ganscope.views.describe import describe_type
from ganscope.views.fitting import Column, Form, each
from ganscope.views.steps.bars import Scale
from ganscope.views.steps.cast import numeral
from ganscope.views.steps.rows import StepRow

Wishes = tuple[tuple[Column[StepRow], int], ...]

_SHOWN = {
    "real": "x",
    "fake": "fake",
    "between": "blended",
    "untold": "input",
    "both": "x and fake",
    "probed": "probe",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Columns from left to right, and which are wanted most."""

    columns: tuple[Column[StepRow], ...]
    wishes: Wishes

    @property
    def unlimited(self) -> tuple[Column[StepRow], ...]:
        """All columns, the class in one of its own, for media that know no width."""
        place = self.columns.index(LAYER) + 1
        return (*self.columns[:place], TYPE, *self.columns[place:])


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
            NUMBER, LAYER, SETTINGS, SHAPE, MEAN, DEVIATION, HISTOGRAM, *_WEIGHT,
        )  # fmt: skip
        wishes: Wishes = (
            (LAYER, 0), (DEVIATION, 0), (RATIO, 0), (MEAN, 0), (RATIO, 1), (LAYER, 1), (SHAPE, 0),
            (WEIGHT, 0), (HISTOGRAM, 0), (WEIGHT_GRADIENT, 0), (SETTINGS, 0), (LAYER, 2),
            (MEAN, 1), (DEVIATION, 1), (SETTINGS, 1), (HISTOGRAM, 1), (WEIGHT, 1),
            (WEIGHT_GRADIENT, 1), (SETTINGS, 2),
        )  # fmt: skip
    else:
        columns = (
            NUMBER, LAYER, SETTINGS, SHAPE, MEAN, DEVIATION, HISTOGRAM,
            GRADIENT, GRADIENT_DEVIATION, bar, *_WEIGHT,
        )  # fmt: skip
        wishes = (
            (LAYER, 0), (GRADIENT, 0), (bar, 0), (RATIO, 0), (DEVIATION, 0), (RATIO, 1),
            (LAYER, 1), (WEIGHT_GRADIENT, 0), (bar, 1), (GRADIENT_DEVIATION, 0), (MEAN, 0),
            (WEIGHT, 0), (SHAPE, 0), (bar, 2), (LAYER, 2), (HISTOGRAM, 0), (SETTINGS, 0),
            (MEAN, 1), (DEVIATION, 1), (SETTINGS, 1), (HISTOGRAM, 1), (WEIGHT, 1),
            (WEIGHT_GRADIENT, 1), (SETTINGS, 2),
        )  # fmt: skip
    if numbered:
        return Plan(columns, (*wishes[:6], (NUMBER, 0), *wishes[6:]))
    return Plan(columns[1:], wishes)


def _suffix(row: StepRow) -> str:
    """What is said of a call behind its name: `` on fake``, `` of ①``."""
    shown = f" on {_SHOWN.get(row.shown, row.shown)}" if row.shown else ""
    alike = f" (first of {row.alike + 1})" if row.alike else ""
    ran_in = f" of {numeral(row.ran_in)}" if row.ran_in is not None else ""
    return shown + alike + ran_in


def whole_name(row: StepRow) -> str:
    """The whole path of a call or a module, for where nothing is indented."""
    mark = "⚠ " * row.is_sick + "· " * row.is_op
    label = (row.call.label or row.call.type) if row.call else row.path
    return mark + style.printable(label) + _suffix(row)


def _layer(room: int | None) -> Form[StepRow]:
    """Names as a tree, each module's class beside its name, one below the other."""

    def cells(rows: Sequence[StepRow]) -> list[str]:
        names = [tree_name(row, room) for row in rows]
        leaves = [len(name) for name, row in zip(names, rows, strict=True) if _class(row)]
        classes = max((len(_class(row)) for row in rows), default=0)
        most = max(leaves, default=0) if room is None else room - classes - 2
        column = min(max(leaves, default=0), max(most, 0))
        texts = []
        for row, name in zip(rows, names, strict=True):
            text = f"{name:<{column}}  {_class(row)}" if _class(row) else name
            texts.append(forms.fit(text, room) if _class(row) else text)
        return texts

    return Form("layer", cells, room)


def tree_name(row: StepRow, room: int | None = None) -> str:
    """The name of a row below what stands above it, indented."""
    before = "  " * row.depth + "⚠ " * row.is_sick + "· " * row.is_op
    number = f" #{row.call.nth}" if row.call and row.is_network and row.call.nth > 1 else ""
    after = number + _suffix(row)
    name = row.name.removesuffix(number)
    if room is not None:
        name = forms.fit(name, max(6, room - len(before) - len(after)))
    return before + name + after


def _class(row: StepRow) -> str:
    """The class of a module; a network's stands in the title, an operation's is its name."""
    if row.call is None or row.is_op or row.is_network:
        return ""
    return style.printable(row.call.type)


def _settings(room: int) -> Form[StepRow]:
    def cell(row: StepRow) -> str:
        if row.call is None or row.is_network:
            return ""
        described = describe_type(row.call, room + len(row.call.type) + 2)
        inside = described.removeprefix(style.printable(row.call.type))
        return inside[1:-1] if inside.startswith("(") else ""

    return Form("settings", each(cell), room)


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


def _deviation(row: StepRow) -> float | None:
    """Nothing for a single value, which has none."""
    single = row.stats is not None and row.stats.count == 1
    return None if single else _activation("std")(row)


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
    count = len(tensors_of(row.call.outputs))
    if count > 1:
        return f"{count} tensors"
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

    return Column(BAR, "left", "histogram", (form(10), form(14), form(20)), (), _OUTPUTS)


BAR = "gradient bar"
_ACTIVATION, _OUTPUTS, _WEIGHTS = "activation", "gradient", "weight"
SHORT = {_ACTIVATION: "act."}
"""Names of groups over a single narrow column."""

NUMBER: Column[StepRow] = Column(
    "#", "right", "quiet", (Form("#", each(lambda row: str(row.call.id) if row.call else "")),)
)
LAYER: Column[StepRow] = Column("layer", "left", "", (_layer(24), _layer(30), _layer(None)))
TYPE: Column[StepRow] = Column("type", "left", "", (Form("type", each(_class)),))
"""For media that keep it apart from the names."""
SETTINGS: Column[StepRow] = Column(
    "settings", "left", "quiet", (_settings(16), _settings(28), _settings(44))
)
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
DEVIATION = _numbers("activation std", "std", _ACTIVATION, _deviation)
HISTOGRAM: Column[StepRow] = Column(
    "histogram", "left", "histogram", (_sparklines(9), _sparklines(16)), (), _ACTIVATION
)
GRADIENT = _numbers("gradient norm", "norm", _OUTPUTS, _gradient("norm"))
GRADIENT_DEVIATION = _numbers("gradient std", "std", _OUTPUTS, _gradient("std"))
WEIGHT = _numbers("weight norm", "norm", _WEIGHTS, _weight("weight_norm"))
WEIGHT_GRADIENT = _numbers("weight gradient", "gradient", _WEIGHTS, _weight("gradient_norm"))
RATIO: Column[StepRow] = Column(
    "update/weight",
    "right",
    "",
    (
        Form("ratio", each(lambda row: _number(row, _weight("ratio")))),
        Form("update/weight", each(lambda row: _number(row, _weight("ratio")))),
    ),
    (),
    _WEIGHTS,
)
_WEIGHT = (WEIGHT, WEIGHT_GRADIENT, RATIO)
