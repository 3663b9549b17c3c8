"""`ganscope models`, and how the list looks."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ganscope.views.model_list import ModelRow, model_list

from .conftest import Run

ROWS = [
    ModelRow(
        name="toy",
        summary="A toy with a sentence that goes on for longer than a narrow terminal is wide.",
        source="Nobody, Never & Nowhere 2030, arXiv:0000.00000, sections 1, 2 and 3",
        arguments=", ".join(f"argument_{index}={index}" for index in range(9)),
        generator_parameters=1_234_567,
        discriminator_parameters=89,
        latent_shape=(100,),
        image_shape=(3, 64, 64),
    ),
]


def shown(width: int, encoding: str = "utf-8") -> list[str]:
    sink = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=sink, width=width).print(model_list(ROWS), soft_wrap=True)
    sink.flush()
    return sink.buffer.getvalue().decode(encoding).splitlines()  # type: ignore[attr-defined]


def test_all_models_with_their_figures(ganscope: Run) -> None:
    outcome = ganscope("models")
    assert (outcome.code, outcome.err) == (0, "")
    for words in (
        "dcgan  Convolutional", "gan  Fully connected", "1,510,032 parameters",
        "533,505 parameters", "759,681 parameters", "138,689 parameters", "arXiv:1406.2661",
        "arXiv:1511.06434", "latent_dimension=100", "batch_norm_eps=0.8",
        "try  ganscope trace generator --model dcgan",
    ):  # fmt: skip
        assert words in outcome.out
    assert outcome.out.index("dcgan") < outcome.out.index("gan  Fully")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_nothing_is_too_wide_cut_or_padded(width: int) -> None:
    lines = shown(width)
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []
    text = " ".join(" ".join(lines).split())
    for word in [*ROWS[0].arguments.split(", "), *ROWS[0].source.split(), "1,234,567"]:
        assert word in text


def test_figures_stand_below_one_another() -> None:
    generator, discriminator = (line for line in shown(80) if "parameters" in line)
    assert generator.index("→") == discriminator.index("→")
    assert generator.index(" parameters") == discriminator.index(" parameters")


def test_ascii_terminals_can_read_it() -> None:
    assert any("100 -> 3x64x64" in line for line in shown(80, "ascii"))
