"""How a diagram comes about, and what it leaves alone."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from ganscope.errors import UsageError
from ganscope.traces import Trace
from ganscope.views.diagrams import DiagramOptions, draw, frames, save
from ganscope.views.diagrams.canvas import Canvas
from ganscope.views.diagrams.kinds import KINDS
from ganscope.views.diagrams.options import LANGUAGES, SIZES, THEMES
from ganscope.views.diagrams.phrases import PHRASES
from ganscope.views.diagrams.picture import Picture
from ganscope.views.diagrams.theme import contrast, theme

from .models import chain, stepped, train
from .rendering import Rendered


def test_a_trace_draws_itself_and_a_notebook_shows_it() -> None:
    figure = chain(3).diagram(theme="dark", title="mine")
    assert "mine" in Rendered(figure).words
    png = figure._repr_png_()  # type: ignore[attr-defined]
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (1280, 720)


def test_unknown_looks_name_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"there is no option 'themes'.*did you mean 'theme'"):
        chain(3).diagram(themes="dark")
    with pytest.raises(UsageError, match="there is no kind 'flows'"):
        chain(3).diagram("flows")


def test_nothing_global_is_touched() -> None:
    before = dict(matplotlib.rcParams)
    draw(chain(3)).savefig(io.BytesIO(), format="svg")
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or _open_figures() == []


def _open_figures() -> list[int]:
    from matplotlib import pyplot

    return pyplot.get_fignums()


def test_a_users_settings_do_not_change_it() -> None:
    plain = save.encoded(draw(chain(3)), "png")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 30}):
        assert save.encoded(draw(chain(3)), "png") == plain


def test_frames_end_in_the_whole_and_keep_everything_in_place() -> None:
    whole = Rendered(draw(chain(3))).texts
    seen: list[int] = []
    for figure in frames(chain(3)):
        shown = Rendered(figure).texts
        assert {(one.text, one.box) for one in shown} <= {(one.text, one.box) for one in whole}
        seen.append(len(shown))
    assert seen == sorted(set(seen))
    assert seen[-1] == len(whole)


def test_a_step_comes_forward_first_and_then_back() -> None:
    words = [Rendered(figure).words for figure in frames(stepped(), "step")]
    norms = [sum(text.startswith("‖∇‖") for text in each) for each in words]
    assert norms == [0, 2, 2, 4]


def test_a_training_grows(tmp_path: Path) -> None:
    count = sum(1 for _ in frames(train(tmp_path / "run.gscope", steps=4), "training"))
    assert count == 4


def test_every_phrase_is_in_both_languages() -> None:
    assert set(LANGUAGES) == set(PHRASES)
    assert set(PHRASES["en"]) == set(PHRASES["zh"])
    for name, phrase in PHRASES["en"].items():
        assert _blanks(phrase) == _blanks(PHRASES["zh"][name]), name


def _blanks(phrase: str) -> set[str]:
    import string

    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


@pytest.mark.parametrize("name", THEMES)
def test_colours_can_be_read(name: str) -> None:
    look = theme(name)
    for ground in (look.paper, look.panel):
        for colour in (look.ink, look.quiet, look.generator, look.discriminator, look.bad):
            assert contrast(colour, ground) >= 4.5, (colour, ground)
    for colour in (look.generator, look.discriminator):  # filled boxes carry the paper's colour
        assert contrast(colour, look.paper) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_the_print_theme_needs_no_colour() -> None:
    look = theme("print")
    for colours in (look.colours, look.shade_colours):
        red, green, blue = colours[:, :3].T.astype(int)
        assert (red == green).all()
        assert (red == blue).all()
        assert (red[1:] <= red[:-1]).all(), "from light to dark"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_a_lone_forward_lacks(kind: str, size: str) -> None:
    options = DiagramOptions(size=size)
    if kind in ("flow", "stats"):
        assert draw(chain(3), kind, options)
        return
    with pytest.raises(UsageError):
        draw(chain(3), kind, options)


def test_a_trace_alone_knows_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = chain(3)
    monkeypatch.setattr(Trace, "presenter", None)
    with pytest.raises(UsageError, match="import ganscope first"):
        trace.diagram()


def test_of_a_name_that_is_too_long_the_end_stays() -> None:
    canvas = Canvas(Picture(figsize=(4, 3)), theme("light"), ("DejaVu Sans",))
    name = "encoder.layers.11.linear1"
    cut = [canvas.cut_start(name, width, 10) for width in (3.0, 1.1, 0.8, 0.5)]
    assert cut == [name, "…11.linear1", "…linear1", "…ear1"]
    assert all(canvas.width_of(text, 10) <= 1.1 for text in cut[1:])
    assert canvas.cut_start(name, 0.01, 10) == "…"
