"""Finding, in whatever a checkpoint holds, the weights of one module."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

COUNTER = "num_batches_tracked"
EXTRA = "_extra_state"
DATA_PARALLEL = "module."
COMPILED = "_orig_mod."

# Beyond this depth a checkpoint nests optimizer states and the like, no networks.
DEEPEST = 4

_ROLES = (
    frozenset({"g", "gen", "generator"}),
    frozenset({"d", "dis", "disc", "discriminator", "critic"}),
)
_FILLERS = re.compile(r"[^a-z]|state_?dict|net(?:work)?|model|weights|params")


@dataclass(frozen=True, slots=True, eq=False)
class StateDict:
    """Tensors by name that may be a module's weights.

    Attributes:
        label: Where in the checkpoint: ``G``, ``model.generator``; empty for the whole.
        state: The values by name, wrappers' prefixes stripped.
        grouped: Whether it is the part of a flat dict whose names begin with the label.
        stripped: The prefixes that were stripped.
    """

    label: str
    state: dict[str, object]
    grouped: bool
    stripped: tuple[str, ...]

    def missing(self, expected: Mapping[str, object]) -> list[str]:
        """The names that a module has and this lacks, batch norm's counters left out."""
        return [key for key in expected if key not in self.state and not key.endswith(COUNTER)]

    def missing_counters(self, expected: Mapping[str, object]) -> list[str]:
        """Batch norm's counters that this lacks: PyTorch before 0.4.1 had none."""
        return [key for key in expected if key not in self.state and key.endswith(COUNTER)]

    def unexpected(self, expected: Mapping[str, object]) -> list[str]:
        """The names that this has and a module lacks."""
        return [key for key in self.state if key not in expected]

    def misshapen(self, expected: Mapping[str, object]) -> list[str]:
        """The names that both have, with values that cannot be copied into one another."""
        return [
            key
            for key, value in self.state.items()
            if key in expected and not _copies(value, expected[key])
        ]

    def fits(self, expected: Mapping[str, object]) -> bool:
        """Whether a module with the state `expected` can load it whole."""
        return not (self.missing(expected) or self.unexpected(expected) or self.misshapen(expected))


def find_state_dicts(content: object, expected: Mapping[str, object]) -> list[StateDict]:
    """Every dict of tensors in a checkpoint, and every group of names with one prefix.

    Args:
        content: What the checkpoint holds.
        expected: The state of the module that is to be loaded, to tell a wrapper's prefix
            from a name of its own.
    """
    return list(_find(content, expected, "", 0))


def choose(found: list[StateDict], expected: Mapping[str, object], name: str) -> StateDict | None:
    """The one that fits; of several the one whose label means `name`; None if none or unclear.

    Args:
        found: The answer of `find_state_dicts`.
        expected: The state of the module that is to be loaded.
        name: The module's name, as ``generator``.
    """
    fitting = [candidate for candidate in found if candidate.fits(expected)]
    for narrower in (
        [candidate for candidate in fitting if candidate.label.lower() == name.lower()],
        [candidate for candidate in fitting if means(candidate.label, name)],
        fitting,
    ):
        if narrower:
            return narrower[0] if len(narrower) == 1 else None
    return None


def means(label: str, name: str) -> bool:
    """Whether `label` (``netG``, ``model.G_state_dict``) is a name for the network `name`."""
    wanted = _word(name)
    synonyms = next((role for role in _ROLES if wanted in role), frozenset({wanted}))
    return any(_word(part) in synonyms for part in label.split(".") if part)


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside DataParallel, DistributedDataParallel or torch.compile."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = module.module
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def _word(label: str) -> str:
    return _FILLERS.sub("", label.lower()) or label.lower()


def _find(
    content: object, expected: Mapping[str, object], label: str, depth: int
) -> Iterator[StateDict]:
    if not isinstance(content, Mapping) or depth > DEEPEST:
        return
    named = {key: value for key, value in content.items() if isinstance(key, str)}
    state = {
        key: value
        for key, value in named.items()
        if isinstance(value, Tensor) or key.endswith(EXTRA)
    }
    if any(isinstance(value, Tensor) for value in state.values()):
        yield _stripped(label, state, expected, grouped=False)
        for first, group in _groups(state).items():
            yield _stripped(_joined(label, first), group, expected, grouped=True)
    for key, value in named.items():
        yield from _find(value, expected, _joined(label, key), depth + 1)


def _groups(state: dict[str, object]) -> dict[str, dict[str, object]]:
    """A flat dict by the first part of its names, which is taken off."""
    groups: dict[str, dict[str, object]] = {}
    for key, value in state.items():
        first, dot, rest = key.partition(".")
        # A wrapper's prefix is no name of a network; _stripped takes care of it.
        if dot and f"{first}." not in (DATA_PARALLEL, COMPILED):
            groups.setdefault(first, {})[rest] = value
    return groups


def _stripped(
    label: str, state: dict[str, object], expected: Mapping[str, object], *, grouped: bool
) -> StateDict:
    prefixes: list[str] = []
    while not state.keys() <= expected.keys():
        if any(COMPILED in key for key in state):
            prefix = COMPILED  # stands in the middle too, where a submodule was compiled
            state = {key.replace(COMPILED, ""): value for key, value in state.items()}
        elif all(key.startswith(DATA_PARALLEL) for key in state):
            prefix = DATA_PARALLEL
            state = {key.removeprefix(DATA_PARALLEL): value for key, value in state.items()}
        else:
            break
        prefixes.append(prefix)
    return StateDict(label, state, grouped, tuple(prefixes))


def _joined(label: str, key: str) -> str:
    return f"{label}.{key}" if label else key


def _copies(value: object, target: object) -> bool:
    if not isinstance(value, Tensor) or not isinstance(target, Tensor):
        return isinstance(value, Tensor) == isinstance(target, Tensor)
    if is_lazy(value):
        return False
    if is_lazy(target):
        return True  # takes its shape from what is loaded
    return value.shape == target.shape and (target.is_complex() or not value.is_complex())
