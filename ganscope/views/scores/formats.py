"""A score in every format: for people, for a spreadsheet, for another program."""

from __future__ import annotations

import csv as csv_format
import io
import json as json_format
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType

from ganscope.errors import UsageError, nearest
from ganscope.views.scores import words
from ganscope.views.scores.report import LIKELIHOOD, Report, Subject
from ganscope.views.scores.table import ScoreView, rows
from ganscope.views.tabular import escape, exact

SCHEMA = "ganscope.score/1"
FIELDS = ("role", "label", "images", "figure", "value", "error")


def render(report: Report, name: str = "table") -> RenderableType | str:
    """The report in one of `FORMATS`: something rich can print, or finished text.

    Raises:
        UsageError: There is no such format.
    """
    require_format(name)
    return _WRITERS[name](report)


def require_format(name: str) -> None:
    """Refuse a format that is none of `FORMATS`.

    Raises:
        UsageError: It is none.
    """
    if name not in _WRITERS:
        known = ", ".join(FORMATS)
        raise UsageError(f"a score is shown as {known}, not {name}{nearest(name, FORMATS)}")


def _json(report: Report) -> str:
    plain: dict[str, Any] = {
        "schema": SCHEMA,
        "run": report.run,
        "model": report.model,
        "seed": report.seed,
        "data": report.data,
        "test": report.test,
        "batch": report.batch,
        "threshold": report.threshold,
        "paper": asdict(report.paper) if report.paper else None,
        "classifier_accuracy": report.accuracy if report.real.digits else None,
        "subjects": [_subject(report, one) for one in report.subjects],
        "notes": list(report.notes),
    }
    return json_format.dumps(plain, allow_nan=False, indent=2, ensure_ascii=False)


def _subject(report: Report, subject: Subject) -> dict[str, Any]:
    known = subject.confidence is not None
    return {
        "role": subject.role,
        "label": subject.label,
        "images": subject.images,
        "log_likelihood": asdict(subject.likelihood),
        "parzen_width": subject.width,
        "parzen_width_at_edge": subject.at_edge,
        "diversity": asdict(subject.diversity),
        "diversity_share": report.share(subject),
        "collapsed": report.collapsed(subject),
        "confidence": asdict(subject.confidence) if subject.confidence else None,
        "judged": subject.judged,
        "digits": list(subject.digits) if known else None,
        "unsure": subject.unsure if known else None,
        "missing": list(report.missing(subject)) if known else None,
    }


def _csv(report: Report) -> str:
    """One line per figure of each subject, in full precision."""
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for one in report.subjects:
        for name in report.names:
            figure = one.figure(name)
            if figure is not None:
                cells = (name, exact(figure.value), exact(figure.error))
                writer.writerow((one.role, one.label, one.images, *cells))
        found = [(f"digit {digit}", count) for digit, count in enumerate(one.digits)]
        found += [("digit none", one.unsure)] if one.digits else []
        for name, count in found:
            writer.writerow((one.role, one.label, one.judged, name, count / one.judged, ""))
    if report.paper is not None:
        cells = (LIKELIHOOD, exact(report.paper.value), exact(report.paper.error))
        writer.writerow(("paper", words.PAPERS, "", *cells))
    return text.getvalue().rstrip("\n")


def _markdown(report: Report) -> str:
    blocks = ["**" + " · ".join(map(escape, report.title)) + "**"]
    heads = [f"{name} ({words.unit(report, name)})" for name in report.names]
    lines = ["| | " + " | ".join(heads) + " |", "| :--- |" + " ---: |" * len(heads)]
    lines += ["| " + " | ".join(map(escape, row)) + " |" for row in rows(report)]
    blocks.append("\n".join(lines))
    for one in report.judged:
        names = [*report.names, *([words.DIGITS] if one.digits else [])]
        said = [f"- {name}: {escape(words.verdict(report, one, name)[0])}" for name in names]
        blocks.append("\n".join([f"{escape(one.label)}:\n", *said]))
    blocks.append("\n".join(f"- {name}: {escape(text)}" for name, text in words.meanings(report)))
    if report.notes:
        blocks.append("\n".join(f"- {escape(note)}" for note in report.notes))
    return "\n\n".join(blocks)


_WRITERS: dict[str, Callable[[Report], RenderableType | str]] = {
    "table": ScoreView,
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
}
FORMATS = tuple(_WRITERS)
