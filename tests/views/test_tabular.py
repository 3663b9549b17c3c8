from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

from ganscope.traces import Trace
from ganscope.views import ViewOptions, to_text

from .builders import call, failing_trace, generator_trace, stats, tensor, trace_of


def read_csv(trace: Trace, **options: object) -> list[dict[str, str]]:
    text = to_text(trace, ViewOptions(**options), name="csv")  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_holds_every_figure_in_full() -> None:
    calls = generator_trace().steps[0].calls
    read = read_csv(generator_trace())
    assert len(read) == len(calls)
    for line, one in zip(read, calls, strict=True):
        figures = one.outputs[0].stats
        assert figures is not None
        assert int(line["id"]) == one.id
        assert line["parent"] == ("" if one.parent is None else str(one.parent))
        assert line["label"] == one.label
        assert line["settings"] == one.settings
        assert int(line["parameters"]) == one.parameters
        for name in ("mean", "std", "min", "max", "norm", "fraction_nonpositive"):
            assert float(line[name]) == getattr(figures, name)
        assert one.seconds == float(line["seconds"])
        assert [int(n) for n in line["histogram"].split(";")] == list(figures.histogram.counts)  # type: ignore[union-attr]
    assert read[-1]["input_shapes"] == "64x784"
    assert read[-1]["output_shapes"] == "64x1x28x28"


def test_csv_leaves_unknown_figures_empty_and_keeps_commas() -> None:
    none = replace(tensor(2), stats=None)
    line = read_csv(trace_of(call(0, 'a,"b"\n', outputs=(none, tensor()), seconds=None)))[0]
    assert line["label"] == 'a,"b"\n'
    assert line["seconds"] == ""
    assert line["output_shapes"] == "2;scalar"
    bare = read_csv(trace_of(call(0, "a", outputs=(none,))))[0]
    assert bare["mean"] == ""


def test_markdown_has_as_many_cells_in_each_row() -> None:
    sick = tensor(4, 4, figures=stats(0.0, 1.0, -1.0, 1.0, nonfinite=2))
    trace = trace_of(
        call(0, "net|pipe\nline", "Odd|", settings="a|b"), call(1, "net.x", outputs=(sick,))
    )
    for given in (trace, generator_trace(), failing_trace()):
        lines = to_text(given, ViewOptions(), name="markdown").splitlines()
        table = [line for line in lines if line.startswith("|")]
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
        assert len(bars) == 1, table
        assert len(table) == len(given.steps[0].calls) + 2


def test_markdown_says_what_the_table_says() -> None:
    text = to_text(failing_trace(), ViewOptions(explain=True), name="markdown")
    assert "| 64×100 → ✗ |" in text
    assert "✗ failed here" in text
    assert "- ✗ failed: generator.model.2 · Linear(128 → 256)" in text
    assert "100·128 + 128 = 12,928 parameters" in text


def test_json_is_strict_and_comes_back() -> None:
    trace = generator_trace()
    text = to_text(trace, ViewOptions(), name="json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    data = json.loads(text, parse_constant=refuse)
    assert data["schema"] == "ganscope.trace/1"
    assert Trace.from_dict(data) == trace


def test_json_is_folded_too() -> None:
    data = json.loads(to_text(generator_trace(), ViewOptions(depth=2, ops=False), name="json"))
    assert [one["path"] for one in data["steps"][0]["calls"]] == ["generator", "generator.model"]


def test_csv_explains_in_a_column() -> None:
    plain, explained = read_csv(generator_trace()), read_csv(generator_trace(), explain=True)
    assert "explanation" not in plain[0]
    assert explained[2]["explanation"].startswith("Each of the 64 rows: 100 numbers times")
    assert all(line["explanation"] for line in explained)
    assert {key: text for key, text in explained[2].items() if key != "explanation"} == plain[2]


def test_csv_shows_values_in_full() -> None:
    line = read_csv(generator_trace(), values=True)[2]
    shown = [float(text) for text in line["values"].split(";")]
    assert shown == list(generator_trace().steps[0].calls[2].outputs[0].preview)


def test_csv_names_the_layer_that_failed() -> None:
    assert [line["failed"] for line in read_csv(failing_trace())][-1] == "generator.model.2"
    assert [line["failed"] for line in read_csv(failing_trace(), depth=2)] == [
        "",
        "generator.model.2",
    ]
    assert {line["failed"] for line in read_csv(generator_trace())} == {""}


def test_json_explains_in_a_key_and_still_comes_back() -> None:
    data = json.loads(to_text(generator_trace(), ViewOptions(explain=True), name="json"))
    calls = data["steps"][0]["calls"]
    assert calls[2]["explanation"].startswith("Each of the 64 rows: 100 numbers times")
    assert Trace.from_dict(data) == generator_trace()


def test_markdown_shows_values() -> None:
    text = to_text(generator_trace(), ViewOptions(values=True), name="markdown")
    assert "- **generator.model.0** values 0.126 -0.132 0.640" in text
    both = to_text(generator_trace(), ViewOptions(values=True, explain=True), name="markdown")
    assert "0.947 … — Each of the 64 rows" in both
    assert "values" not in to_text(generator_trace(), ViewOptions(), name="markdown")


def test_markdown_marks_a_folded_failure() -> None:
    text = to_text(failing_trace(), ViewOptions(depth=2), name="markdown")
    assert "| ✗ generator.model |" in text
    assert "| ✗ failed inside, in generator.model.2 |" in text
