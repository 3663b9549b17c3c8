"""Training steps for other programs: CSV and JSON."""

from __future__ import annotations

import csv as csv_format
import io
import json as json_format
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from ganscope.errors import UsageError
from ganscope.traces import ParameterUpdate, Step, TensorStats, Trace, schema
from ganscope.traces.tensor import sides_of
from ganscope.views.fitting import Raw
from ganscope.views.options import ViewOptions
from ganscope.views.registry import view
from ganscope.views.steps.lessons import lessons
from ganscope.views.steps.rows import StepRow, other_rows, update_rows
from ganscope.views.steps.story import Story, tell
from ganscope.views.tabular import exact

_STATS = ("mean", "std", "min", "max", "norm", "nonfinite")

_CALL: dict[str, Callable[[StepRow], Raw]] = {
    "id": lambda row: row.call.id if row.call else None,
    "network": lambda row: row.call.network if row.call else row.path.partition(".")[0],
    "label": lambda row: row.call.label if row.call else row.path,
    "kind": lambda row: row.call.kind if row.call else None,
    "type": lambda row: row.call.type if row.call else None,
    "settings": lambda row: row.call.settings if row.call else None,
    "mode": lambda row: row.call.mode if row.call else None,
    "shown": lambda row: row.shown,
    "ran_in_update": lambda row: row.call.update if row.call else None,
    "alike": lambda row: row.alike,
    "output_shape": lambda row: _shape(row.output.shape if row.output else None),
}
_WEIGHT: dict[str, Callable[[StepRow], Raw]] = {
    "weight": lambda row: row.weights.name if row.weights else None,
    "parameters": lambda row: row.weights.count if row.weights else None,
    "weight_norm": lambda row: row.weights.weight_norm if row.weights else None,
    "weight_gradient_norm": lambda row: row.weights.gradient_norm if row.weights else None,
    "update_norm": lambda row: row.weights.update_norm if row.weights else None,
    "update_ratio": lambda row: row.weights.ratio if row.weights else None,
}


@view("csv", of="step")
def csv(trace: Trace, options: ViewOptions) -> str:
    """One line per layer and update, or per call, or per parameter; every figure in full.

    Raises:
        UsageError: The options select nothing, or ask for two tables at once.
    """
    return "".join(csv_lines(trace, options)).rstrip("\n")


def csv_lines(trace: Trace, options: ViewOptions) -> Iterator[str]:
    """The lines of `csv`, a step at a time.

    Raises:
        UsageError: See `csv`.
    """
    if options.show_updates and options.show_calls:
        raise UsageError("CSV holds one table: leave out --show-updates or --show-calls")
    layers = ["step", "update", *_CALL, *_prefixed("activation"), *_prefixed("gradient"), *_WEIGHT]
    parameters = [
        "step", "update", "name", "shape", "optimizer", *_prefixed("gradient"), "weight_norm",
        "update_norm", "update_ratio",
    ]  # fmt: skip
    yield _line(parameters if options.show_updates else layers)
    for step in trace.steps:
        story = tell(trace, step, options)
        rows = _parameter_lines(story) if options.show_updates else _layer_lines(story)
        yield "".join(map(_line, rows))


def _layer_lines(story: Story) -> Iterator[list[Raw]]:
    groups: list[tuple[int | None, Iterable[StepRow]]] = [
        (update.index, update_rows(story, update)) for update in story.shown.updates
    ]
    for index, rows in (*groups, (None, other_rows(story))):
        for row in rows:
            yield [
                story.step.index,
                index,
                *(value(row) for value in _CALL.values()),
                *_figures(row.stats),
                *_figures(row.gradient),
                *(value(row) for value in _WEIGHT.values()),
            ]


def _parameter_lines(story: Story) -> Iterator[list[Raw]]:
    for update in story.shown.updates:
        for one in update.parameters:
            yield [story.step.index, update.index, *_parameter(one)]


def _parameter(one: ParameterUpdate) -> list[Raw]:
    figures = _figures(one.gradient)
    norms = one.weight_norm, one.update_norm, one.update_ratio
    return [one.name, _shape(one.shape), one.optimizer, *figures, *norms]


def _prefixed(prefix: str) -> list[str]:
    return [f"{prefix}_{name}" for name in _STATS]


def _figures(stats: TensorStats | None) -> list[Raw]:
    return [getattr(stats, name, None) for name in _STATS]


def _shape(shape: tuple[int, ...] | None) -> str | None:
    return None if shape is None else sides_of(shape, between="x")


def _line(cells: Iterable[Raw]) -> str:
    text = io.StringIO()
    csv_format.writer(text, lineterminator="\n").writerow(map(exact, cells))
    return text.getvalue()


@view("json", of="step")
def json(trace: Trace, options: ViewOptions) -> str:
    """The trace as strict JSON, the contract ``ganscope.trace/1``.

    Everything is in it whatever else is asked for; explanations are one more key of each update.

    Raises:
        UsageError: The options select nothing.
    """
    steps = tuple(shown_step(trace, step, options)[0] for step in trace.steps)
    data = replace(trace, steps=steps).to_dict()
    if options.explain:
        for step, plain in zip(trace.steps, data["steps"], strict=True):
            _explain(tell(trace, step, options), plain)
    return json_format.dumps(data, allow_nan=False, indent=2, ensure_ascii=False)


def json_pieces(trace: Trace, options: ViewOptions) -> Iterator[str]:
    """The text of `json` in pieces, one step at a time: a recording may be long.

    Raises:
        UsageError: See `json`.
    """
    head = replace(trace, steps=()).to_dict()
    for place, (key, value) in enumerate(head.items()):
        yield ("{" if place == 0 else ",") + f"\n  {json_format.dumps(key)}: "
        if key != "steps":
            yield json_format.dumps(value, allow_nan=False, ensure_ascii=False)
            continue
        yield "["
        for number, step in enumerate(trace.steps):
            shown, story = shown_step(trace, step, options)
            plain = schema.to_plain(shown)
            if options.explain:
                _explain(story, plain)
            text = json_format.dumps(plain, allow_nan=False, ensure_ascii=False)
            yield (",\n    " if number else "\n    ") + text
        yield "\n  ]"
    yield "\n}\n"


def shown_step(trace: Trace, step: Step, options: ViewOptions) -> tuple[Step, Story]:
    """What the options leave of a step, and its story.

    Raises:
        UsageError: They leave nothing.
    """
    story = tell(trace, step, options)
    return story.shown, story


def _explain(story: Story, plain: dict[str, Any]) -> None:
    for update, data in zip(story.step.updates, plain["updates"], strict=True):
        data["explanations"] = lessons(story, update)
