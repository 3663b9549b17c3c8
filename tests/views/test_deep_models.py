"""The tree of deep models, at every width: what a row is stays readable."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from rich.cells import cell_len

from ganscope.traces import Call, Trace
from ganscope.views import ViewOptions, to_text

from .builders import call, tensor, trace_of

LEVELS = 8
LONG = "a_layer_with_a_name_that_somebody_took_a_lot_of_time_for"


def nested() -> Trace:
    """A U-Net in which each level stands inside the one around it, as pix2pix builds it."""
    calls: list[Call] = [call(0, "unet_generator", "UnetGenerator")]

    def add(path: str, name: str, parent: int, **changes: object) -> int:
        calls.append(
            call(
                len(calls),
                path,
                name,
                parent=parent,
                inputs=(tensor(16, 256, 128, 128),),
                outputs=(tensor(16, 512, 64, 64),),
                parameters=2_097_664,
                **changes,
            )
        )
        return calls[-1].id

    path, parent = "unet_generator", 0
    for level in range(LEVELS):
        parent = add(f"{path}.model", "UnetSkipConnectionBlock", parent)
        path = f"{path}.model"
        conv = "in_channels, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), bias=False"
        add(f"{path}.{level}", "ConvTranspose2d", parent, settings=conv)
        add(f"{path}.{LONG}", "InstanceNorm2d", parent)
        add(f"{path}/interpolate", "interpolate", parent, kind="op", settings="scale_factor=2")
    return trace_of(*calls)


CALLS = nested().steps[0].calls


def table_at(width: int) -> list[str]:
    return to_text(nested(), ViewOptions(width=width)).splitlines()


def rows_at(width: int) -> list[str]:
    lines = table_at(width)
    start = next(index for index, line in enumerate(lines) if line.startswith("──"))
    return lines[start + 1 : start + 1 + len(CALLS)]


def columns_at(width: int) -> dict[str, slice]:
    header = next(line for line in table_at(width) if "layer" in line)
    begins = [(found[0], found.start()) for found in re.finditer(r"≤ 0|\S+", header)]
    ends = [begin for _, begin in begins[1:]] + [width]
    return {name: slice(begin, end) for (name, begin), end in zip(begins, ends, strict=True)}


WIDTHS = (60, 80, 100, 120, 160)


@pytest.mark.parametrize("width", range(60, 201))
def test_the_type_stands_in_every_row(width: int) -> None:
    columns = columns_at(width)
    assert "type" in columns
    for one, row in zip(CALLS, rows_at(width), strict=True):
        if one.kind == "op":
            assert one.type in row
            continue
        shown = row[columns["type"]].strip().partition("(")[0]
        start, _, end = shown.partition("…")
        assert shown, row
        assert one.type.startswith(start), row
        assert one.type.endswith(end) or not end, row


@pytest.mark.parametrize("width", range(60, 201))
def test_nothing_wraps(width: int) -> None:
    assert max(map(cell_len, table_at(width))) <= width
    assert len(rows_at(width)) == len(CALLS)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_depth_is_the_indentation(width: int) -> None:
    column = columns_at(width)["layer"]
    depths = {0: 0}
    for one in CALLS[1:]:
        depths[one.id] = depths[one.parent or 0] + 1
    begins: dict[int, set[int]] = {}
    for one, row in zip(CALLS, rows_at(width), strict=True):
        cell = row[column]
        begins.setdefault(depths[one.id], set()).add(len(cell) - len(cell.lstrip()))
    assert all(len(places) == 1 for places in begins.values())
    places = [places.pop() for _, places in sorted(begins.items())]
    steps = {after - before for before, after in pairwise(places)}
    assert steps in ({1}, {2})


@pytest.mark.parametrize("width", WIDTHS)
def test_no_path_is_said_over_and_over(width: int) -> None:
    text = "\n".join(rows_at(width))
    assert text.count("unet_generator") == 1
    assert "model.model" not in text


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_name_loses_its_middle(width: int) -> None:
    named = [row for one, row in zip(CALLS, rows_at(width), strict=True) if LONG in one.path]
    for row in named:
        name = row[columns_at(width)["layer"]].strip()
        start, mark, end = name.partition("…")
        assert mark or name == LONG
        assert LONG.startswith(start)
        assert LONG.endswith(end)
        assert len(name) >= 8


def test_levels_too_deep_to_draw_have_their_number() -> None:
    calls = [call(0, "net")]
    for level in range(1, 40):
        calls.append(call(level, f"{calls[-1].path}.part", parent=level - 1))
    for width in (60, 100, 160):
        lines = to_text(trace_of(*calls), ViewOptions(width=width)).splitlines()
        assert any("39› part" in line for line in lines)
        assert any(re.search(r"^ *\d* *part ", line) for line in lines)
        assert max(map(cell_len, lines)) <= width


def test_whole_paths_stand_where_nothing_else_wants_the_room() -> None:
    trace = trace_of(call(0, "net"), call(1, "net.part", "Linear", parent=0))
    assert "  net.part" in to_text(trace, ViewOptions(width=180))
    assert "net.part" not in to_text(trace, ViewOptions(width=100))


def test_settings_that_find_no_room_are_left_out_from_the_end() -> None:
    settings = "64, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), bias=False"
    trace = trace_of(call(0, "net", "Conv2d", settings=settings))
    found = {
        match[0]
        for width in range(60, 200)
        for match in re.finditer(r"Conv2d\(.*?\)", to_text(trace, ViewOptions(width=width)))
    }
    assert "Conv2d(64 → 64, 4×4, …)" in found
    assert "Conv2d(64 → 64, 4×4, stride 2, padding 1, no bias)" in found
