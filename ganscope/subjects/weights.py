"""Weights from a file into a module: safely, wholly or not at all, and said in words."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ganscope.errors import WeightsError, nearest
from ganscope.traces.tensor import sides_of
from ganscope.training import checkpoint
from ganscope.training.settings import is_run
from ganscope.training.state_dicts import (
    StateDict,
    choose,
    find_state_dicts,
    means,
    unwrapped,
)

PICKLES = (".pt", ".pth", ".bin", ".ckpt")
SAFETENSORS = ".safetensors"
SUFFIXES = (*PICKLES, SAFETENSORS)
SHOWN = 3


def load_weights(module: nn.Module, path: Path, *, name: str) -> list[str]:
    """Load the weights in `path` into `module`, if and only if all of them fit.

    No code in the file is ever run. The prefixes of DataParallel and of compiled modules are
    stripped; in a checkpoint of several networks the entry that fits is taken, by `name` if
    several fit.

    Args:
        module: Whose parameters and buffers are replaced.
        path: A .pt, .pth, .bin or .ckpt file of torch.save, a .safetensors file, or the folder
            of a training run.
        name: What to call the module, also used to find it: ``generator``.

    Returns:
        What was done besides copying, one line each.

    Raises:
        WeightsError: The file is missing, damaged, unsafe or belongs to another model; the
            module then is unchanged.
    """
    path = checkpoint_in(path)
    content = read_weights(path)
    module = unwrapped(module)
    expected = module.state_dict()
    found = find_state_dicts(content, expected)
    if not found:
        raise WeightsError(
            f"'{path}' holds {_kind(content)} and no weights by name; expected a state_dict; "
            "try torch.save(model.state_dict(), path)"
        )
    chosen = choose(found, expected, name)
    if chosen is None:
        raise WeightsError(_misfit(path, found, expected, name))
    notes = _notes(path, chosen, expected, name, several=len(found) > 1)
    # Counters that older versions did not save: the module keeps its own.
    kept = {key: expected[key] for key in chosen.missing_counters(expected)}
    try:
        module.load_state_dict({**chosen.state, **kept})
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"'{path}' cannot be loaded into {name}: {reason}") from None
    return notes


def checkpoint_in(path: Path) -> Path:
    """The checkpoint of a training run whose folder `path` is; any other path is itself.

    Raises:
        WeightsError: The run has none yet.
    """
    if not is_run(path):
        return path
    file = path / checkpoint.FILE
    if not file.exists():
        raise WeightsError(
            f"'{path}' holds a run without a {checkpoint.FILE} yet; go on with it: "
            f"ganscope train --resume {path}"
        )
    return file


def read_weights(path: Path) -> object:
    """What a weights file holds, on the CPU, without running any code in it.

    Raises:
        WeightsError: The file is missing, empty, damaged, unsafe or of another kind.
    """
    _require_file(path)
    if path.suffix.lower() == SAFETENSORS:
        return _read_safetensors(path)
    return _read_pickle(path)


def _require_file(path: Path) -> None:
    wanted = f"expected a file of weights ({', '.join(SUFFIXES)})"
    if path.is_dir():
        raise WeightsError(f"'{path}' is a folder that holds no training run; {wanted}")
    if not path.is_file():
        folder = path.parent
        if not folder.is_dir():
            raise WeightsError(
                f"no weights at '{path}': there is no folder '{folder}'; try the path from here"
            )
        beside = [file.name for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
        raise WeightsError(f"no weights at '{path}'{nearest(path.name, beside) or f'; {wanted}'}")
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(
            f"'{path}' ends in '{path.suffix}'; {wanted}; "
            "try torch.save(model.state_dict(), 'weights.pt')"
        )
    if path.stat().st_size == 0:
        raise WeightsError(f"'{path}' is empty; expected weights; try to save or copy it again")


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except SafetensorError:
        raise _damaged(path, "a safetensors file") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _read_pickle(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a TorchScript file, then refuses it
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _unreadable(path, error) from None
    except Exception as error:  # a foreign file fails anywhere in the reader, with anything
        if _REFUSED.search(str(error)) and not _cut_off(path, str(error)):
            raise _unsafe(path, str(error)) from None
        raise _damaged(path, "a file of torch.save") from None
    return content


# How torch's reader says that it met something other than tensors and plain values. An unknown
# operand stands in every pickle of a newer protocol, which torch.save never writes.
_REFUSED = re.compile(
    r"[Uu]nsupported (?:global|GLOBAL|class|type)|allowlist|add_safe_globals|TorchScript"
    r"|Unsupported operand (?:14[0-9]|15[0-9])"
)
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)|instantiate (?:class )?([\w.]+)")


def _refused_global(message: str) -> str:
    found = _GLOBAL.search(message)
    return next(filter(None, found.groups())) if found else ""


def _cut_off(path: Path, message: str) -> bool:
    """Whether the refused name is only half there, since the file ends in the midst of it.

    The reader takes the last byte for the name's line break, whatever it is.
    """
    name = _refused_global(message)
    return bool(name) and path.read_bytes()[:-1].endswith(name.rpartition(".")[2].encode())


def _unsafe(path: Path, message: str) -> WeightsError:
    refused = _refused_global(message)
    what = f" ({refused})" if refused else ""
    holds = "may hold" if "Unsupported operand" in message else "holds"
    return WeightsError(
        f"'{path}' {holds} Python code{what}, not only tensors, and is not opened; "
        "save model.state_dict() instead of the model: torch.save(model.state_dict(), path)"
    )


def _damaged(path: Path, expected: str) -> WeightsError:
    return WeightsError(f"'{path}' is damaged or not {expected}; try to save or copy it again")


def _unreadable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(f"'{path}' cannot be read ({error.strerror or error}); see its permissions")


def _notes(
    path: Path, chosen: StateDict, expected: dict[str, Any], name: str, *, several: bool
) -> list[str]:
    file = path.name
    notes = []
    if chosen.label and several:
        notes.append(f"{file}: took the entry '{chosen.label}' for {name}")
    notes += [f"{file}: stripped the prefix '{prefix}'" for prefix in chosen.stripped]
    counters = chosen.missing_counters(expected)
    if counters:
        notes.append(f"{file}: without {_listed(counters)}; kept as they were")
    changed = {
        f"{str(value.dtype)[6:]} to {str(expected[key].dtype)[6:]}"
        for key, value in chosen.state.items()
        if isinstance(value, Tensor) and value.dtype != expected[key].dtype
    }
    notes += [f"{file}: converted weights from {change}" for change in sorted(changed)]
    return notes


def _misfit(path: Path, found: list[StateDict], expected: dict[str, Any], name: str) -> str:
    """Why nothing in the file fits, told of the entry that was most likely meant."""
    fitting = [c for c in found if c.fits(expected)]
    if fitting:
        entries = _listed([f"'{c.label}'" for c in fitting])
        return (
            f"'{path}' holds several entries that fit {name}: {entries}; "
            "save the one you mean in a file of its own"
        )
    whole = [candidate for candidate in found if not candidate.grouped]
    likely = [candidate for candidate in whole if means(candidate.label, name)]
    closest = max(
        likely or found,
        key=lambda c: (len(c.state.keys() & expected.keys()), c.label.lower() == name.lower()),
    )
    differing = _differing(closest, expected, name)
    if len(whole) > 1 and not likely:
        entries = _listed([f"'{c.label}'" for c in whole])
        return f"'{path}' holds {entries}, none of which fits {name}: {differing}"
    return f"'{path}' does not fit {name}: {differing}"


def _differing(candidate: StateDict, expected: dict[str, Any], name: str) -> str:
    state = candidate.state
    missing, unexpected = candidate.missing(expected), candidate.unexpected(expected)
    where = f"'{candidate.label}' of the file" if candidate.label else "the file"
    shapes = [
        f"{key} is {_shape(state[key])} in {where} and {_shape(expected[key])} in {name}"
        for key in candidate.misshapen(expected)
    ]
    parts = []
    if missing:
        parts.append(f"missing {len(missing)} of {len(expected)} keys ({_listed(missing)})")
    if unexpected:
        keys = "key" if len(unexpected) == 1 else "keys"
        parts.append(f"unexpected {len(unexpected)} {keys} ({_listed(unexpected)})")
    if shapes:
        parts.append(_listed(shapes))
    parts.append(f"build {name} with the arguments that these weights were trained with")
    return "; ".join(parts)


def _kind(content: object) -> str:
    kind = type(content).__name__
    if not isinstance(content, Mapping) or not content:
        return f"a {kind}"
    return f"a {kind} with {_listed([repr(key) for key in content])}"


def _shape(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    if is_lazy(value):
        return "not yet shaped"
    sizes = sides_of(value.shape, scalar="one number")
    return f"complex {sizes}" if value.is_complex() else sizes


def _listed(items: list[str]) -> str:
    shown = ", ".join(items[:SHOWN])
    return f"{shown} and {len(items) - SHOWN} more" if len(items) > SHOWN else shown
