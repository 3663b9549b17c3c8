"""The functions around places, as they stand in the file when they run."""

from __future__ import annotations

import inspect
import linecache
from pathlib import Path

import pytest
import torch
from torch import nn

import ganscope
from ganscope.probe import source_texts
from ganscope.probe.source_texts import SourceTexts
from ganscope.traces import SourceText

SCRIPT = """import torch


class Model:
    @torch.no_grad()
    def forward(self, x):
        def inner(y):
            return y + 1

        return inner(x)


model = Model()
model.forward(1)
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return str(path)


def lines(first: int, last: int) -> str:
    return "".join(SCRIPT.splitlines(keepends=True)[first - 1 : last])


def test_the_innermost_function_with_its_decorators_is_read(script: str) -> None:
    texts = SourceTexts()
    assert texts.of([(script, 10)]) == (SourceText(file=script, line=5, text=lines(5, 10)),)
    assert texts.of([(script, 8)]) == (SourceText(file=script, line=7, text=lines(7, 8)),)


def test_code_outside_functions_is_the_file(script: str) -> None:
    assert SourceTexts().of([(script, 14)]) == (SourceText(file=script, line=1, text=SCRIPT),)


def test_each_text_is_given_once(script: str) -> None:
    texts = SourceTexts()
    assert len(texts.of([(script, 6), (script, 10), None, (script, 6)])) == 1
    assert texts.of([(script, 10), (script, 6)]) == ()


def test_a_function_here_is_what_inspect_gives() -> None:
    function = test_each_text_is_given_once
    text, first = inspect.getsourcelines(function)
    (found,) = SourceTexts().of([(__file__, first + 2)])
    assert (found.line, found.text) == (first, "".join(text))


@pytest.mark.parametrize("place", [("<stdin>", 3), ("/nowhere.py", 1), (__file__, 10**6)])
def test_where_there_is_no_source_there_is_no_text(place: tuple[str, int]) -> None:
    assert SourceTexts().of([place]) == ()


def test_what_is_no_python_is_read_as_one_text(tmp_path: Path) -> None:
    path = tmp_path / "cell.py"
    path.write_text("%matplotlib inline\nmodel(x)\n")
    (found,) = SourceTexts().of([(str(path), 2)])
    assert found.text == "%matplotlib inline\nmodel(x)\n"


def test_a_long_file_is_cut_around_the_place(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("".join(f"x = {number}\n" for number in range(1, 2001)))
    first, second = SourceTexts().of([(str(path), 1000), (str(path), 1001), (str(path), 1201)])
    assert first.line == 801
    assert first.text.splitlines()[199] == "x = 1000"
    assert len(first.text.splitlines()) == source_texts._MOST_LINES
    assert second.line == 1201


def test_a_text_is_that_of_the_time_when_it_ran(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("x = 1\n")
    linecache.getlines(str(path))
    path.write_text("x = 2\n")
    (found,) = SourceTexts().of([(str(path), 1)])
    assert found.text == "x = 1\n"


def test_a_recording_has_the_text_of_the_loop_that_it_watched(tmp_path: Path) -> None:
    def turn() -> None:
        optimizer.zero_grad()
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()

    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ganscope.record(tmp_path / "run.gscope", after=3, steps=2) as recording:
        for _ in range(6):
            turn()
    text, first = inspect.getsourcelines(turn)
    trace = ganscope.load(tmp_path / "run.gscope")
    assert SourceText(file=__file__, line=first, text="".join(text)) in trace.sources
    assert len({(each.file, each.line) for each in trace.sources}) == len(trace.sources)
    site = next(call.site for call in trace.steps[0].calls if call.path == "model")
    assert site is not None
    assert trace.sources == recording.trace.sources
    assert any(
        each.file == site.file and each.line <= site.line < each.line + each.text.count("\n")
        for each in trace.sources
    )
