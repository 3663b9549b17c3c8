from __future__ import annotations

import subprocess
import sys

import pytest

from ganscope.errors import UsageError
from ganscope.traces import Trace
from ganscope.views import ViewOptions, names, registry, render, view

from .builders import generator_trace


def test_the_built_in_views() -> None:
    assert {"table", "json", "csv", "markdown", "html"} <= set(names())


def test_an_unknown_view_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no view is named 'markdwon'.*did you mean 'markdown'"):
        render(generator_trace(), "markdwon")


def test_a_view_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_views", {})

    @view("mine")
    def mine(trace: Trace, options: ViewOptions) -> str:
        return f"{len(trace.steps)} {options.values}"

    assert "mine" in names()
    assert render(generator_trace(), "mine", ViewOptions(values=True)) == "1 True"


@pytest.mark.parametrize("name", ["table", "twice"])
def test_a_name_is_given_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_views", {"twice": lambda trace, options: ""})
    with pytest.raises(ValueError, match="already a view named"):
        view(name)(lambda trace, options: "")


def test_text_for_machines_needs_neither_rich_nor_torch() -> None:
    program = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import ganscope.views, ganscope.views.tabular, ganscope.views.html\n"
        "assert 'rich' not in sys.modules\n"
        "import ganscope.views.table, ganscope.views.explain\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
