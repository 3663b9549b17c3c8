"""Inputs of a model: from a short specification, or from what its first layer gives away."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganscope.errors import InputError, nearest
from ganscope.probe.state import ModelState, RandomState

_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    )
}
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_SPECIFICATION = re.compile(
    rf"(?:(?P<name>[^\W\d]\w*)=)?(?:(?P<dtype>[A-Za-z]\w*):)?(?P<shape>[-\dxX×]+)"
    rf"(?::(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER}))?"
)
_EXAMPLES = "such as 64x100, int64:64, int64:64:0..9 or labels=int64:64:0..9"
_SIZES = (64, 32, 28, 128, 224, 256, 299)
"""Heights and widths that are tried where a first layer leaves them open."""


@dataclass(frozen=True, slots=True)
class InputSpecification:
    """One input: its keyword if it has one, shape, type and range of values.

    Attributes:
        name: The keyword of the model's forward, or None for a positional input.
        shape: The shape, the batch first.
        dtype: The type of its values.
        low: Smallest value, or None for standard-normal noise.
        high: Largest value; integers reach it, other numbers stay below.
    """

    name: str | None
    shape: tuple[int, ...]
    dtype: torch.dtype
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Inferred:
    """An input that nobody gave, and a sentence that says so."""

    tensor: Tensor
    note: str


def parse(text: str) -> InputSpecification:
    """Read ``[name=][dtype:]SHAPE[:LOW..HIGH]``.

    Raises:
        InputError: The text is something else, names an unknown type, has a dimension below 1
            or an empty range.
    """
    match = _SPECIFICATION.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--input {text} is no input; give a shape, {_EXAMPLES}")
    dtype_name = match["dtype"] or "float32"
    if dtype_name not in _DTYPES:
        raise InputError(
            f"--input {text}: there is no type '{dtype_name}'; there are {', '.join(_DTYPES)}"
            + nearest(dtype_name, _DTYPES)
        )
    shape = _shape(match["shape"], text)
    low, high = (float(match[end]) if match[end] else None for end in ("low", "high"))
    if low is not None and high is not None and high < low:
        raise InputError(f"--input {text}: the range {low:g}..{high:g} is empty; put the lower first")
    return InputSpecification(match["name"], shape, _DTYPES[dtype_name], low, high)


def make(
    specification: InputSpecification,
    generator: torch.Generator,
    *,
    device: torch.device | str = "cpu",
    classes: int | None = None,
) -> Tensor:
    """Random values as `specification` asks.

    Args:
        specification: What to make.
        generator: Where the random numbers come from; a CPU generator.
        device: Where the tensor goes.
        classes: Number of classes an embedding of the model knows; integers without a range
            stay below it, or are 0 and 1 where it is None.
    """
    dtype, shape = specification.dtype, specification.shape
    low, high = specification.low, specification.high
    if dtype.is_floating_point:
        if low is None or high is None:
            values = torch.randn(shape, generator=generator)
        else:
            values = low + (high - low) * torch.rand(shape, generator=generator)
    else:
        if low is None or high is None:
            low, high = 0, (classes or 2) - 1
        top = 1 if dtype == torch.bool else int(high)
        values = torch.randint(int(low), top + 1, shape, generator=generator)
    return values.to(dtype).to(device)


def make_all(
    texts: Sequence[str], model: nn.Module, *, seed: int, device: torch.device | str = "cpu"
) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """Positional and keyword inputs from specifications.

    Raises:
        InputError: A specification is not one, a keyword is given twice or the model's
            forward does not know it, or it takes another number of inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    classes = min(
        (part.num_embeddings for part in model.modules() if isinstance(part, nn.Embedding)),
        default=None,
    )
    positional: list[Tensor] = []
    keyword: dict[str, Tensor] = {}
    for text in texts:
        specification = parse(text)
        tensor = make(specification, generator, device=device, classes=classes)
        if specification.name is None:
            positional.append(tensor)
        elif specification.name in keyword:
            raise InputError(f"--input {specification.name}=… was given twice; give it once")
        else:
            keyword[specification.name] = tensor
    _check_signature(model, positional, keyword)
    return tuple(positional), keyword


def infer(model: nn.Module, *, batch: int, seed: int = 0) -> Inferred:
    """A standard-normal batch of the shape that the first layer with weights takes.

    Where that leaves height and width open, common sizes are tried by running the model, which
    leaves no mark on it.

    Raises:
        InputError: The forward takes several inputs, or no layer gives a shape away.
    """
    required = _required(model)
    example = " ".join(f"--input {name}={batch}x…" for name in required) or "--input 64x100"
    if len(required) != 1:
        takes = f"takes {len(required)} inputs ({', '.join(required)})" if required else "is unclear"
        raise InputError(
            f"the forward of {type(model).__name__} {takes}, and only a single one can be "
            f"inferred; give each, {_EXAMPLES}: {example}"
        )
    for path, layer in model.named_modules():
        for kind, shapes in _FIRST_LAYERS:
            if isinstance(layer, kind):
                return _first_fit(model, path or type(layer).__name__, layer, shapes, batch, seed)
        if layer._parameters and not layer._modules:
            break
    raise InputError(
        f"no layer of {type(model).__name__} gives its input's shape away; give it with "
        f"--input, {_EXAMPLES}"
    )


_Shapes = Callable[[Any], list[tuple[int, ...]]]

_FIRST_LAYERS: tuple[tuple[type[nn.Module], _Shapes], ...] = (
    (nn.Linear, lambda layer: [(layer.in_features,)]),
    (nn.Conv1d, lambda layer: [(layer.in_channels, size) for size in (64, 1024, 16_000)]),
    (nn.Conv2d, lambda layer: [(layer.in_channels, size, size) for size in _SIZES]),
    (nn.Conv3d, lambda layer: [(layer.in_channels, size, size, size) for size in (16, 32, 64)]),
    (nn.ConvTranspose1d, lambda layer: [(layer.in_channels, size) for size in (1, 4, 16)]),
    (nn.ConvTranspose2d, lambda layer: [(layer.in_channels, size, size) for size in (1, 4, 7, 8)]),
    (nn.ConvTranspose3d, lambda layer: [(layer.in_channels, s, s, s) for s in (1, 4, 8)]),
    (nn.BatchNorm1d, lambda layer: [(layer.num_features,)]),
    (nn.BatchNorm2d, lambda layer: [(layer.num_features, size, size) for size in _SIZES]),
)


def _first_fit(
    model: nn.Module, path: str, layer: nn.Module, shapes: _Shapes, batch: int, seed: int
) -> Inferred:
    candidates = shapes(layer)
    weight = next(layer.parameters(recurse=False))
    generator = torch.Generator().manual_seed(seed)
    tried = len(candidates) > 1
    for sides in candidates:
        if tried and not _runs(model, torch.zeros((2, *sides), dtype=weight.dtype)):
            continue
        tensor = torch.randn((batch, *sides), generator=generator)
        shown = "×".join(map(str, (batch, *sides)))
        how = "; height and width were found by trying" if tried else ""
        note = (
            f"input inferred: {shown}, standard normal, as {path} "
            f"({type(layer).__name__}) takes it{how}"
        )
        return Inferred(tensor.to(weight), note)
    sizes = ", ".join("×".join(map(str, sides)) for sides in candidates)
    raise InputError(
        f"{path} ({type(layer).__name__}) comes first, but the model runs with none of {sizes}; "
        f"give its input with --input, such as {batch}x{'x'.join(map(str, candidates[0]))}"
    )


def _runs(model: nn.Module, tensor: Tensor) -> bool:
    random_state, state = RandomState(), ModelState(list(model.named_modules()))
    parameter = next(model.parameters())
    try:
        with torch.no_grad():
            model(tensor.to(parameter.device))
    except Exception:
        return False
    finally:
        state.restore()
        random_state.restore()
    return True


def _shape(text: str, whole: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(side) for side in re.split("[xX×]", text))
    except ValueError:
        raise InputError(f"--input {whole}: '{text}' is no shape; give one, {_EXAMPLES}") from None
    for side in shape:
        if side < 1:
            raise InputError(
                f"--input {whole}: a dimension of {side} holds nothing; give sizes of at least 1"
            )
    return shape


def _forward_parameters(model: nn.Module) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(model.forward).parameters.values())
    except (ValueError, TypeError):
        return None


def _required(model: nn.Module) -> list[str]:
    """Names of the inputs that the forward must have; ``*args`` counts as one."""
    parameters = _forward_parameters(model)
    if parameters is None:
        return ["input"]
    named = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if not named and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return ["input"]
    return named


def _check_signature(
    model: nn.Module, positional: Sequence[Tensor], keyword: dict[str, Tensor]
) -> None:
    parameters = _forward_parameters(model)
    if parameters is None:
        return
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in keyword:
        if name not in names and not takes_any:
            raise InputError(
                f"the forward of {type(model).__name__} takes no '{name}'; it takes "
                f"{', '.join(names) or 'nothing'}{nearest(name, names)}"
            )
    try:
        inspect.signature(model.forward).bind(*positional, **keyword)
    except TypeError as error:
        given = len(positional) + len(keyword)
        raise InputError(
            f"the forward of {type(model).__name__} takes {', '.join(names) or 'nothing'}, and "
            f"{given} inputs were given ({error}); repeat --input for each"
        ) from None
