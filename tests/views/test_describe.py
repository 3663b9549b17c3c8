from __future__ import annotations

import pytest

from ganscope.views.describe import describe_type, read_settings

from .builders import call

BATCH_NORM = "256, eps={}, momentum={}, affine=True, bias=True, track_running_stats=True"


@pytest.mark.parametrize(
    ("kind", "settings", "text"),
    [
        ("Linear", "in_features=100, out_features=128, bias=True", "Linear(100 → 128)"),
        ("Linear", "in_features=2, out_features=3, bias=False", "Linear(2 → 3, no bias)"),
        ("BatchNorm1d", BATCH_NORM.format("0.8", "0.1"), "BatchNorm1d(256, eps 0.8)"),
        ("BatchNorm1d", BATCH_NORM.format("1e-05", "0.1"), "BatchNorm1d(256)"),
        ("BatchNorm1d", BATCH_NORM.format("1e-05", "0.8"), "BatchNorm1d(256, momentum 0.8)"),
        (
            "BatchNorm2d",
            "4, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False",
            "BatchNorm2d(4, not affine, no running statistics)",
        ),
        ("BatchNorm2d", "4, eps=1e-05, momentum=0.1, affine=True", "BatchNorm2d(4)"),
        (
            "InstanceNorm2d",
            "4, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False",
            "InstanceNorm2d(4)",
        ),
        ("LeakyReLU", "negative_slope=0.2, inplace=True", "LeakyReLU(0.2, in place)"),
        ("LeakyReLU", "negative_slope=0.01", "LeakyReLU(0.01)"),
        ("ReLU", "", "ReLU"),
        ("ReLU", "inplace=True", "ReLU(in place)"),
        ("Tanh", "", "Tanh"),
        ("GELU", "approximate='none'", "GELU"),
        ("GELU", "approximate='tanh'", "GELU(approximate tanh)"),
        ("Dropout", "p=0.25, inplace=False", "Dropout(0.25)"),
        ("Embedding", "10, 16", "Embedding(10 → 16)"),
        ("Embedding", "10, 16, padding_idx=0", "Embedding(10 → 16, padding idx 0)"),
        ("Flatten", "start_dim=1, end_dim=-1", "Flatten"),
        ("Softmax", "dim=1", "Softmax(dim 1)"),
        ("Upsample", "scale_factor=2.0, mode='nearest'", "Upsample(×2, nearest)"),
        ("Upsample", "size=(4, 4), mode='bilinear'", "Upsample(to 4, bilinear)"),
        (
            "Conv2d",
            "3, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), bias=False",
            "Conv2d(3 → 64, 4×4, stride 2, padding 1, no bias)",
        ),
        ("Conv2d", "3, 64, kernel_size=(3, 5), stride=(1, 1)", "Conv2d(3 → 64, 3×5)"),
        ("Conv1d", "3, 6, kernel_size=(3,), stride=(1,)", "Conv1d(3 → 6, 3)"),
        (
            "ConvTranspose2d",
            "100, 64, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1)",
            "ConvTranspose2d(100 → 64, 3×3, stride 2, padding 1, output padding 1)",
        ),
        (
            "MaxPool2d",
            "kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False",
            "MaxPool2d(2, stride 2)",
        ),
        ("LayerNorm", "(5,), eps=1e-05, elementwise_affine=True, bias=True", "LayerNorm(5)"),
        (
            "ParametrizedLinear",
            "in_features=1, out_features=2, bias=True",
            "ParametrizedLinear(1 → 2)",
        ),
        ("Mystery", "depth=3, flavour='sour'", "Mystery(depth=3, flavour='sour')"),
        ("Linear", "somebody's own words", "Linear(somebody's own words)"),
        ("Generator", "", "Generator"),
    ],
)
def test_modules(kind: str, settings: str, text: str) -> None:
    assert describe_type(call(0, "net", kind, settings=settings)) == text


def test_operations_keep_their_arguments() -> None:
    view = call(0, "net/view", "view", kind="op", settings="64, 1, 28, 28")
    assert describe_type(view) == "view(64, 1, 28, 28)"
    assert describe_type(call(0, "net/relu", "relu", kind="op")) == "relu"


def test_settings_are_split_outside_brackets() -> None:
    settings = read_settings("3, 64, kernel_size=(4, 4), padding_mode='reflect'")
    assert settings.positional == ("3", "64")
    assert settings.named == {"kernel_size": "(4, 4)", "padding_mode": "reflect"}
    assert settings.numbers("kernel_size", 1) == (4, 4)
    assert settings.numbers("stride", 1) == (1,)
    assert settings.numbers("padding_mode", 0) == ()
