"""Why a layer refused its input, in words: what it got and what it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn

from ganscope.probe import sites
from ganscope.probe.calls import CallLog, stems_from
from ganscope.probe.drafts import Draft
from ganscope.probe.tensors import TensorDraft
from ganscope.traces import Failure

_Shape = tuple[int, ...]
_Expectation = Callable[[Any, _Shape], str | None]


def describe(
    log: CallLog,
    error: BaseException,
    *,
    step: int = 0,
    update: int | None = 0,
    calls_before: int = 0,
) -> Failure:
    """The failure behind `error`, which has just ended the forward, or the training loop.

    Args:
        log: The calls of the step, or of its part that failed.
        error: What ended it.
        step: Index of the step.
        update: Index of the update.
        calls_before: Calls of the step that are not in `log`.
    """
    draft = log.failure
    if draft is not None and not stems_from(error, draft.error):
        draft = None
    message = _message(error)
    if draft is None:
        return Failure(step, update, None, message, None, None, sites.read(_place_of(error)))
    return Failure(
        step=step,
        update=update,
        call=calls_before + draft.ident - log.drafts[0].ident if log.drafts else None,
        message=message,
        expected=_expected(draft),
        got=_got(draft),
        site=sites.read(_place_of(error) or draft.place),
    )


def _message(error: BaseException) -> str:
    try:
        text = str(error)
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    except Exception:  # its own text fails
        return type(error).__name__


def _place_of(error: BaseException) -> sites.Place | None:
    """The innermost line of the user's code in the traceback."""
    place = None
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if sites.is_users(file):
            place = (file, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _got(draft: Draft) -> str | None:
    shown = []
    for name, record in draft.inputs:
        if record.shape is None:
            continue
        text = "×".join(map(str, record.shape)) or "a scalar"
        dtype = record.dtype_name if isinstance(record, TensorDraft) else record.dtype
        plain = dtype == "float32" and not isinstance(draft.module, nn.Embedding)
        text += "" if plain else f" of {dtype}"
        shown.append(f"{name} {text}" if name and not name.startswith("[") else text)
    return " and ".join(shown) or None


def _expected(draft: Draft) -> str | None:
    try:
        return _expectation(draft)
    except Exception:  # a subclass without the attributes of its kind
        return None


def _expectation(draft: Draft) -> str | None:
    shape, dtype = _first_input(draft)
    if shape is None or draft.module is None:
        return _OPERATIONS.get(draft.type)
    for kind, expectation in _LAYERS.items():
        if isinstance(draft.module, kind):
            words = expectation(draft.module, shape)
            return words or _type_mismatch(draft.module, dtype)
    return None


def _first_input(draft: Draft) -> tuple[_Shape | None, str | None]:
    for _, record in draft.inputs:
        if isinstance(record, TensorDraft) and record.shape is not None:
            return tuple(record.shape), record.dtype_name
    return None, None


def _type_mismatch(module: nn.Module, dtype: str | None) -> str | None:
    own = next(iter(module.parameters(recurse=False)), None)
    if own is None or dtype is None or str(own.dtype) == f"torch.{dtype}":
        return None
    return f"{str(own.dtype)[6:]}, the type of its weights"


def _linear(module: Any, shape: _Shape) -> str | None:
    size = module.in_features
    if shape and shape[-1] == size:
        return None
    batch = "×".join(map(str, shape[:-1])) or "batch"
    return f"{size} numbers in the last dimension ({batch}×{size})"


def _convolution(rank: int) -> _Expectation:
    def expectation(module: Any, shape: _Shape) -> str | None:
        sides = "×".join(("length", "height×width", "depth×height×width")[rank - 1].split("×"))
        channels = module.in_channels
        if len(shape) not in (rank + 1, rank + 2):
            return f"{rank + 2} dimensions: batch×{channels}×{sides}"
        if shape[-rank - 1] != channels:
            return f"{channels} channels: batch×{channels}×{sides}"
        kernel = module.kernel_size
        if not module.transposed:
            return f"images at least as large as its kernel {'×'.join(map(str, kernel))}"
        return None

    return expectation


def _batch_norm(ranks: tuple[int, ...]) -> _Expectation:
    def expectation(module: Any, shape: _Shape) -> str | None:
        features = module.num_features
        if len(shape) not in ranks:
            words = " or ".join(map(str, ranks))
            return f"{words} dimensions with {features} features in the second"
        if shape[1] != features:
            return f"{features} features in the second dimension"
        if module.training and math.prod(shape) == shape[1]:
            return "a batch of at least 2 in train mode (or eval mode)"
        return None

    return expectation


def _instance_norm(ranks: tuple[int, ...]) -> _Expectation:
    def expectation(_: Any, shape: _Shape) -> str | None:
        rank = max(ranks)
        if len(shape) not in ranks:
            return f"{rank} dimensions: batch×channels×{'×'.join(['size'] * (rank - 2))}"
        if len(shape) == rank and math.prod(shape[2:]) == 1:
            return "more than one value per channel; the image has shrunk to a single pixel"
        return None

    return expectation


def _layer_norm(module: Any, shape: _Shape) -> str | None:
    wanted = tuple(module.normalized_shape)
    if shape[-len(wanted) :] == wanted:
        return None
    return f"{'×'.join(map(str, wanted))} in the last {len(wanted)} dimension(s)"


def _embedding(module: Any, _: _Shape) -> str:
    return f"whole numbers from 0 to {module.num_embeddings - 1} (int64)"


def _group_norm(module: Any, shape: _Shape) -> str | None:
    if len(shape) > 1 and shape[1] == module.num_channels:
        return None
    return f"{module.num_channels} channels in the second dimension"


def _recurrent(module: Any, shape: _Shape) -> str | None:
    if shape and shape[-1] == module.input_size:
        return None
    return f"{module.input_size} numbers in the last dimension"


def _unflatten(module: Any, _: _Shape) -> str:
    sizes = "×".join(map(str, module.unflattened_size))
    return f"a dimension {module.dim} that splits into {sizes}"


_LAYERS: dict[type[nn.Module], _Expectation] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution(1),
    nn.Conv2d: _convolution(2),
    nn.Conv3d: _convolution(3),
    nn.ConvTranspose1d: _convolution(1),
    nn.ConvTranspose2d: _convolution(2),
    nn.ConvTranspose3d: _convolution(3),
    nn.BatchNorm1d: _batch_norm((2, 3)),
    nn.BatchNorm2d: _batch_norm((4,)),
    nn.BatchNorm3d: _batch_norm((5,)),
    nn.InstanceNorm1d: _instance_norm((2, 3)),
    nn.InstanceNorm2d: _instance_norm((3, 4)),
    nn.InstanceNorm3d: _instance_norm((4, 5)),
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    nn.Embedding: _embedding,
    nn.RNNBase: _recurrent,
    nn.Unflatten: _unflatten,
}

_OPERATIONS = {
    "view": "sizes whose product is the number of values",
    "reshape": "sizes whose product is the number of values",
    "cat": "shapes that differ in the joined dimension alone",
    "stack": "equal shapes",
    "add": "equal shapes, or ones that broadcast (1 or equal, from the last dimension on)",
    "sub": "equal shapes, or ones that broadcast (1 or equal, from the last dimension on)",
    "mul": "equal shapes, or ones that broadcast (1 or equal, from the last dimension on)",
    "matmul": "as many columns on the left as rows on the right",
}
