"""A call's type and settings in the words a person would use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ganscope.traces import Call
from ganscope.views import style

_SAYS_NOTHING = re.compile(r"\w+=None|inplace=False|_stacklevel=\d+")
"""Arguments of an operation that were filled in for it."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Settings:
    """A module's ``extra_repr`` taken apart.

    Attributes:
        positional: The values without a name, in their order.
        named: The others.
    """

    positional: tuple[str, ...]
    named: dict[str, str]

    def get(self, name: str, default: str = "") -> str:
        """The text of a named setting."""
        return self.named.get(name, default)

    def numbers(self, name: str, default: int) -> tuple[int, ...]:
        """A named setting as whole numbers: ``(4, 4)``; empty where it holds anything else."""
        text = self.named.get(name, str(default)).strip("()")
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not all(re.fullmatch(r"-?\d+", part) for part in parts):
            return ()
        return tuple(int(part) for part in parts)


def read_settings(text: str) -> Settings:
    """The settings in an ``extra_repr`` such as ``3, 64, kernel_size=(4, 4), bias=False``."""
    positional: list[str] = []
    named: dict[str, str] = {}
    for part in _split(text):
        name, equals, value = part.partition("=")
        if equals and name.strip().isidentifier():
            named[name.strip()] = value.strip().strip("'\"")
        else:
            positional.append(part)
    return Settings(tuple(positional), named)


def describe_type(call: Call, width: int | None = None) -> str:
    """Such as ``Linear(100 → 128)`` or ``BatchNorm1d(256, eps 0.8)``.

    Sizes come first, then what differs from torch's defaults. A type that is not known, and
    an operation, keep their settings as they stand.

    Args:
        call: The call.
        width: Signs it may take: what is beyond is left out from the end, ``Conv2d(3 → 64, …)``.
    """
    name, text = style.printable(call.type), style.printable(call.settings)
    words = _words(call, text)
    whole = f"{name}({', '.join(words)})" if words else name
    if width is None or len(whole) <= width:
        return whole
    kept = [part for word in words for part in _split(word)]
    while kept and len(f"{name}({', '.join(kept)}, …)") > width:
        kept.pop()
    return f"{name}({', '.join([*kept, '…'])})"


def _words(call: Call, text: str) -> list[str]:
    known = _KNOWN.get(base_type(call)) if call.kind != "op" else None
    raw = [text] if text else []
    if call.kind == "op":
        return [part for part in _split(text) if not _SAYS_NOTHING.fullmatch(part)]
    if known is None:
        return raw
    settings = read_settings(text)
    try:
        return [*known.sizes(settings), *_unusual(settings, known)]
    except (KeyError, IndexError):
        return raw


def base_type(call: Call) -> str:
    """The class without the prefix that a parametrization (spectral norm) puts before it."""
    return call.type.removeprefix("Parametrized")


@dataclass(frozen=True, slots=True)
class _Known:
    """How to word a type: its sizes, then the settings that are not at these defaults."""

    sizes: Callable[[Settings], list[str]]
    defaults: dict[str, str]


def _split(text: str) -> list[str]:
    """`text` at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _unusual(settings: Settings, known: _Known) -> list[str]:
    words = []
    for name, value in settings.named.items():
        if name not in known.defaults or value == known.defaults[name]:
            continue
        words.append(_WORDS.get((name, value)) or f"{name.replace('_', ' ')} {_compact(value)}")
    return words


def _compact(value: str) -> str:
    """``(2, 2)`` as ``2``, ``(3, 5)`` as ``3×5``, anything else as it is."""
    if not value.startswith("("):
        return value
    items = [item.strip() for item in value.strip("()").split(",") if item.strip()]
    if not items or not all(_NUMBER.fullmatch(item) for item in items):
        return value
    return items[0] if len(set(items)) == 1 else "×".join(items)


def _from_to(*names: str) -> Callable[[Settings], list[str]]:
    def sizes(settings: Settings) -> list[str]:
        given = [settings.named[name] for name in names] or list(settings.positional[:2])
        return [f"{given[0]} → {given[1]}"]

    return sizes


def _positional(settings: Settings) -> list[str]:
    return [_compact(value) for value in settings.positional]


def _one(name: str, template: str = "{}", default: str = "") -> Callable[[Settings], list[str]]:
    def sizes(settings: Settings) -> list[str]:
        value = settings.named[name]
        return [] if value == default else [template.format(_compact(value))]

    return sizes


def _kernel(settings: Settings) -> list[str]:
    window = settings.numbers("kernel_size", 1)
    size = "×".join(map(str, window)) or settings.get("kernel_size")
    channels = settings.positional
    return [f"{channels[0]} → {channels[1]}", size] if channels else [size]


def _border(settings: Settings) -> list[str]:
    widths = settings.get("padding") or settings.positional[0]
    items = [item.strip() for item in widths.strip("()").split(",")]
    return [items[0] if len(set(items)) == 1 else ", ".join(items)]


def _pool(settings: Settings) -> list[str]:
    return [f"{_compact(settings.named['kernel_size'])}"]


def _upsample(settings: Settings) -> list[str]:
    factor, size = settings.get("scale_factor"), settings.get("size")
    grown = f"×{factor.removesuffix('.0')}" if factor else f"to {_compact(size)}"
    return [grown, settings.named["mode"]]


def _none(_: Settings) -> list[str]:
    return []


_WORDS = {
    ("inplace", "True"): "in place",
    ("bias", "False"): "no bias",
    ("affine", "False"): "not affine",
    ("affine", "True"): "affine",
    ("elementwise_affine", "False"): "not affine",
    ("track_running_stats", "False"): "no running statistics",
    ("track_running_stats", "True"): "running statistics",
    ("ceil_mode", "True"): "rounded up",
}

_NORM = {"eps": "1e-05", "momentum": "0.1"}
_BATCH_NORM = _Known(_positional, {**_NORM, "affine": "True", "track_running_stats": "True"})
_INSTANCE_NORM = _Known(_positional, {**_NORM, "affine": "False", "track_running_stats": "False"})
_CONVOLUTION = _Known(
    _kernel,
    {
        "stride": "(1, 1)",
        "padding": "(0, 0)",
        "dilation": "(1, 1)",
        "groups": "1",
        "output_padding": "(0, 0)",
        "bias": "True",
        "padding_mode": "zeros",
    },
)
_CONVOLUTION_1D = _Known(_kernel, {**_CONVOLUTION.defaults, "stride": "(1,)", "dilation": "(1,)"})
_CONVOLUTION_3D = _Known(_kernel, {**_CONVOLUTION.defaults, "stride": "(1, 1, 1)"})
_POOL = _Known(_pool, {"stride": "", "padding": "0", "dilation": "1", "ceil_mode": "False"})
_UPSAMPLE = _Known(_upsample, {})
_BORDERS = ("Zero", "Reflection", "Replication", "Circular", "Constant")
_BORDER = _Known(_border, {"value": "0"})
_IN_PLACE = {"inplace": "False"}
_DROPOUT = _Known(_one("p"), _IN_PLACE)
_PLAIN = _Known(_none, _IN_PLACE)
_SOFTMAX = _Known(_one("dim", "dim {}", "None"), {})
_ADAPTIVE = _Known(_one("output_size", "to {}"), {})
_LAYER_NORM = _Known(
    _positional, {"eps": "1e-05", "elementwise_affine": "True", "affine": "True", "bias": "True"}
)

_KNOWN: dict[str, _Known] = {
    "Linear": _Known(_from_to("in_features", "out_features"), {"bias": "True"}),
    "Embedding": _Known(_from_to(), {"padding_idx": ""}),
    "LeakyReLU": _Known(_one("negative_slope"), _IN_PLACE),
    "ELU": _Known(_one("alpha", "{}", "1.0"), _IN_PLACE),
    "GELU": _Known(_none, {"approximate": "none"}),
    "PReLU": _Known(_one("num_parameters", "{}", "1"), {}),
    "Softplus": _Known(_none, {"beta": "1.0", "threshold": "20.0"}),
    "Flatten": _Known(_none, {"start_dim": "1", "end_dim": "-1"}),
    "PixelShuffle": _Known(_one("upscale_factor", "×{}"), {}),
    "LayerNorm": _LAYER_NORM,
    "GroupNorm": _LAYER_NORM,
    "RMSNorm": _Known(_positional, {"eps": "None", "elementwise_affine": "True"}),
    "Softmax": _SOFTMAX,
    "LogSoftmax": _SOFTMAX,
    "Conv1d": _CONVOLUTION_1D,
    "Conv2d": _CONVOLUTION,
    "Conv3d": _CONVOLUTION_3D,
    "ConvTranspose1d": _CONVOLUTION_1D,
    "ConvTranspose2d": _CONVOLUTION,
    "ConvTranspose3d": _CONVOLUTION_3D,
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), _BATCH_NORM),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"), _INSTANCE_NORM),
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"), _POOL),
    **dict.fromkeys(("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), _ADAPTIVE),
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"), _UPSAMPLE),
    **{f"{kind}Pad{rank}d": _BORDER for kind in _BORDERS for rank in (1, 2, 3)},
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"), _DROPOUT),
    **dict.fromkeys(("ReLU", "ReLU6", "SiLU", "Mish", "Hardswish"), _PLAIN),
}
