"""The path of a gradient: a chain of layers each of which fed the next one, with its norms.

Concluded from the ids of tensors that autograd follows and from the gradients that arrived at
them. Where layers are not seen to be joined the path ends, and nothing is said of a path of fewer
than two layers.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ganscope.analysis.graph import origin_id
from ganscope.analysis.step import StepAnalysis
from ganscope.traces import Call, TensorRecord, Update


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer on the path, with the norm of the gradient that arrived at its output."""

    call: Call
    norm: float


@dataclass(frozen=True, slots=True)
class _Path:
    """A chain of layers: how many they are, the last of them, and the chain before it."""

    length: int
    layer: Layer
    before: _Path | None

    def layers(self) -> Iterator[Layer]:
        """From the last to the first."""
        path: _Path | None = self
        while path is not None:
            yield path.layer
            path = path.before


@dataclass(frozen=True, slots=True)
class Profile:
    """A gradient's norm where it entered a chain of layers and where it came to its other end.

    Attributes:
        first: The call whose output it reached first: the last layer that ran.
        last: The call whose output it reached last: the first layer of an updated network.
        entered: Its norm at `first`.
        arrived: Its norm at `last`.
        between: Where it was largest and where it was smallest of all layers in between, with
            its norm there.
    """

    first: Call
    last: Call
    entered: float
    arrived: float
    between: tuple[tuple[Call, float], ...] = ()


def profile_of(analysis: StepAnalysis, update: Update) -> Profile | None:
    """The path of the gradient from an update's loss to the deepest layer that it updates.

    Each layer on it fed the one before; None where no such chain is known.
    """
    paths = (
        backward_path(analysis.step.calls, run, analysis.owners, update.networks)
        for run in sorted(loss_runs(update), reverse=True)
    )
    path = max(paths, key=len, default=[])
    if len(path) < 2:
        return None
    first, *inside, last = path
    between = sorted(((one.call, one.norm) for one in inside), key=lambda item: item[1])
    extremes = (between[-1], between[0]) if len(between) > 1 else tuple(between)
    return Profile(
        first=first.call,
        last=last.call,
        entered=first.norm,
        arrived=last.norm,
        between=extremes,
    )


def loss_runs(update: Update) -> set[int]:
    """Ids of the runs on losses; not those of a gradient penalty."""
    backwards = {run.id for run in update.backwards if run.kind == "backward"}
    return backwards or {run.id for run in update.backwards}


def backward_path(
    calls: Sequence[Call], run: int, owned: Container[int], updated: Container[str]
) -> list[Layer]:
    """The longest path of a gradient from the loss back to the first layer of an updated network.

    Args:
        calls: Those of a step.
        run: Id of the backward.
        owned: Ids of the calls inside networks.
        updated: Names of the networks that the update changes.

    Returns:
        The layers in the order in which the gradient reached them; none where no chain is known.
    """
    paths: dict[int, _Path] = {}
    for call in calls:
        norms = {
            each.output: each.stats.norm if each.stats else None
            for each in call.gradients
            if each.backward == run
        }
        if norms:
            _extend(call, norms, paths, owned=call.id in owned, begins=call.network in updated)
    longest = max(paths.values(), key=lambda path: (path.length, path.layer.call.id), default=None)
    return [] if longest is None else list(longest.layers())


def _extend(
    call: Call,
    norms: Mapping[int, float | None],
    paths: dict[int, _Path],
    *,
    owned: bool,
    begins: bool,
) -> None:
    """Add what a call output to the paths of what it took.

    A module and the calls inside it output the same tensor: those inside come later, and make the
    longer path where they are joined.
    """
    taken = [_known(record, paths) for record in call.inputs if record.requires_grad]
    before = max((paths[key] for key in taken if key in paths), key=_length, default=None)
    for index, norm in norms.items():
        record = call.outputs[index] if index < len(call.outputs) else None
        path = before
        if call.kind == "module" and owned and norm and (before is not None or begins):
            path = _Path(1 + _length(before), Layer(call, norm), before)
        if record is None or record.id is None or path is None or record.id in taken:
            continue
        if record.requires_grad and _length(path) >= _length(paths.get(record.id)):
            paths[record.id] = path


def _known(record: TensorRecord, paths: Mapping[int, _Path]) -> int | None:
    """The tensor itself, or the one that it is a view of, by an operation that was not recorded."""
    return record.id if record.id in paths else origin_id(record)


def _length(path: _Path | None) -> int:
    return 0 if path is None else path.length
