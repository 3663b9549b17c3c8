"""Weights from a file into a module: safely, wholly or not at all, and said in words."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ganscope.errors import WeightsError, nearest
from ganscope.subjects.checkpoints import (
    Candidate,
    candidates,
    choose,
    missing_counters,
    named,
    unwrapped,
)

PICKLES = (".pt", ".pth", ".bin", ".ckpt")
SAFETENSORS = ".safetensors"
SHOWN = 3


def load_weights(module: nn.Module, path: Path, *, name: str) -> list[str]:
    """Load the weights in `path` into `module`, if and only if all of them fit.

    No code in the file is ever run. The prefixes of DataParallel and of compiled modules are
    stripped; in a checkpoint of several networks the entry that fits is taken, by `name` if
    several fit.

    Args:
        module: Whose parameters and buffers are replaced.
        path: A .pt, .pth, .bin or .ckpt file of torch.save, or a .safetensors file.
        name: What to call the module, also used to find it: ``generator``.

    Returns:
        What was done besides copying, one line each.

    Raises:
        WeightsError: The file is missing, damaged, unsafe or belongs to another model; the
            module then is unchanged.
    """
    content = read_weights(path)
    module = unwrapped(module)
    expected = module.state_dict()
    found = candidates(content, expected)
    if not found:
        kind = type(content).__name__
        entries = f" with {_listed([repr(key) for key in content])}" if content else ""
        holds = f"a {kind}{entries}" if isinstance(content, dict) else f"a {kind}"
        raise WeightsError(
            f"'{path}' holds {holds} and no weights by name; expected a state_dict; "
            "try torch.save(model.state_dict(), path)"
        )
    chosen = choose(found, expected, name)
    if chosen is None:
        raise WeightsError(_misfit(path, found, expected, name))
    notes = _notes(path, chosen, expected, name, several=len(found) > 1)
    # Counters that older versions did not save: the module keeps its own.
    kept = {key: expected[key] for key in missing_counters(chosen.state, expected)}
    try:
        module.load_state_dict({**chosen.state, **kept})
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"'{path}' cannot be loaded into {name}: {reason}") from None
    return notes


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
    suffixes = ", ".join((*PICKLES, SAFETENSORS))
    if path.is_dir():
        raise WeightsError(f"'{path}' is a folder; expected a file of weights ({suffixes})")
    if not path.is_file():
        folder = path.parent
        if not folder.is_dir():
            raise WeightsError(
                f"no weights at '{path}': there is no folder '{folder}'; try the path from here"
            )
        beside = [file.name for file in folder.iterdir() if file.is_file()]
        weights = [file for file in beside if Path(file).suffix.lower() in suffixes.split(", ")]
        hint = nearest(path.name, weights) or f"; expected a file of weights ({suffixes})"
        raise WeightsError(f"no weights at '{path}'{hint}")
    if path.suffix.lower() not in (*PICKLES, SAFETENSORS):
        raise WeightsError(
            f"'{path}' ends in '{path.suffix}'; expected a file of weights ({suffixes}); "
            "try torch.save(model.state_dict(), 'weights.pt')"
        )
    if path.stat().st_size == 0:
        raise WeightsError(f"'{path}' is empty; expected weights; try to save or copy it again")


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except SafetensorError as error:
        raise _damaged(path, "a safetensors file", error) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _read_pickle(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a TorchScript file, then refuses it
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _unreadable(path, error) from None
    except pickle.UnpicklingError as error:
        if _REFUSED.search(str(error)):
            raise _unsafe(path, str(error)) from None
        raise _damaged(path, "a file of torch.save", error) from None
    except Exception as error:  # a foreign file fails anywhere in the reader, with anything
        if "TorchScript" in str(error):
            raise _unsafe(path, "") from None
        raise _damaged(path, "a file of torch.save", error) from None
    return content


# How torch's reader says that it met something other than tensors and plain values.
_REFUSED = re.compile(r"Unsupported (global|class|type)|GLOBAL|allowlist|add_safe_globals", re.I)
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)|Trying to instantiate ([\w.]+)|(?:class|type) ([\w.]+\.\w+)")


def _unsafe(path: Path, message: str) -> WeightsError:
    found = _GLOBAL.search(message)
    what = f" ({next(filter(None, found.groups()))})" if found else ""
    return WeightsError(
        f"'{path}' holds Python code{what}, not only tensors, and is not opened; "
        "save model.state_dict() instead of the model: torch.save(model.state_dict(), path)"
    )


def _damaged(path: Path, expected: str, error: Exception) -> WeightsError:
    reason = re.split(r"[.\n]", str(error).strip())[0][:100] or type(error).__name__
    return WeightsError(
        f"'{path}' is damaged or not {expected} ({reason}); try to save or copy it again"
    )


def _unreadable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(f"'{path}' cannot be read ({error.strerror or error}); see its permissions")


def _notes(
    path: Path, chosen: Candidate, expected: dict[str, Tensor], name: str, *, several: bool
) -> list[str]:
    file = path.name
    notes = []
    if chosen.label and several:
        notes.append(f"{file}: took the entry '{chosen.label}' for {name}")
    notes += [f"{file}: stripped the prefix '{prefix}'" for prefix in chosen.stripped]
    counters = missing_counters(chosen.state, expected)
    if counters:
        notes.append(f"{file}: without {_listed(counters)}; kept as they were")
    changed = {
        f"{str(value.dtype)[6:]} to {str(expected[key].dtype)[6:]}"
        for key, value in chosen.state.items()
        if isinstance(value, Tensor) and value.dtype != expected[key].dtype
    }
    notes += [f"{file}: converted weights from {change}" for change in sorted(changed)]
    return notes


def _misfit(
    path: Path, found: list[Candidate], expected: dict[str, Tensor], name: str
) -> str:
    """Why nothing in the file fits, told of the entry that was most likely meant."""
    fitting = [c for c in found if not c.differences(expected)]
    if fitting:
        entries = _listed([f"'{c.label}'" for c in fitting])
        return (
            f"'{path}' holds several entries that fit {name}: {entries}; "
            "save the one you mean in a file of its own"
        )
    whole = [candidate for candidate in found if not candidate.grouped]
    likely = [candidate for candidate in whole if named(candidate.label, name)]
    closest = max(likely or whole, key=lambda c: len(c.state.keys() & expected.keys()))
    if len(whole) > 1 and not likely:
        entries = _listed([f"'{c.label}'" for c in whole])
        return f"'{path}' holds {entries}, none of which fits {name}; {_differing(closest, expected, name)}"
    return f"'{path}' does not fit {name}: {_differing(closest, expected, name)}"


def _differing(candidate: Candidate, expected: dict[str, Tensor], name: str) -> str:
    state = candidate.state
    missing = [key for key in expected if key not in state]
    unexpected = [key for key in state if key not in expected]
    where = f"'{candidate.label}' of the file" if candidate.label else "the file"
    shapes = [
        f"{key} is {_shape(state[key])} in {where} and {_shape(expected[key])} in {name}"
        for key in candidate.misshapen(expected)
    ]
    parts = []
    if missing:
        parts.append(f"missing {len(missing)} of {len(expected)} keys ({_listed(missing)})")
    if unexpected:
        parts.append(f"unexpected {len(unexpected)} keys ({_listed(unexpected)})")
    if shapes:
        parts.append(_listed(shapes))
    return "; ".join(parts) + f"; try the {name} and the arguments that it was trained with"


def _shape(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    if is_lazy(value):
        return "not yet shaped"
    sizes = "×".join(str(size) for size in value.shape) or "one number"
    return f"complex {sizes}" if value.is_complex() else sizes


def _listed(items: list[str]) -> str:
    shown = ", ".join(items[:SHOWN])
    return f"{shown} and {len(items) - SHOWN} more" if len(items) > SHOWN else shown
