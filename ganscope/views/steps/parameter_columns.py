"""The columns of an update's parameters, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ganscope.traces import ParameterUpdate
from ganscope.views import forms, style
from ganscope.views.fitting import Column, Form, each
from ganscope.views.steps import bars


def _number(
    key: str, header: str, value: Callable[[ParameterUpdate], float | None]
) -> Column[ParameterUpdate]:
    def cells(rows: Sequence[ParameterUpdate]) -> list[str]:
        return [style.format_number(value(row)) for row in rows]

    def aligned(rows: Sequence[ParameterUpdate]) -> list[str]:
        return style.align_on_point(cells(rows))

    return Column(key, "right", "", (Form(header, cells), Form(header, aligned)))


def _name(room: int | None) -> Form[ParameterUpdate]:
    def cell(row: ParameterUpdate) -> str:
        return forms.fit(style.printable(_plain(row.name)), room)

    return Form("parameter", each(cell), room)


def _plain(name: str) -> str:
    """``D.0.parametrizations.weight.original`` → ``D.0.weight original``."""
    return re.sub(r"\bparametrizations\.(\w+)\.(original\d*)$", r"\1 \2", name)


PARAMETER: Column[ParameterUpdate] = Column(
    "parameter", "left", "", (_name(22), _name(30), _name(None))
)
SHAPE: Column[ParameterUpdate] = Column(
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
_OF_GRADIENT = _number(
    "gradient norm", "gradient norm", lambda row: row.gradient.norm if row.gradient else None
)
_DEVIATION = _number(
    "gradient std", "its std", lambda row: row.gradient.std if row.gradient else None
)
_WEIGHT_NORM = _number("weight norm", "weight norm", lambda row: row.weight_norm)
_UPDATE_NORM = _number("update norm", "update norm", lambda row: row.update_norm)
_UPDATE_RATIO = _number("update/weight", "update/weight", lambda row: row.update_ratio)

COLUMNS: tuple[Column[ParameterUpdate], ...] = (
    PARAMETER, SHAPE, OPTIMIZER, _OF_GRADIENT, _DEVIATION, _WEIGHT_NORM, _UPDATE_NORM,
    _UPDATE_RATIO, _GAUGED,
)  # fmt: skip
WISHES: tuple[tuple[Column[ParameterUpdate], int], ...] = (
    (PARAMETER, 0), (_UPDATE_RATIO, 0), (_GAUGED, 0), (_OF_GRADIENT, 0), (PARAMETER, 1),
    (_UPDATE_NORM, 0), (_WEIGHT_NORM, 0), (SHAPE, 0), (_DEVIATION, 0), (PARAMETER, 2),
    (OPTIMIZER, 0), (_OF_GRADIENT, 1), (_WEIGHT_NORM, 1), (_UPDATE_NORM, 1), (_UPDATE_RATIO, 1),
    (_DEVIATION, 1),
)  # fmt: skip
