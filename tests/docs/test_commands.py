"""The documentation cannot drift: every command in it runs, every link in it leads somewhere.

A command is a line that begins with ``ganscope`` (or ``$ ganscope``) in a fenced block. It must
exit with 0, or with what a remark behind it says: ``# exit code 1``. One that names a placeholder
in capitals (``ganscope trace TARGET``) is a synopsis and is not run. Commands of one page run
one after another in one folder, in which the page's own fenced files stand: a block whose first
line is ``# FILE.py``.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from ganscope.cli.app import run
from ganscope.views.diagrams import fonts

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")] if page.is_file())
SLOW = {"docs/gallery.md"}
"""Pages that draw for minutes; their links are checked with all the others."""
_FENCE = re.compile(r"^ *(`{3,}|~{3,})(\w*)[^\n]*\n(.*?)^ *\1 *$", re.M | re.S)
_COMMAND = re.compile(r"(?:^|&& *)(?:\$ )?ganscope (?P<words>[^#&|>\n]*)(?P<rest>.*)$")
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_PLACEHOLDER = re.compile(r"\[?[A-Z]{2,}\]?(\.\.\.)?")
_EXIT_CODE = re.compile(r"#.*exit code (\d)")


@dataclass
class Page:
    """What a page would have its reader do."""

    commands: list[tuple[list[str], int]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def read(text: str) -> Page:
    page = Page()
    for _, _, block in _FENCE.findall(text):
        named = re.match(r"# ([\w/.-]+\.py)\n", block)
        if named:
            page.files[named[1]] = block
            continue
        for line in block.replace("\\\n", " ").splitlines():
            command = _COMMAND.search(line.strip())
            if command:
                code = _EXIT_CODE.search(command["rest"])
                words = shlex.split(command["words"])
                if any(map(_PLACEHOLDER.fullmatch, words)):
                    continue
                page.commands.append((words, int(code[1]) if code else 0))
    return page


def links(text: str) -> Iterator[str]:
    """Relative links outside of code."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    for target in _LINK.findall(prose):
        if not re.match(r"[a-z]+:|#", target):
            yield target.partition("#")[0]


def test_the_reader_itself() -> None:
    text = (
        "Text `ganscope nothing` [a](b.md) [c](https://x.y) [d](#e) ![f](g/h.png#i)\n"
        "```sh\npip install . && ganscope trace generator --batch 64\n"
        "$ ganscope trace x.py:Net \\\n    --arg 'a=b c'   # exit code 1\n"
        "ganscope trace generator | head\nother ganscope\nganscope trace TARGET [FLAGS]\n```\n"
        "```python\n# nets.py\nfrom torch import nn\n```\n[`j`](k.md)\n"
    )
    page = read(text)
    assert page.commands == [
        (["trace", "generator", "--batch", "64"], 0),
        (["trace", "x.py:Net", "--arg", "a=b c"], 1),
        (["trace", "generator"], 0),
    ]
    assert list(page.files) == ["nets.py"]
    assert list(links(text)) == ["b.md", "g/h.png", "k.md"]


def _pages() -> Iterator[ParameterSet]:
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        yield pytest.param(page, id=name, marks=[pytest.mark.slow] if name in SLOW else [])


@pytest.mark.parametrize("page", [*_pages()])
def test_commands_run(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = read(page.read_text(encoding="utf-8"))
    for name, text in told.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    if (ROOT / "examples").is_dir():
        (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    for words, expected in told.commands:
        if "zh" in words and fonts.chinese() is None:
            continue
        code = run(words)
        captured = capsys.readouterr()
        assert code == expected, f"ganscope {shlex.join(words)}\n{captured.out}{captured.err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [target for target in links(text) if not (page.parent / target).exists()]
    assert missing == []
