from __future__ import annotations

import io
import os
import sys

import pytest

from ganscope.traces.trace import Presenter
from ganscope.views import TablePresenter

from .builders import generator_trace


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_text_without_a_terminal_is_120_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    presenter: Presenter = TablePresenter()
    text = presenter.text(generator_trace())
    assert "\x1b" not in text
    assert 110 < max(map(len, text.splitlines())) <= 120


def test_a_terminal_gives_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr("shutil.get_terminal_size", lambda fallback: os.terminal_size((64, 24)))
    text = TablePresenter().text(generator_trace())
    assert max(map(len, text.splitlines())) <= 64


def test_a_closed_stdout_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    assert TablePresenter().text(generator_trace())
    monkeypatch.setattr(sys, "stdout", None)
    assert TablePresenter().text(generator_trace())


def test_a_poor_encoding_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert TablePresenter().text(generator_trace()).isascii()


def test_html() -> None:
    assert TablePresenter().html(generator_trace()).startswith('<div class="ganscope">')
