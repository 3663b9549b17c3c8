"""An input that nobody gave: found by what a model's layers take, and by trying."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

from ganscope.errors import InputError
from ganscope.probe.state import ModelState, RandomState
from ganscope.subjects.inputs import EXAMPLES, forward_parameters, normal
from ganscope.subjects.user_code import summary
from ganscope.traces.tensor import sides_of

_SIZES = (64, 32, 28, 128, 224, 256, 299, 16, 96, 512)
"""Heights and widths that are tried where a layer leaves them open."""
_MOST_LAYERS = 8
_PATIENCE = 2.0
"""Seconds for all tries together."""
_LABELS = ("label", "class", "token", "index", "id")


@dataclass(frozen=True, slots=True)
class Inferred:
    """An input that nobody gave, and a sentence that says so."""

    tensor: Tensor
    note: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A shape that a layer takes, without the batch; `classes` for whole numbers."""

    layer: str
    sides: tuple[int, ...]
    open: bool
    classes: int | None = None


def infer(model: nn.Module, *, batch: int, seed: int = 0) -> Inferred:
    """A standard-normal batch of the shape that the first layer takes.

    The first layer in the order of registration need not be the first to run, and a
    convolution leaves height and width open: shapes are tried by running the model on two
    rows, which leaves no mark on it and takes a few seconds at most.

    Raises:
        InputError: The forward takes several inputs, no layer gives a shape away, or none of
            several shapes runs.
    """
    _require_single(model, batch)
    candidates = list(_candidates(model))
    if not candidates:
        raise InputError(
            f"no layer of {type(model).__name__} gives its input's shape away; give it with "
            f"--input, {EXAMPLES}"
        )
    if len(candidates) == 1:
        return _inferred(candidates[0], model, batch, seed)
    trial = _Trial(model)
    for candidate in candidates:
        if trial.runs(candidate):
            return _inferred(candidate, model, batch, seed)
    first = candidates[0]
    if not first.open:  # the trace itself then shows which layer fails, and why
        return _inferred(first, model, batch, seed)
    raise InputError(_none_runs(candidates, trial, batch))


def takes_input(model: nn.Module) -> bool:
    """Whether the forward takes anything at all; True where that cannot be told."""
    parameters = forward_parameters(model)
    return parameters is None or bool(parameters)


def required_inputs(model: nn.Module) -> list[str]:
    """Names of the inputs that the forward must have; ``*args`` counts as one."""
    parameters = forward_parameters(model)
    if parameters is None:
        return ["input"]
    named = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if named or not parameters:
        return named
    first = parameters[0]
    return [] if first.kind is first.VAR_KEYWORD else ["input"]


def _require_single(model: nn.Module, batch: int) -> None:
    required = required_inputs(model)
    parameters = forward_parameters(model) or []
    keyword_only = [
        p.name
        for p in parameters
        if p.name in required and p.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    if len(required) == 1 and not keyword_only:
        return
    name = type(model).__name__
    if not required:
        raise InputError(
            f"the forward of {name} names no input, so none can be inferred; give each by "
            f"keyword, such as --input x={batch}x100"
        )
    flags = " ".join(f"--input {_example(each, batch)}" for each in required)
    takes = f"{len(required)} inputs" if len(required) > 1 else "a keyword input"
    raise InputError(
        f"the forward of {name} takes {takes} ({', '.join(required)}), and only a single "
        f"positional one can be inferred; give each, such as {flags}"
    )


def _example(name: str, batch: int) -> str:
    whole = any(word in name.lower() for word in _LABELS) or name in ("y", "c")
    return f"{name}=int64:{batch}:0..9" if whole else f"{name}={batch}x100"


# -- what layers take --------------------------------------------------------------------------

_Shapes = Callable[[Any], list[tuple[int, ...]]]


def _images(rank: int, sizes: tuple[int, ...], channels: str = "in_channels") -> _Shapes:
    return lambda layer: [(getattr(layer, channels), *(size,) * rank) for size in sizes]


_LAYERS: tuple[tuple[type[nn.Module], _Shapes], ...] = (
    (nn.Linear, lambda layer: [(layer.in_features,)]),
    (nn.Conv1d, _images(1, (64, 1024, 16_000))),
    (nn.Conv2d, _images(2, _SIZES)),
    (nn.Conv3d, _images(3, (16, 32, 64))),
    (nn.ConvTranspose1d, _images(1, (1, 4, 16))),
    (nn.ConvTranspose2d, _images(2, (1, 4, 7, 8))),
    (nn.ConvTranspose3d, _images(3, (1, 4, 8))),
    (nn.BatchNorm1d, lambda layer: [(layer.num_features,)]),
    (nn.BatchNorm2d, _images(2, _SIZES, "num_features")),
    (nn.BatchNorm3d, _images(3, (16, 32), "num_features")),
    (nn.LayerNorm, lambda layer: [tuple(layer.normalized_shape)]),
    (nn.RNNBase, lambda layer: [(16, layer.input_size)]),
    (nn.MultiheadAttention, lambda layer: [(16, layer.embed_dim)]),
    (nn.Embedding, lambda _: [(), (16,)]),
)


def _candidates(model: nn.Module) -> Iterator[_Candidate]:
    """Shapes that the model's layers take, each once, in the order of registration."""
    seen: set[tuple[tuple[int, ...], bool]] = set()
    found = 0
    for path, layer in model.named_modules():
        if any(is_lazy(parameter) for parameter in layer.parameters(recurse=False)):
            return  # it takes whatever comes, so no later layer gives the input away
        shapes = next((shapes for kind, shapes in _LAYERS if isinstance(layer, kind)), None)
        if shapes is None:
            continue
        kind = type(layer).__name__
        classes = layer.num_embeddings if isinstance(layer, nn.Embedding) else None
        several = shapes(layer)
        for sides in several:
            if (sides, classes is None) not in seen:
                seen.add((sides, classes is None))
                name = f"{path} ({kind})" if path else kind
                yield _Candidate(name, sides, len(several) > 1, classes)
        found += 1
        if found == _MOST_LAYERS:
            return


def _inferred(candidate: _Candidate, model: nn.Module, batch: int, seed: int) -> Inferred:
    shape = (batch, *candidate.sides)
    if candidate.classes is None:
        tensor, values = normal(shape, seed=seed), "standard normal"
    else:
        generator = torch.Generator().manual_seed(seed)
        tensor = torch.randint(0, candidate.classes, shape, generator=generator)
        values = f"whole numbers from 0 to {candidate.classes - 1}"
    how = "; its size was found by trying" if candidate.open else ""
    sides = sides_of(shape)
    note = f"input inferred: {sides}, {values}, as {candidate.layer} takes it{how}"
    return Inferred(_like_weights(tensor, model), note)


def _like_weights(tensor: Tensor, model: nn.Module) -> Tensor:
    """`tensor` on the weights' device and, where it holds fractions, in their type."""
    own = next((p for p in model.parameters() if p.is_floating_point()), None)
    if own is None:
        return tensor
    return tensor.to(own.device, own.dtype if tensor.is_floating_point() else tensor.dtype)


# -- trying ------------------------------------------------------------------------------------


class _TooLong(BaseException):
    """Raised between two layers when all patience is spent."""


class _Trial:
    """Runs a model on two rows, to see whether it takes a shape."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.failures: list[tuple[_Candidate, str]] = []
        self._deadline = perf_counter() + _PATIENCE

    def runs(self, candidate: _Candidate) -> bool:
        """Whether the model takes `candidate`; always False once patience is spent."""
        if perf_counter() > self._deadline:
            return False
        kind = torch.int64 if candidate.classes else torch.float32
        tensor = _like_weights(torch.zeros((2, *candidate.sides), dtype=kind), self.model)
        parts = list(self.model.named_modules())
        random_state, state = RandomState(), ModelState(parts)
        watch = register_module_forward_pre_hook(self._look_at_the_clock)
        try:
            with torch.no_grad(), redirect_stdout(io.StringIO()):
                self.model(tensor)
        except (_TooLong, SystemExit):
            return False
        except Exception as error:
            self.failures.append((candidate, summary(error)))
            return False
        finally:
            watch.remove()
            state.restore()
            random_state.restore()
        return True

    def _look_at_the_clock(self, *_: Any) -> None:
        if perf_counter() > self._deadline:
            raise _TooLong


def _none_runs(candidates: list[_Candidate], trial: _Trial, batch: int) -> str:
    first = candidates[0]
    example = sides_of((batch, *first.sides), between="x")
    own = [(each, why) for each, why in trial.failures if each.layer == first.layer]
    if not own:
        return (
            f"{first.layer} comes first, but trying which size runs takes too long; give it with "
            f"--input, such as {example}"
        )
    sizes = [sides_of(each.sides) for each, _ in own]
    return (
        f"{first.layer} comes first, but the model runs with none of {', '.join(sizes)} "
        f"(at the last: {own[-1][1]}); give its input with --input, such as {example}"
    )
