"""The gallery and the examples: their pictures are there, their commands name them, they run."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "gallery.md"
_PICTURE = re.compile(r"\]\(gallery/([^)]+)\)")
_WRITTEN = re.compile(r"(?:-o|--animate) (\S+\.(?:png|gif))")


def test_every_picture_has_its_command_and_every_command_its_picture() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = _PICTURE.findall(page)
    assert sorted(shown) == sorted(_WRITTEN.findall(page))
    assert sorted(shown) == sorted(path.name for path in (PAGE.parent / "gallery").iterdir())


def test_pictures_stay_small() -> None:
    sizes = [path.stat().st_size for path in (PAGE.parent / "gallery").iterdir()]
    assert max(sizes) < 600_000
    assert sum(sizes) < 3_200_000


def test_every_kind_theme_and_language_is_shown() -> None:
    page = PAGE.read_text(encoding="utf-8")
    commands = re.findall(r"^ganscope diagram (.+)$", page, re.MULTILINE)
    for kind in ("flow", "step", "stats", "training"):
        own = [
            c for c in commands if (f"--kind {kind}" in c) or (kind == "flow" and "--kind" not in c)
        ]
        themes = {theme for c in own for theme in ("dark", "print") if f"--theme {theme}" in c}
        assert themes == {"dark", "print"}, kind
        assert any("--theme" not in c for c in own), kind
        assert any("--lang zh" in c for c in own), kind


@pytest.mark.parametrize(
    "name", ["draw_your_own_model", pytest.param("draw_a_lecture", marks=pytest.mark.slow)]
)
def test_an_example_draws(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", str(tmp_path)])
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    said = re.findall(r"^Wrote (.+)$", capsys.readouterr().out, re.MULTILINE)
    assert sorted(map(Path, said)) == sorted(tmp_path.iterdir())
    assert len(said) >= 2


def test_the_notebook_was_executed_and_shows_pictures() -> None:
    text = (ROOT / "examples" / "from_noise_to_picture.ipynb").read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 6
    for cell in cells:
        compile("".join(cell["source"]), "cell", "exec")
