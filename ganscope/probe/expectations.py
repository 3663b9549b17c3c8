"""What layers, losses and operations take, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ganscope.traces.tensor import sides_of

_Shape = tuple[int, ...]
_Given = tuple[_Shape, str]
"""Shape and dtype of an input."""
_Expectation = Callable[[Any, _Shape], str | None]
_LossExpectation = Callable[[_Given, _Given], str | None]


def of_operation(name: str) -> str | None:
    """What the operation of this name takes, if that is known."""
    return _OPERATIONS.get(name)


def of_layer(module: nn.Module, given: Sequence[_Given]) -> str | None:
    """What a module, which has refused what it was given, takes.

    Args:
        module: A layer or a loss.
        given: Shape and dtype of each of its inputs, at least one.
    """
    for loss, takes in _LOSSES.items():
        if isinstance(module, loss):
            return takes(given[0], given[1]) if len(given) > 1 else None
    for kind, expectation in _LAYERS.items():
        if isinstance(module, kind):
            return expectation(module, given[0][0]) or _type_mismatch(module, given[0][1])
    return None


def _type_mismatch(module: nn.Module, dtype: str) -> str | None:
    own = next(iter(module.parameters(recurse=False)), None)
    if own is None or str(own.dtype) == f"torch.{dtype}":
        return None
    return f"{str(own.dtype)[6:]}, the type of its weights"


def _linear(module: Any, shape: _Shape) -> str | None:
    size = module.in_features
    if shape and shape[-1] == size:
        return None
    batch = sides_of(shape[:-1], scalar="batch")
    return f"{size} numbers in the last dimension ({batch}×{size})"


def _convolution(rank: int) -> _Expectation:
    def expectation(module: Any, shape: _Shape) -> str | None:
        sides = ("length", "height×width", "depth×height×width")[rank - 1]
        channels = module.in_channels
        if len(shape) not in (rank + 1, rank + 2):
            return f"{rank + 2} dimensions: batch×{channels}×{sides}"
        if shape[-rank - 1] != channels:
            return f"{channels} channels: batch×{channels}×{sides}"
        kernel = module.kernel_size
        if not module.transposed:
            return f"images at least as large as its kernel {sides_of(kernel)}"
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
    return f"{sides_of(wanted)} in the last {len(wanted)} dimension(s)"


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
    sizes = sides_of(module.unflattened_size)
    return f"a dimension {module.dim} that splits into {sizes}"


def _same_shape(predicted: _Given, target: _Given) -> str | None:
    if predicted[0] == target[0]:
        return None
    return f"a target of the prediction's shape {_sides(predicted[0])}"


def _probabilities(predicted: _Given, target: _Given) -> str:
    return _same_shape(predicted, target) or (
        "predictions and targets between 0 and 1: a sigmoid before it, or BCEWithLogitsLoss"
    )


def _classes(predicted: _Given, target: _Given) -> str | None:
    shape = predicted[0]
    if len(shape) < 2:
        return None
    classes, wanted = shape[1], (shape[0], *shape[2:])
    if target[0] != wanted:
        return f"one class for each prediction: a target of shape {_sides(wanted)}"
    return f"whole numbers from 0 to {classes - 1} as targets (int64)"


def _sides(shape: _Shape) -> str:
    return sides_of(shape, scalar="()")


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

_LOSSES: dict[type[nn.Module], _LossExpectation] = {
    nn.BCELoss: _probabilities,
    nn.BCEWithLogitsLoss: _same_shape,
    nn.MSELoss: _same_shape,
    nn.L1Loss: _same_shape,
    nn.SmoothL1Loss: _same_shape,
    nn.CrossEntropyLoss: _classes,
    nn.NLLLoss: _classes,
}

_OPERATIONS = {
    "binary_cross_entropy": "probabilities between 0 and 1, and a target of their shape",
    "binary_cross_entropy_with_logits": "a target of the prediction's shape",
    "view": "sizes whose product is the number of values",
    "reshape": "sizes whose product is the number of values",
    "cat": "shapes that differ in the joined dimension alone",
    "stack": "equal shapes",
    "add": "equal shapes, or ones that broadcast (1 or equal, from the last dimension on)",
    "sub": "equal shapes, or ones that broadcast (1 or equal, from the last dimension on)",
    "mul": "equal shapes, or ones that broadcast (1 or equal, from the last dimension on)",
    "matmul": "as many columns on the left as rows on the right",
}
