"""Sentences of real layers and operations: every number in them is checked against torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ganscope
from ganscope.traces import Trace
from ganscope.views.explain import sentences
from ganscope.views.rows import rows_of


class Does(nn.Module):
    """A module whose forward is any function; its parts stand under their own names."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.run = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.run(self, *inputs)


def explained(module: nn.Module, *inputs: torch.Tensor) -> dict[str, str]:
    """Label within the network → its sentence."""
    trace: Trace = ganscope.trace(module, *inputs)
    rows = rows_of(trace.steps[0].calls)
    said = sentences(trace, 0, rows)
    return {row.short_name: said[row.call.id] for row in rows if row.call.id in said}


def said(function: Callable[..., Any], *inputs: torch.Tensor) -> str:
    """The sentence of the last operation in a function."""
    return list(explained(Does(lambda _, *given: function(*given)), *inputs).values())[-1]


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


MAPS = numbers(2, 4, 8, 8)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x * 3, "Multiplies each number by 3; here from"),
        (lambda x: x + 1e-8, "Adds 1e-08 to each number."),
        (lambda x: x - 1, "Subtracts 1 from each number."),
        (lambda x: 1 - x, "Subtracts each number from 1."),
        (lambda x: x / 2, "Divides each number by 2;"),
        (lambda x: x**2, "The square of each number; here from"),
        (lambda x: x.clamp(-1, 1), "Cuts off what is below -1 and above 1; here from -1.000 to"),
        (lambda x: x.mean(), "The mean of all 512 numbers; here"),
        (lambda x: x.mean((2, 3)), "The mean of 64 numbers at a time (2×4×8×8 → 2×4);"),
        (lambda x: x.sum(1, keepdim=True), "The sum of 4 numbers at a time"),
        (lambda x: x.flatten(1), "Only re-reads the same 256 numbers of each entry as 256"),
        (lambda x: x.reshape(8, -1), "Only re-reads the same 512 numbers as 8×64;"),
        (lambda x: x.permute(0, 2, 3, 1), "Puts the dimensions into another order (2×4×8×8 → 2×8"),
        (lambda x: x.chunk(2, 1)[0], "Cuts dimension 1 (the maps) into 2 pieces: 4 = 2 + 2;"),
        (lambda x: torch.split(x, [1, 3], dim=1)[0], "into 2 pieces: 4 = 1 + 3;"),
        (lambda x: x.repeat(1, 2, 1, 1), "Repeats its numbers 2 times (2×4×8×8 → 2×8×8×8);"),
        (
            lambda x: F.pad(x, (1, 2, 0, 0)),
            "border around each map with zeros (1 left, 2 right): 8",
        ),
        (lambda x: F.pad(x, (1, 1), value=3.0), "with 3.0 (1 on each side): 8 → 10."),
        (
            lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
            "by mirroring what lies inside the edge (1 on each side): 8×8 → 10×10.",
        ),
        (
            lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
            "Resizes each map from 8×8 to 16×16: each number becomes 2×2 equal ones; nothing is l",
        ),
        (
            lambda x: F.interpolate(x, size=(4, 8), mode="bilinear"),
            "Resizes each map from 8×8 to 4×8 by interpolating between neighbours (bilinear);",
        ),
        (
            lambda x: F.pixel_shuffle(x, 2),
            "Lays every 4 maps out as one map, 2×2 numbers in the place of one (4×8×8 → 1×16×16);",
        ),
        (
            lambda x: F.pixel_unshuffle(x, 2),
            "Takes every map apart into 4, one for each place in a 2×2 window (4×8×8 → 16×4×4);",
        ),
        (lambda x: torch.randn(2, 3), "Draws 2×3 = 6 numbers at random from a standard normal"),
        (lambda x: torch.rand_like(x), "512 numbers at random from a uniform distribution between"),
        (lambda x: torch.zeros(3, 2), "3×2 = 6 numbers, each of them zero."),
        (lambda x: F.max_pool2d(x, 2), "Keeps the largest number of each 2×2 window"),
        (lambda x: F.avg_pool2d(x, 2, 2), "size (8 - 2) / 2 + 1 = 4."),
        (
            lambda x: x.flatten(2).softmax(-1),
            "along dimension 2: every 64 numbers become positive and add up to 1; an even share "
            "would be 1/64 = 0.0156, the largest here is",
        ),
        (lambda x: F.softmax(x, 1), "along dimension 1: every 4 numbers"),
    ],
)
def test_operations(function: Callable[..., Any], text: str) -> None:
    assert text in said(function, MAPS)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 2**x,
        lambda x: x**3,
        lambda x: 2 / x,
        lambda x: torch.add(x, x, alpha=3),
        lambda x: torch.add(x, 2, alpha=3),
    ],
)
def test_what_the_record_does_not_tell_is_not_said(function: Callable[..., Any]) -> None:
    assert said(function, MAPS).startswith("The operation ")


def test_what_two_operations_would_leave_alike_is_not_said() -> None:
    about_one = MAPS - MAPS.mean() + 1
    for function in (lambda x: x - 1, lambda x: 1 - x):
        assert said(function, about_one).startswith("The operation sub turns")


def test_convolutions_as_operations() -> None:
    weight = numbers(6, 2, 3, 3)
    text = said(lambda x, w: F.conv2d(x, w, None, 2, 1, 1, 2), MAPS, weight)
    assert text == (
        "6 kernels of 2×3×3, each slides over 2 of the 4 maps and makes one map (4×8×8 → 6×4×4); "
        "in 2 groups that do not mix; size (8 + 2·1 - 3) / 2 + 1 = 4, rounded down; its kernels "
        "are its second input, 6×2×3×3 = 108 numbers."
    )
    text = said(
        lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), MAPS, numbers(4, 3, 4, 4)
    )
    assert "Every number of 4 maps is spread over 4×4 cells of 3 maps (4×8×8 → 3×16×16)" in text
    assert "size (8 - 1)·2 - 2·1 + 4 = 16;" in text
    one = said(lambda x, w: F.conv2d(x, w), MAPS, numbers(1, 4, 8, 8))
    assert "1 kernel of 4×8×8 slides over 4 maps and makes one map (4×8×8 → 1×1×1)" in one


def test_linear_as_operation_and_articles() -> None:
    text = said(lambda x, w: F.linear(x, w), numbers(5, 3), numbers(8, 3))
    assert "Each of the 5 rows: 3 numbers times an 8×3 weight matrix (x·Wᵀ) give 8 numbers" in text
    text = said(lambda x, w, b: F.linear(x, w, b), numbers(1, 3), numbers(2, 3), numbers(2))
    assert "The one row: 3 numbers times a 2×3 weight matrix plus 2 biases (x·Wᵀ + b)" in text


def test_matrix_products() -> None:
    text = said(torch.bmm, numbers(3, 5, 2), numbers(3, 2, 8))
    assert text == (
        "3 times: a 5×2 matrix times a 2×8 matrix gives a 5×8 matrix, in which each number is a "
        "sum of 2 products."
    )
    scores = explained(Does(lambda _, q, k: (q @ k).softmax(-1)), numbers(5, 2), numbers(2, 8))
    assert "how well each of 5 positions matches each of 8" in scores["matmul"]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.ZeroPad2d((1, 0, 2, 0)), "with zeros (1 left, 2 top): 8×8 → 10×9."),
        (nn.ReflectionPad2d(3), "inside the edge (3 on each side): 8×8 → 14×14."),
        (nn.ReplicationPad2d(1), "by repeating the edge"),
        (nn.ConstantPad2d(1, 0.5), "with 0.5 (1 on each side): 8×8 → 10×10."),
        (nn.Upsample(scale_factor=3), "from 8×8 to 24×24: each number becomes 3×3 equal ones;"),
        (nn.Upsample(size=(5, 9)), "from 8×8 to 5×9 by taking the nearest number;"),
        (nn.PixelShuffle(2), "Lays every 4 maps out as one map"),
        (
            nn.InstanceNorm2d(4, affine=True),
            "For each map of each sample alone (2 samples, 4 maps): (x - mean) / √(variance + "
            "eps) over its 8×8 = 64 numbers; then a learned scale and shift for each: 2·4 = 8",
        ),
        (
            nn.GroupNorm(2, 4),
            "For each sample alone (2), in 2 groups of maps: (x - mean) / √(variance + eps) over "
            "2×8×8 = 128 numbers each; then a learned scale and shift for each: 2·4 = 8 param",
        ),
        (
            nn.LayerNorm((8, 8)),
            "For each row alone (8): (x - mean) / √(variance + eps) over its 8×8 = 64 numbers; "
            "then a learned scale and shift for each: 2·64 = 128 parameters",
        ),
        (nn.AdaptiveAvgPool2d(1), "Keeps the mean of each map: 8×8 = 64 numbers become 1."),
        (nn.Conv2d(4, 1, 1), "1 kernel of 4×1×1 slides over 4 maps and makes one map"),
        (
            nn.Conv2d(4, 6, 3, groups=2),
            "6 kernels of 2×3×3, each slides over 2 of the 4 maps and makes one map (4×8×8 → 6×6×6)"
            "; in 2 groups that do not mix; size (8 - 3) / 1 + 1 = 6; 6·2·3·3 + 6 = 114 param",
        ),
        (
            nn.ConvTranspose2d(4, 6, 3, groups=2),
            "Every number of 4 maps is spread over 3×3 cells of 3 of the 6 maps",
        ),
        (
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 2, 3)),
            "2·4·3·3 + 2 = 74 parameters; its weight is computed anew at each call (a "
            "parametrization, such as spectral norm).",
        ),
    ],
)
def test_layers(layer: nn.Module, text: str) -> None:
    assert text in explained(Does(lambda self, x: self.part(x), part=layer), MAPS)["part"]


def test_batch_norm_says_whose_mean_it_takes() -> None:
    norm = Does(lambda self, x: self.part(x), part=nn.BatchNorm2d(4))
    text = explained(norm, MAPS)["part"]
    assert "with the mean and variance of this batch's own 2×8×8 = 128 numbers (train mode;" in text
    assert re.search(r"now the mean is ≈?0 and the standard deviation 1\.000", text)
    text = explained(norm.eval(), MAPS)["part"]
    assert "with a mean and variance remembered from training (eval mode)" in text
    assert "this batch" not in text
    without = Does(lambda self, x: self.part(x), part=nn.BatchNorm2d(4, track_running_stats=False))
    assert "this batch's own" in explained(without.eval(), MAPS)["part"]


def test_dropout_tells_what_it_zeroed_from_what_was_zero_before() -> None:
    torch.manual_seed(0)
    both = Does(lambda self, x: self.drop(self.relu(x)), relu=nn.ReLU(), drop=nn.Dropout(0.25))
    x = numbers(200, 500)
    text = explained(both, x)["drop"]
    assert "Sets values to 0 at random with probability 0.25 and scales the others up" in text
    assert "(times 1.33) (train mode; in eval mode it passes everything on)" in text
    told = "50% of the values were 0 before; of the others it set 25% to 0, so 6[23]% are 0"
    assert re.search(told, text)
    assert explained(both.eval(), x)["drop"] == "Passes everything on as it is (eval mode)."
    alone = explained(Does(lambda self, x: self.drop(x), drop=nn.Dropout2d(0.5)), MAPS)["drop"]
    assert "Sets whole maps to 0" in alone
    assert "here it set " in alone
    assert "eval mode" not in said(lambda x: F.dropout(x, 0.5), MAPS)
    assert said(lambda x: F.dropout(x, 0.5, training=False), MAPS) == (
        "Passes everything on as it is."
    )


def test_embedding_names_the_rows_it_looked_up() -> None:
    labels = torch.tensor([2, 7, 4])
    text = explained(Does(lambda self, x: self.part(x), part=nn.Embedding(10, 16)), labels)["part"]
    assert text == (
        "Looks 3 whole numbers up in a table of 10 rows, such as one for each class, and gives "
        "that row's 16 numbers; here rows 2 to 7; 10·16 = 160 parameters."
    )


def test_attention() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    text = explained(Does(lambda self, q, k: self.part(q, k, k), part=layer),
                     numbers(2, 5, 8), numbers(2, 6, 8))["part"]  # fmt: skip
    assert text == (
        "Attention: each of 5 positions gets a weighted mean over 6 positions, the more of one "
        "the better it matches; the weights are the second output (2×5×6); 4·8·8 + 32 = 288 "
        "parameters."
    )
    text = said(F.scaled_dot_product_attention, *(numbers(1, 2, 5, 16) for _ in range(3)))
    assert "each of 5 positions gets a weighted mean over 5 positions" in text
    assert "softmax(q·kᵀ/√16)" in text


def layer_said(layer: nn.Module, *inputs: torch.Tensor, mode: bool = True) -> str:
    """The sentence of a layer within a network."""
    network = Does(lambda self, *given: self.layer(*given), layer=layer).train(mode)
    return explained(network, *inputs)["layer"]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (
            lambda x, y: torch.einsum("bi,bj->bij", x, y),
            "Multiplies and sums the first input of this Does (4×3) and the second input of this "
            "Does (4×5) by the rule bi,bj->bij: an index that is not in the result is summed over "
            "(→ 4×3×5)",
        ),
        (
            lambda x, y: torch.where(x > 0, x, x * 2),
            "Takes each number from the first input of this Does (4×3) where the output of gt "
            "(4×3) holds, else from the output of mul (4×3); it holds at ",
        ),
        (lambda x, y: torch.stack([x, x * 2], -1), " along a new dimension 2 (→ 4×3×2)"),
        (lambda x, y: torch.stack([x, x * 2]), "(4×3) and the output of mul (4×3) one behind"),
        (lambda x, y: torch.outer(x[0], y[0]), "The operation outer turns 3 and 5 into 3×5"),
        (lambda x, y: F.elu(x, 0.5), "else 0.5·(eˣ - 1), where alpha is 0.5"),
        (lambda x, y: F.elu(x), "else (eˣ - 1), where alpha is 1"),
        (lambda x, y: F.hardtanh(x), "x, but -1 where x is below and 1 where it is above"),
    ],
)
def test_every_tensor_that_goes_in_is_named(function: Callable[..., Any], text: str) -> None:
    assert text in said(function, numbers(4, 3), numbers(4, 5))


def test_where_says_how_often() -> None:
    values = torch.tensor([[1.0, -1.0, 2.0, 3.0]])
    assert said(lambda x: torch.where(x > 0, x, x * 2), values).endswith("75% of the places.")


def test_activations_say_their_constants() -> None:
    values = numbers(4, 6)
    above, below = F.selu(torch.tensor([1.0, -1.0])).tolist()
    assert f"{above:.4f}·x" in layer_said(nn.SELU(), values)
    assert f"{below / (torch.e**-1 - 1):.4f}·(eˣ - 1)" in layer_said(nn.SELU(), values)
    assert "0.5·(eˣ - 1)" in layer_said(nn.ELU(0.5), values)
    assert "-2 where x is below and 3 where" in layer_said(nn.Hardtanh(-2, 3), values)
    assert "0 where x is below and 6 where" in layer_said(nn.ReLU6(), values)
    drawn = layer_said(nn.RReLU(0.1, 0.3), values)
    assert "drawn anew for each number between 0.100 and 0.300 (train mode" in drawn
    assert "the mean of 0.100 and 0.300" in layer_said(nn.RReLU(0.1, 0.3), values, mode=False)


def test_a_bilinear_layer_names_both_inputs() -> None:
    text = layer_said(nn.Bilinear(3, 5, 2), numbers(4, 3), numbers(4, 5))
    assert "(4×3) and one of" in text
    assert "(4×5) by a 3×5 matrix of its own and adds a bias (xᵀ·A·y + b)" in text
    assert text.endswith("2·3·5 + 2 = 32 parameters.")


def test_a_dilated_kernel_says_how_far_it_reaches() -> None:
    text = layer_said(nn.Conv2d(4, 8, 3, dilation=2), MAPS)
    assert (
        "dilation 2: its cells lie 2 apart, so it reaches over 5×5 (2·(3 - 1) + 1 = 5); "
        "size (8 - 5) / 1 + 1 = 4"
    ) in text
