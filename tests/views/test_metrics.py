"""Figures over steps: their names, their curves, chart, picture and data."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len

from ganscope.errors import UsageError
from ganscope.traces import Step, Trace
from ganscope.traces.file import TraceWriter, open_trace
from ganscope.traces.series import Place, layouts, series
from ganscope.views.metrics import data
from ganscope.views.metrics.chart import Axis, ChartView
from ganscope.views.metrics.curves import Curve, binned, curves, suits_powers_of_ten
from ganscope.views.metrics.names import Metric, figures, find
from ganscope.views.metrics.picture import figure
from ganscope.views.present import plain_text

from .steps import recorded


def moved(step: Step, index: int) -> Step:
    """The step again, its losses larger."""
    updates = tuple(
        replace(
            update,
            losses=tuple(replace(loss, value=loss.value + index / 10) for loss in update.losses),
        )
        for update in step.updates
    )
    return replace(step, index=index, updates=updates)


def many(name: str = "walkthrough", count: int = 5, stride: int = 10) -> Trace:
    step = recorded(name).steps[0]
    steps = tuple(moved(step, stride * place) for place in range(count))
    return replace(recorded(name), steps=steps)


def written(trace: Trace, folder: Path) -> Path:
    path = folder / "run.gscope"
    writer = TraceWriter(path, trace.meta, force=True)
    for step in trace.steps:
        writer.append(step, trace.networks)
    writer.close(trace.meta, trace.networks)
    return path


def names(*asked: str, trace: Trace | None = None) -> list[str]:
    trace = trace or recorded()
    return [metric.name for metric in find(asked, trace.steps, trace.networks)]


# -- names ---------------------------------------------------------------------------------------


def test_the_names_of_a_step() -> None:
    named = figures(recorded().steps[0], recorded().networks)
    assert list(named)[:6] == ["g_loss", "d_loss", "real_loss", "fake_loss", "D(x)", "D(G(z))"]
    assert named["g_loss"] == [Place("loss", 0, "value")]
    assert "grad generator.model.0" in named
    assert "std discriminator.model.2 #3" in named
    assert "ratio discriminator.model.2.bias" in named


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("loss", ["g_loss", "d_loss"]),
        ("d_loss", ["d_loss"]),
        ("real_loss", ["real_loss"]),
        ("*_loss", ["g_loss", "d_loss", "real_loss", "fake_loss"]),
        ("D(x)", ["D(x)"]),
        ("grad generator.model.0", ["grad generator.model.0"]),
        ("gradient generator.model.0", ["grad generator.model.0"]),
        ("grad generator.model.0.bias", ["grad generator.model.0.bias"]),
        ("weight generator.model.0", ["weight generator.model.0.weight"]),
        ("ratio generator.model.[03]", ["ratio generator.model.0.weight",
                                        "ratio generator.model.3.weight"]),
        ("update discriminator.*.bias", ["update discriminator.model.0.bias",
                                         "update discriminator.model.2.bias"]),
        ("std generator.model.4", ["std generator.model.4"]),
        ("activation generator.model.4", ["mean generator.model.4"]),
        ("grad discriminator.model.0", ["grad discriminator.model.0 #2",
                                        "grad discriminator.model.0 #3"]),
        ("grad discriminator.model.0 #3", ["grad discriminator.model.0 #3"]),
    ],
)  # fmt: skip
def test_what_a_name_stands_for(asked: str, found: list[str]) -> None:
    assert names(asked) == found


def test_d_of_x_is_that_of_the_discriminators_own_update() -> None:
    (place,) = figures(recorded().steps[0], recorded().networks)["D(G(z))"]
    assert recorded().steps[0].calls[place.number].label == "discriminator #3"


def test_figures_that_stand_in_a_step_several_times() -> None:
    trace = recorded("penalty")
    (metric,) = find(["d_loss"], trace.steps, trace.networks)
    assert metric.title == "d_loss (mean of 2)"
    # Only autograd.grad brought a gradient to this output, and no loss.
    assert "grad netD.model.2" not in figures(trace.steps[0], trace.networks)
    assert "grad netD.model.2 #2" in figures(trace.steps[0], trace.networks)
    assert names("gp", trace=trace) == ["gp"]


def one_variable() -> Trace:
    """The walkthrough's step by somebody who calls both losses `loss`."""
    step = recorded().steps[0]
    updates = tuple(
        replace(update, losses=tuple(replace(loss, name="loss") for loss in update.losses))
        for update in step.updates
    )
    first = replace(step, index=0, updates=updates)
    return replace(recorded(), steps=(first, replace(moved(first, 1), updates=updates[:1])))


def test_losses_of_two_networks_in_one_variable_are_two_figures(tmp_path: Path) -> None:
    trace = one_variable()
    both = ["loss of generator", "loss of discriminator"]
    assert names("loss", trace=trace) == names("loss*", trace=trace) == both
    assert names("loss of discriminator", trace=trace) == both[1:]
    of_g, of_d = (update.losses[0].value for update in recorded().steps[0].updates)
    for path in (None, written(trace, tmp_path)):
        steps = trace if path is None else open_trace(path)
        drawn = curves(steps, path, ["loss"])
        assert [curve.metric.title for curve in drawn] == both
        # A step in which only G learned is called the same.
        assert [curve.points for curve in drawn] == [((0, of_g), (1, of_g)), ((0, of_d),)]
    with pytest.raises(UsageError, match=r"there are loss, loss of generator, loss of discrim"):
        names("los", trace=trace)


def test_losses_of_one_name_in_different_steps() -> None:
    """As of a generator that is trained alone at first."""
    first, _ = one_variable().steps
    steps = [replace(first, updates=(update,)) for update in first.updates]
    trace = replace(recorded(), steps=tuple(steps))
    assert names("loss", trace=trace) == ["loss of generator", "loss of discriminator"]


def test_where_no_loss_was_seen_none_is_offered() -> None:
    step = recorded().steps[0]
    updates = tuple(replace(update, losses=()) for update in step.updates)
    trace = replace(recorded(), steps=(replace(step, updates=updates),))
    message = r"'loss' names no figure \(no loss was seen\); there are D\(x\), D\(G\(z\)\), and of"
    with pytest.raises(UsageError, match=message):
        names("loss", trace=trace)


def test_one_other_name_for_both_losses() -> None:
    step = one_variable().steps[0]
    updates = tuple(
        replace(update, losses=tuple(replace(loss, name="err") for loss in update.losses))
        for update in step.updates
    )
    trace = replace(recorded(), steps=(replace(step, updates=updates),))
    assert names("err", trace=trace) == ["err of generator", "err of discriminator"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("gloss", r"names no figure; there are loss, g_loss, d_loss, .* did you mean 'g_loss'\?"),
        ("grad generater.model.0", r"did you mean 'grad generator.model.0'\?"),
        ("ratio", r"such as 'grad generator.model.0'"),
        ("weight", "names no figure"),
        ("", "names no figure"),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(asked: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        names(asked)


def test_too_many_figures() -> None:
    with pytest.raises(UsageError, match="stands for 8 figures and a chart shows up to 6"):
        names("std generator*")


# -- series --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["walkthrough", "penalty"])
def test_thin_tables_give_what_the_steps_hold(name: str, tmp_path: Path) -> None:
    trace = many(name)
    path = written(trace, tmp_path)
    opened = open_trace(path)
    every = [metric for step in trace.steps[:1] for metric in figures(step, trace.networks)]
    assert len(every) > 60
    for metric in every:

        def places(step: Step, metric: str = metric) -> list[Place]:
            return figures(step, trace.networks).get(metric, [])

        stored, held = series(opened.steps, path, places), series(trace.steps, None, places)
        assert [step for step, _ in stored] == [0, 10, 20, 30, 40]
        for (_, one), (_, other) in zip(stored, held, strict=True):
            assert one == other or one == pytest.approx(other), metric


def test_each_kind_of_step_is_looked_up_for_itself(tmp_path: Path) -> None:
    one, other = recorded().steps[0], recorded("penalty").steps[0]
    mixed = (one, replace(other, index=2), replace(one, index=3))
    trace = replace(recorded(), steps=mixed)
    path = written(trace, tmp_path)
    opened = open_trace(path)
    assert [step.index for step in layouts(opened.steps, path)] == [1, 2]
    (curve,) = curves(opened, path, ["real_loss"])
    assert [step for step, _ in curve.points] == [1, 3]
    (curve,) = curves(opened, path, ["g_loss"])
    assert [step for step, _ in curve.points] == [1, 2, 3]


def test_a_slice_of_a_recording_is_not_mistaken_for_the_whole(tmp_path: Path) -> None:
    path = written(many(), tmp_path)
    opened = open_trace(path)
    (curve,) = curves(replace(opened, steps=opened.steps[2:4]), None, ["g_loss"])
    assert [step for step, _ in curve.points] == [20, 30]


def test_losses_that_are_not_finite(tmp_path: Path) -> None:
    steps = list(many().steps)
    update = steps[2].updates[0]
    sick = replace(update, losses=(replace(update.losses[0], value=math.nan),))
    steps[2] = replace(steps[2], updates=(sick, *steps[2].updates[1:]))
    trace = replace(recorded(), steps=tuple(steps))
    path = written(trace, tmp_path)
    for given, source in ((trace, None), (open_trace(path), path)):
        (curve,) = curves(given, source, ["g_loss"])
        assert curve.lost == 1
        assert [step for step, _ in curve.known] == [0, 10, 30, 40]
    assert "1 step without a finite figure" in drawn([curve])
    values = json.loads(data.json([curve]))["metrics"][0]["values"]
    assert values[2] is None


# -- charts --------------------------------------------------------------------------------------


def drawn(shown: list[Curve], width: int = 80, encoding: str | None = None) -> str:
    return plain_text(ChartView(shown, width), width, encoding=encoding)


def curve_of(*values: float, name: str = "loss", stride: int = 1) -> Curve:
    points = tuple((stride * place, value) for place, value in enumerate(values))
    return Curve(Metric(name, 1), points)


RISING = curve_of(*(1 + place / 50 for place in range(100)), name="rising")
FALLING = curve_of(*(3 - place / 50 for place in range(100)), name="falling")


@pytest.mark.parametrize("encoding", [None, "ascii"])
@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 160])
def test_a_chart_fits_and_names_its_curves(width: int, encoding: str | None) -> None:
    text = drawn([RISING, FALLING], width, encoding)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert text.isascii() == (encoding == "ascii")
    if width >= 40:
        assert "rising" in text
        assert "falling" in text
        assert "step" in text


def test_marks_tell_curves_apart_without_colour() -> None:
    text = drawn([RISING, FALLING])
    for mark, name in (("●", "rising"), ("▲", "falling")):
        assert text.count(mark) >= 4
        assert f"{mark} {name}" in text
    plain = drawn([RISING, FALLING], encoding="ascii")
    assert "o rising" in plain
    assert "x falling" in plain


@pytest.mark.parametrize("encoding", [None, "ascii"])
@pytest.mark.parametrize("values", [(1.0, 1.2, 0.9), (1.0, 1.0), tuple(range(9))])
def test_curves_that_coincide_show_a_mark_each(
    values: tuple[float, ...], encoding: str | None
) -> None:
    shown = [curve_of(*values, name=name) for name in ("one", "two", "three")]
    chart = drawn(shown, 70, encoding).partition("step")[0]
    assert all(mark in chart for mark in ("●▲■" if encoding is None else "ox+"))


@pytest.mark.parametrize("count", [2, 3, 9, 40])
def test_a_curve_bears_its_mark_at_its_last_point(count: int) -> None:
    shown = [curve_of(*(place + more for place in range(count))) for more in (0.0, 30.0, 60.0)]
    rows = [row.rstrip() for row in drawn(shown, 70).splitlines()[:14]]
    longest = max(map(len, rows))
    assert {row[-1] for row in rows if len(row) == longest} >= set("●▲■")


def test_no_line_is_drawn_through_a_step_without_a_finite_figure() -> None:
    whole, broken = curve_of(1.0, 1.0, 1.0, 1.0), curve_of(1.0, 1.0, math.nan, 1.0)
    assert blanks(drawn([whole], 70)) == 0
    assert blanks(drawn([broken], 70)) > 30
    sparse = curve_of(1.0, 1.0, 1.0, stride=10)  # between recorded steps the line goes on
    assert blanks(drawn([sparse], 70)) == 0


def blanks(text: str) -> int:
    """Cells without anything between the ends of the one row of a chart that holds a curve."""
    (row,) = [line for line in text.partition("step")[0].splitlines() if "●" in line]
    return row.split("┤")[-1].split("│")[-1].strip().count(" ")


def test_a_picture_leaves_a_gap_where_a_figure_is_not_finite() -> None:
    (axes,) = figure([curve_of(1.0, math.nan, math.inf, 2.0)], "run.gscope").axes
    values = [float(y) for y in axes.get_lines()[0].get_ydata()]  # type: ignore[arg-type,union-attr]
    assert [math.isnan(y) for y in values] == [False, True, True, False]


def test_curves_run_where_their_figures_are() -> None:
    rows = drawn([RISING]).splitlines()[:14]
    columns = [
        max((place for place, sign in enumerate(row) if sign > "⠀"), default=0) for row in rows
    ]
    assert columns == sorted(columns, reverse=True)
    assert rows[0].lstrip().startswith("2.980")
    assert rows[13].lstrip().startswith("1.000")


def test_the_legend_says_ends_and_extremes() -> None:
    text = drawn([curve_of(3.0, 1.0, 9.0, 2.0, stride=10)])
    assert "● loss  3.000 → 2.000 · least 1.000 at step 10 · most 9.000 at step 20" in text
    assert "30" in text


def test_powers_of_ten_where_figures_lie_far_apart() -> None:
    wide = curve_of(1e-5, 1e-3, 0.1, 10.0)
    assert "powers of ten" in drawn([wide])
    assert "powers of ten" not in drawn([RISING])
    assert "powers of ten" not in drawn([curve_of(-1.0, 1e-3, 10.0)])
    assert suits_powers_of_ten([0.001, 1.0])
    assert not suits_powers_of_ten([])
    axis = Axis(1e-4, 1.0, True)
    assert axis.share(1e-2) == pytest.approx(0.5)
    assert axis.value(0.5) == pytest.approx(1e-2)


@pytest.mark.parametrize("values", [(0.5,), (0.5, 0.5, 0.5), (0.0, 0.0), (math.nan, math.nan)])
def test_curves_without_a_course(values: tuple[float, ...]) -> None:
    text = drawn([curve_of(*values)])
    assert "loss" in text
    if math.isnan(values[0]):
        assert "no finite figure in 2 steps" in text


def test_a_single_step_has_no_course() -> None:
    text = drawn([curve_of(0.5), curve_of(0.7, name="other")])
    assert text.startswith("only step 0 is there: no course to draw\n")
    assert "● loss   0.500" in text


def test_long_curves_are_drawn_in_means() -> None:
    text = drawn([curve_of(*(float(place % 7) for place in range(10_000)))])
    assert "each dot is a mean over about 72 steps" in text
    assert binned([(0, 1.0), (1, 3.0), (9, 5.0)], 0, 9, 5) == [2.0, None, None, None, 5.0]


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_a_picture(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"chart.{ending}"
    figure(
        [RISING, FALLING, curve_of(*map(float, range(1, 900)), name="long $x$")], "a_$b"
    ).savefig(path)
    assert path.stat().st_size > 1000
    if ending == "svg":
        ElementTree.parse(path)


def test_a_picture_says_what_it_shows() -> None:
    (axes,) = figure([RISING, FALLING], "run.gscope").axes
    assert axes.get_xlabel() == "step"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["rising", "falling"]
    lines = axes.get_lines()
    assert len({str(line.get_linestyle()) for line in lines}) == 2


def test_data_for_other_programs() -> None:
    shown = [curve_of(0.5, 0.25), curve_of(1.0, name="other")]
    assert data.csv(shown) == "step,metric,value\n0,loss,0.5\n1,loss,0.25\n0,other,1.0"
    plain = json.loads(data.json(shown))
    assert plain["schema"] == "ganscope.metrics/1"
    assert plain["metrics"][0] == {
        "name": "loss", "mean_of": 1, "steps": [0, 1], "values": [0.5, 0.25],
    }  # fmt: skip
