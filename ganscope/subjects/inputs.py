"""Inputs of a model from a short specification: ``labels=int64:64:0..9``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganscope.errors import InputError, nearest
from ganscope.traces.tensor import sides_of

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
EXAMPLES = "such as 64x100, int64:64, int64:64:0..9 or labels=int64:64:0..9"
_ALIASES = {"float": "float32", "half": "float16", "double": "float64", "int": "int32"}
_ALIASES |= {"long": "int64", "short": "int16", "byte": "uint8"}


@dataclass(frozen=True, slots=True)
class InputSpecification:
    """One input: its keyword if it has one, shape, type and range of values.

    Attributes:
        name: The keyword of the model's forward, or None for a positional input.
        shape: The shape, the batch first.
        dtype: The type of its values.
        low: Smallest value, or None for standard-normal noise.
        high: Largest value; whole numbers reach it.
    """

    name: str | None
    shape: tuple[int, ...]
    dtype: torch.dtype
    low: float | None = None
    high: float | None = None


def parse(text: str) -> InputSpecification:
    """Read ``[name=][dtype:]SHAPE[:LOW..HIGH]``.

    Raises:
        InputError: The text is something else, names an unknown type, has a dimension below 1
            or an empty range.
    """
    match = _SPECIFICATION.fullmatch(text.strip())
    if match is None:
        shown = text if text.strip() else "''"
        raise InputError(f"--input {shown} is no input; give a shape, {EXAMPLES}")
    given = match["dtype"] or "float32"
    dtype_name = _ALIASES.get(given, given)
    if dtype_name not in _DTYPES:
        raise InputError(
            f"--input {text}: there is no type '{dtype_name}'; there are {', '.join(_DTYPES)}"
            + nearest(dtype_name, _DTYPES)
        )
    shape = _shape(match["shape"], text)
    low, high = _range(match["low"], match["high"], _DTYPES[dtype_name], text)
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
    with _fitting(shape):
        if not dtype.is_floating_point:
            low = 0 if low is None else low
            high = (classes or 2) - 1 if high is None else high
            top = min(int(high), 1) if dtype == torch.bool else int(high)
            values = torch.randint(int(low), top + 1, shape, generator=generator)
        elif low is None or high is None:
            values = torch.randn(shape, generator=generator)
        else:
            share = torch.rand(shape, generator=generator, dtype=torch.float64)
            values = (low * (1 - share) + high * share).clamp(low, high)
        return values.to(dtype).to(device)


def normal(shape: tuple[int, ...], *, seed: int) -> Tensor:
    """Standard-normal numbers from a generator of their own.

    Raises:
        InputError: So many do not fit in memory.
    """
    with _fitting(shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


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


def _shape(text: str, whole: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(side) for side in re.split("[xX×]", text))
    except ValueError:
        raise InputError(f"--input {whole}: '{text}' is no shape; give one, {EXAMPLES}") from None
    for side in shape:
        if side < 1:
            raise InputError(
                f"--input {whole}: a dimension of {side} holds nothing; give sizes of at least 1"
            )
    return shape


def _range(
    low: str | None, high: str | None, dtype: torch.dtype, whole: str
) -> tuple[float | None, float | None]:
    """The ends of a range, whole numbers for a type of whole numbers."""
    if low is None or high is None:
        return None, None
    name = str(dtype).removeprefix("torch.")
    if dtype.is_floating_point:
        ends = float(low), float(high)
        smallest, largest = torch.finfo(dtype).min, torch.finfo(dtype).max
    else:
        try:
            ends = int(low), int(high)
        except ValueError:
            raise InputError(
                f"--input {whole}: {name} holds whole numbers; give a range such as 0..9"
            ) from None
        info = torch.iinfo(torch.uint8 if dtype == torch.bool else dtype)
        smallest, largest = info.min, 1 if dtype == torch.bool else min(info.max, 2**63 - 2)
    if not smallest <= min(ends) <= max(ends) <= largest:
        raise InputError(
            f"--input {whole}: {name} holds {smallest:g} to {largest:g}; give a range within that"
            if dtype.is_floating_point
            else f"--input {whole}: {name} holds {smallest} to {largest}; give a range within that"
        )
    if ends[1] < ends[0]:
        raise InputError(f"--input {whole}: the range {low}..{high} is empty; put the lower first")
    return ends


@contextmanager
def _fitting(shape: tuple[int, ...]) -> Iterator[None]:
    """Turn the failure to allocate `shape` into a sentence."""
    try:
        yield
    except (RuntimeError, OverflowError, MemoryError, TypeError):
        sides = sides_of(shape)
        raise InputError(
            f"an input of {sides} does not fit in memory; give smaller sizes"
        ) from None


def forward_parameters(model: nn.Module) -> list[inspect.Parameter] | None:
    """What the forward takes, or None where that cannot be told."""
    try:
        return list(inspect.signature(model.forward).parameters.values())
    except (ValueError, TypeError):
        return None


def _check_signature(
    model: nn.Module, positional: Sequence[Tensor], keyword: dict[str, Tensor]
) -> None:
    parameters = forward_parameters(model)
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
        count = len(positional) + len(keyword)
        given = f"{count} input was" if count == 1 else f"{count} inputs were"
        raise InputError(
            f"the forward of {type(model).__name__} takes {', '.join(names) or 'nothing'}, and "
            f"{given} given ({error}); give --input once for each"
        ) from None
