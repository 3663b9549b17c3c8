"""What stands on the pictures, measured on real renderings."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn

import ganscope
from ganscope.traces import Trace
from ganscope.views.diagrams import DiagramOptions, draw, fonts
from ganscope.views.diagrams.options import SIZES, THEMES

from .models import branching, chain, stepped, traced, train
from .rendering import Rendered

NETWORKS = tuple(product(("generator", "discriminator"), ("gan", "dcgan")))
SHAPES = {
    ("generator", "gan"): "100 128 256 512 1024 784 1×28×28",
    ("discriminator", "gan"): "1×28×28 784 512 256 1",
    ("generator", "dcgan"): "100 128×7×7 64×14×14 1×28×28",
    ("discriminator", "dcgan"): "1×28×28 64×14×14 128×7×7 1",
}
needs_chinese = pytest.mark.skipif(fonts.chinese() is None, reason="no Chinese font is installed")
LANGUAGES = ("en", pytest.param("zh", marks=needs_chinese))


def rendered(trace: Trace, kind: str = "flow", **look: object) -> Rendered:
    return Rendered(draw(trace, kind, DiagramOptions(**look)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return train(tmp_path_factory.mktemp("training") / "run.gscope")


def trace_for(kind: str, target: str, model: str, training: Trace) -> Trace:
    if kind == "training":
        return training
    return stepped(model) if kind in ("step", "stats") else traced(target, model)


# -- a spread of what there is; all of it below, slowly -----------------------------------------


@pytest.mark.parametrize(("target", "model"), NETWORKS)
def test_a_flow_is_readable(target: str, model: str) -> None:
    assert rendered(traced(target, model)).faults() == []


@pytest.mark.parametrize("kind", ["flow", "step", "stats", "training"])
@pytest.mark.parametrize(
    ("size", "theme", "language"),
    [
        ("slide", "dark", "en"),
        ("page", "print", "en"),
        pytest.param("square", "light", "zh", marks=needs_chinese),
    ],
)
def test_every_kind_is_readable(
    kind: str, size: str, theme: str, language: str, training: Trace
) -> None:
    trace = trace_for(kind, "generator", "gan", training)
    assert rendered(trace, kind, size=size, theme=theme, language=language).faults() == []


@pytest.mark.parametrize("stages", [3, 12, 60])
def test_any_depth_is_readable(stages: int) -> None:
    shown = rendered(chain(stages))
    assert shown.faults() == []
    more = [int(text.split()[1]) for text in shown.words if text.startswith("… ")]
    blocks = [name for name in shown.images() if name.startswith("values:")]
    assert len(blocks) + sum(more) == stages + 1
    assert more if stages >= 12 else not more


@pytest.mark.parametrize("stages", [3, 20])
def test_the_widest_names_are_broken_or_cut(stages: int) -> None:
    shown = rendered(chain(stages, wide_names=True))
    assert shown.faults() == []
    assert sum(text.startswith("Convolutional") for text in shown.words) >= min(stages, 5)


@pytest.mark.parametrize("name", ["unet", "deep unet", "conditional", "residual"])
def test_branching_networks_are_readable(name: str) -> None:
    shown = rendered(branching(name))
    assert shown.faults() == []
    assert ("skip" in shown.words) == (name != "conditional")
    assert ("+ Embedding" in shown.words) == (name == "conditional")


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["flow", "step", "stats", "training"])
def test_everything_is_readable(
    kind: str, size: str, theme: str, language: str, training: Trace
) -> None:
    look = {"size": size, "theme": theme, "language": language}
    for target, model in NETWORKS:
        trace = trace_for(kind, target, model, training)
        network = {} if kind in ("flow", "training") else {"network": target}
        assert rendered(trace, kind, **look, **network).faults() == [], (target, model)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("stages", range(3, 61))
def test_every_depth_is_readable(stages: int, language: str) -> None:
    sizes = tuple(SIZES) if stages % 5 == 0 else ("slide",)
    for size, wide_names in product(sizes, (False, True)):
        trace = chain(stages, wide_names=wide_names)
        assert rendered(trace, size=size, language=language).faults() == []
    assert rendered(chain(stages), "stats", language=language).faults() == []


# -- what stands on them -------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "model"), NETWORKS)
def test_every_stage_has_its_shape_its_name_and_its_values(target: str, model: str) -> None:
    shown = rendered(traced(target, model))
    shapes = SHAPES[target, model].split()
    places = [
        min((one for one in shown.texts if one.text == shape), key=lambda one: one.box[1]).box[0]
        if shapes.count(shape) == 1
        else 0.0
        for shape in shapes
    ]
    assert set(shapes) <= set(shown.words)
    assert places == sorted(places), "from left to right"
    blocks = [name for name in shown.images() if name.startswith("values:")]
    stages = {name.split(":")[1] for name in blocks}
    assert len(stages) == len(shapes) - (target == "discriminator")  # which ends in a gauge
    kinds = {call.type for call in traced(target, model).steps[0].calls[2:] if call.kind != "op"}
    assert kinds - {"Sequential"} <= set(shown.words)


def test_the_walkthroughs_parameters_stand_on_the_arrows() -> None:
    words = rendered(traced("generator")).words
    for count in ("12,928", "33,024", "131,584", "525,312", "803,600"):
        assert count in words
    assert {"+ 512", "+ 1,024", "+ 2,048"} <= set(words)
    assert "same 784 numbers" in words
    words = rendered(traced("discriminator")).words
    assert {"401,920", "131,328", "257"} <= set(words)


def test_a_probability_ends_in_a_gauge_and_a_score_does_not(training: Trace) -> None:
    trace = traced("discriminator")
    output = trace.steps[0].calls[0].outputs[0]
    assert output.samples is not None
    answer = f"{_first(output.samples.data):.3f}"
    words = rendered(trace).words
    assert answer in words
    assert "1 real" in words
    words = rendered(training, network="critic").words
    assert "score" in words
    assert "1 real" not in words


def _first(data: bytes) -> float:
    import struct

    (value,) = struct.unpack("<e", data[:2])
    return float(value)


def test_a_step_shows_losses_answers_norms_and_the_cut() -> None:
    trace = stepped()
    shown = rendered(trace, "step")
    step = trace.steps[0]
    generator, discriminator = step.updates
    assert f"{generator.losses[0].value:.3f}" in shown.words
    assert f"{discriminator.losses[0].value:.3f}" in shown.words
    assert shown.words.count("detach") == 1
    assert "gradients unused" in shown.words
    answers = [call for call in step.calls if call.path == "discriminator"]
    for symbol, call in zip(("D(G(z))", "D(x)", "D(G(z))"), answers, strict=True):
        stats = call.outputs[0].stats
        assert stats is not None
        assert f"{symbol} {stats.mean:.3f}" in shown.words
        arrived = call.gradients[0].stats
        assert arrived is not None
        assert f"‖∇‖ {arrived.norm:.3f}" in shown.words
    norms = [one.gradient.norm for one in generator.parameters if one.gradient is not None]
    whole = sum(norm**2 for norm in norms if norm is not None) ** 0.5
    assert f"gradient {whole:.4f}" in shown.words


@needs_chinese
def test_names_may_be_chinese_in_english_too() -> None:
    network = type("生成器", (nn.Linear,), {})(4, 3)
    shown = rendered(ganscope.trace(network, torch.randn(2, 4)))
    assert shown.faults() == []
    assert any(text.startswith("生成器") for text in shown.words)


def test_signs_without_a_font_are_spelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "chinese", lambda: None)
    network = type("生成器", (nn.Linear,), {})(4, 3)
    words = rendered(ganscope.trace(network, torch.randn(2, 4))).words
    assert any(text.startswith("\\u751f") for text in words)


def test_a_title_of_ones_own_and_no_background(tmp_path: Path) -> None:
    from PIL import Image

    shown = rendered(traced("generator"), title="Lecture 3: G$z$", transparent=True)
    assert "Lecture 3: G$z$" in shown.words
    shown.figure.savefig(tmp_path / "flow.png")
    with Image.open(tmp_path / "flow.png") as image:
        assert image.getchannel("A").getpixel((3, 3)) == 0
        assert image.size == (1920, 1080)
