"""Convolutions, pooling and upsampling: what changes height and width."""

from __future__ import annotations

from dataclasses import dataclass

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.registry import explains


@dataclass(frozen=True, slots=True)
class _Window:
    """A window's settings along one dimension."""

    kernel: int
    stride: int
    padding: int
    dilation: int
    output_padding: int

    @property
    def reach(self) -> int:
        """Cells from the window's first to its last."""
        return self.dilation * (self.kernel - 1) + 1


def _window(call: Call) -> _Window | None:
    """The window, where it is the same along every dimension."""
    settings = read_settings(call.settings)
    kernel = settings.numbers("kernel_size", 0)
    found = []
    for name, default in (
        ("kernel_size", 0),
        ("stride", kernel[0] if kernel and "Pool" in call.type else 1),
        ("padding", 0),
        ("dilation", 1),
        ("output_padding", 0),
    ):
        values = set(settings.numbers(name, default))
        if len(values) != 1:
            return None
        found.append(values.pop())
    return _Window(*found) if found[0] > 0 and found[1] > 0 else None


def _same_size(shape: tuple[int, ...]) -> int | None:
    """Height and width, where they are the same."""
    sizes = set(shape[2:])
    return sizes.pop() if len(sizes) == 1 else None


def _size_down(call: Call, window: _Window) -> str | None:
    """(in + 2·padding - kernel) / stride + 1, if it gives the recorded size."""
    known = shapes.both(call)
    if known is None:
        return None
    before, after = _same_size(known[0]), _same_size(known[1])
    if before is None or after is None:
        return None
    span = before + 2 * window.padding - window.reach
    if span // window.stride + 1 != after:
        return None
    rounded = ", rounded down" if span % window.stride else ""
    padded = f" + 2·{window.padding}" if window.padding else ""
    return f"size ({before}{padded} - {window.reach}) / {window.stride} + 1 = {after}{rounded}"


def _size_up(call: Call, window: _Window) -> str | None:
    """(in - 1)·stride - 2·padding + kernel, if it gives the recorded size."""
    known = shapes.both(call)
    if known is None:
        return None
    before, after = _same_size(known[0]), _same_size(known[1])
    if before is None or after is None:
        return None
    size = (before - 1) * window.stride - 2 * window.padding + window.reach + window.output_padding
    if size != after:
        return None
    padded = f" - 2·{window.padding}" if window.padding else ""
    extra = f" + {window.output_padding}" if window.output_padding else ""
    return f"size ({before} - 1)·{window.stride}{padded} + {window.reach}{extra} = {after}"


@explains("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def convolution(call: Call, _: str) -> str | None:
    """Kernels that slide over maps."""
    known = shapes.both(call)
    settings = read_settings(call.settings)
    kernel = settings.numbers("kernel_size", 0)
    groups = (*settings.numbers("groups", 1), 1)[0]
    if known is None or not kernel or groups < 1:
        return None
    if {len(shape) for shape in known} != {len(kernel) + 2}:
        return None
    before, after = known[0][1], known[1][1]
    transposed = call.type.startswith(("ConvTranspose", "ParametrizedConvTranspose"))
    one = (before, after // groups) if transposed else (after, before // groups)
    window = _window(call)
    work = (
        f"every number of {style.count_of(before, 'map')} is spread over "
        f"{style.format_shape(kernel)} cells of {style.count_of(after, 'map')}"
        if transposed
        else f"{after} kernels of {style.format_shape((before // groups, *kernel))} slide over "
        f"{style.count_of(before, 'map')}, each makes one map"
    )
    resize = (_size_up if transposed else _size_down)(call, window) if window else None
    biases = after if settings.get("bias", "True") == "True" else 0
    return shapes.sentence(
        f"{work} ({style.format_shape(known[0][1:])} → {style.format_shape(known[1][1:])})",
        resize,
        shapes.parameter_sum(call, (*one, *kernel), biases),
    )


@explains("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d")
def pooling(call: Call, _: str) -> str | None:
    """The largest or the mean of each window."""
    known = shapes.both(call)
    if known is None:
        return None
    kept = "the largest number" if "Max" in call.type else "the mean"
    window = _window(call)
    return shapes.sentence(
        f"keeps {kept} of each window "
        f"({style.format_shape(known[0][1:])} → {style.format_shape(known[1][1:])})",
        _size_down(call, window) if window else None,
    )


@explains("AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d")
def adaptive_pooling(call: Call, _: str) -> str | None:
    """Windows that give a wanted size."""
    known = shapes.both(call)
    if known is None or len(known[1]) < 3:
        return None
    kept = "the largest number" if "max" in call.type.lower() else "the mean"
    return (
        f"keeps {kept} of windows chosen so that {style.format_shape(known[0][2:])} becomes "
        f"{style.format_shape(known[1][2:])}"
    )


@explains("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", "interpolate")
def upsample(call: Call, _: str) -> str | None:
    """Larger maps without weights."""
    known = shapes.both(call)
    if known is None or len(known[1]) < 3:
        return None
    mode = read_settings(call.settings).get("mode")
    how = {"nearest": "repeating numbers", "bilinear": "interpolating between neighbours"}
    by = f" by {how[mode]}" if mode in how else ""
    return (
        f"resizes each map from {style.format_shape(known[0][2:])} to "
        f"{style.format_shape(known[1][2:])}{by}; nothing is learned"
    )


@explains("PixelShuffle", "pixel_shuffle")
def pixel_shuffle(call: Call, _: str) -> str | None:
    """Maps become pixels."""
    known = shapes.both(call)
    if known is None:
        return None
    return (
        "moves numbers from maps into height and width "
        f"({style.format_shape(known[0][1:])} → {style.format_shape(known[1][1:])}); "
        "nothing is computed"
    )
