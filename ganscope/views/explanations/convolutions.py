"""Convolutions: kernels that slide over maps, as modules and as operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganscope.traces import Call
from ganscope.views import style
from ganscope.views.describe import base_type, read_settings
from ganscope.views.explanations import shapes
from ganscope.views.explanations.context import Context
from ganscope.views.explanations.registry import explains
from ganscope.views.explanations.windows import Window, arguments, size_down, size_up, window

_FORWARD = ("stride", "padding", "dilation", "groups")
_BACKWARD = ("stride", "padding", "output_padding", "groups", "dilation")


@dataclass(frozen=True, slots=True)
class _Kernels:
    """What a convolution consists of.

    Attributes:
        before: Shape that goes in, with the batch.
        after: Shape that comes out.
        size: Height and width of a kernel.
        groups: Parts of the maps that are kept apart.
        named: The settings by name.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    size: tuple[int, ...]
    groups: int
    named: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether the numbers of maps and groups go together."""
        ranks = {len(self.before), len(self.after)}
        return (
            ranks == {len(self.size) + 2}
            and self.groups > 0
            and not self.before[1] % self.groups
            and not self.after[1] % self.groups
        )

    def maps(self) -> str:
        """``(3×28×28 → 64×14×14)``."""
        return f"({style.format_shape(self.before[1:])} → {style.format_shape(self.after[1:])})"


@explains("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def convolution(call: Call, _: Context) -> str | None:
    """Kernels that slide over maps."""
    known, settings = shapes.both(call), read_settings(call.settings)
    size = settings.numbers("kernel_size", 0)
    groups = (*settings.numbers("groups", 1), 1)[0]
    if known is None or not any(size):
        return None
    kernels = _Kernels(*known, size, groups, settings.named)
    if not kernels.is_whole:
        return None
    maps_in, maps_out = known[0][1], known[1][1]
    biases = maps_out if settings.get("bias", "True") == "True" else 0
    up = base_type(call).startswith("ConvTranspose")
    weights = (maps_in, maps_out // groups) if up else (maps_out, maps_in // groups)
    return shapes.sentence(
        _work(call, kernels, up=up), shapes.parameter_sum(call, (*weights, *size), biases)
    )


@explains("conv1d", "conv2d", "conv3d")
def convolve(call: Call, _: Context) -> str | None:
    """The same with kernels that are handed in."""
    return _with_weights(call, _FORWARD, up=False)


@explains("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def convolve_up(call: Call, _: Context) -> str | None:
    """The same the other way round."""
    return _with_weights(call, _BACKWARD, up=True)


def _with_weights(call: Call, order: tuple[str, ...], *, up: bool) -> str | None:
    known = shapes.both(call)
    weight = call.inputs[1].shape if len(call.inputs) > 1 else None
    if known is None or not weight or len(weight) < 3 or len(known[0]) < 3 or not weight[1]:
        return None
    groups, rest = divmod(known[1][1] if up else known[0][1], weight[1])
    kernels = _Kernels(*known, weight[2:], groups, arguments(call, order))
    if rest or not kernels.is_whole or weight[0] != (known[0][1] if up else known[1][1]):
        return None
    return shapes.sentence(
        _work(call, kernels, up=up),
        "its kernels are its second input, "
        f"{style.format_shape(weight)} = {style.count_of(shapes.count(weight), 'number')}",
    )


def _work(call: Call, kernels: _Kernels, *, up: bool) -> str:
    given = window(kernels.named, kernels.size)
    if given and given.reach == given.stride == 1:
        given = None  # each pixel by itself: the size stays
    resize = (size_up if up else size_down)(call, given) if given else None
    return shapes.sentence(
        f"{(_spread if up else _slide)(kernels)} {kernels.maps()}",
        _apart(kernels),
        _dilated(kernels, given),
        resize,
    )


def _dilated(kernels: _Kernels, given: Window | None) -> str | None:
    """Why a kernel reaches further than its size: its cells lie apart."""
    if given is None or given.dilation == 1:
        return None
    reach = style.format_shape((given.reach,) * len(kernels.size))
    return (
        f"dilation {given.dilation}: its cells lie {given.dilation} apart, so it reaches over "
        f"{reach} ({given.dilation}·({given.kernel} - 1) + 1 = {given.reach})"
    )


def _slide(kernels: _Kernels) -> str:
    count, each = kernels.after[1], kernels.before[1] // kernels.groups
    size = style.format_shape((each, *kernels.size))
    if count == 1:
        return f"1 kernel of {size} slides over {_maps(each)} and makes one map"
    if kernels.groups > 1:
        some = f"{each} of the {kernels.before[1]} maps"
        return f"{count} kernels of {size}, each slides over {some} and makes one map"
    return f"{count} kernels of {size} slide over {_maps(each)}, each makes one map"


def _spread(kernels: _Kernels) -> str:
    cells = style.format_shape(kernels.size)
    each = kernels.after[1] // kernels.groups
    onto = f"{each} of the {kernels.after[1]} maps" if kernels.groups > 1 else _maps(each)
    return f"every number of {_maps(kernels.before[1])} is spread over {cells} cells of {onto}"


def _maps(count: int) -> str:
    return style.count_of(count, "map")


def _apart(kernels: _Kernels) -> str | None:
    if kernels.groups == 1:
        return None
    return f"in {kernels.groups} groups that do not mix"
