"""Curves for other programs: CSV and JSON."""

from __future__ import annotations

import csv as csv_format
import io
import json as json_format
from collections.abc import Sequence

from ganscope.views.metrics.curves import Curve
from ganscope.views.tabular import exact

SCHEMA = "ganscope.metrics/1"


def csv(curves: Sequence[Curve]) -> str:
    """One line per step and figure, in full precision; empty where it is not finite."""
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    writer.writerow(["step", "metric", "value"])
    for curve in curves:
        for step, value in curve.points:
            writer.writerow([step, curve.metric.name, exact(value)])
    return text.getvalue().rstrip("\n")


def json(curves: Sequence[Curve]) -> str:
    """Name, steps and values of each figure; null where it is not finite."""
    finite = [{step for step, _ in curve.known} for curve in curves]
    metrics = [
        {
            "name": curve.metric.name,
            "mean_of": curve.metric.times,
            "steps": [step for step, _ in curve.points],
            "values": [value if step in known else None for step, value in curve.points],
        }
        for curve, known in zip(curves, finite, strict=True)
    ]
    return json_format.dumps({"schema": SCHEMA, "metrics": metrics}, allow_nan=False, indent=2)
