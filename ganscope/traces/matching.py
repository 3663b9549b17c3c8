"""What of two steps is compared with what: by its name, and by order where a name repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from ganscope.traces.call import Call
from ganscope.traces.step import EARLIER, Backward, BufferChange, Optimizer, ParameterUpdate, Step

T = TypeVar("T")


class Stepped(NamedTuple):
    """An optimizer in one of its updates.

    Attributes:
        optimizer: The optimizer.
        gradient_scale: Factor of the gradients in this update.
        networks: Those that it moved.
    """

    optimizer: Optimizer
    gradient_scale: float
    networks: tuple[str, ...]


class Ran(NamedTuple):
    """A run of the backward engine and the index of its update."""

    run: Backward
    update: int


def matched(
    first: Iterable[tuple[str, T]], second: Iterable[tuple[str, T]]
) -> Iterator[tuple[str, T | None, T | None]]:
    """What both call the same, in the first one's order; then what only the second has."""
    here, there = dict(_numbered(first)), dict(_numbered(second))
    for name, one in here.items():
        yield name, one, there.get(name)
    for name, one in there.items():
        if name not in here:
            yield name, None, one


def _numbered(items: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """With ``(2)`` behind the second of a name."""
    seen: Counter[str] = Counter()
    for name, item in items:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})", item


def calls(step: Step) -> Iterator[tuple[str, Call]]:
    """The calls by their titles."""
    for call in step.calls:
        yield call.title, call


def losses(step: Step) -> Iterator[tuple[str, float]]:
    """Losses and their parts by name, with their values."""
    for update in step.updates:
        for loss in update.losses:
            yield loss.name, loss.value
            for part in loss.parts:
                yield f"{loss.name}: {part.name}", part.value


def optimizers(step: Step) -> Iterator[tuple[str, Stepped]]:
    """The optimizers by name, once for each of their updates."""
    for update in step.updates:
        for one in update.optimizers:
            yield one.name, Stepped(one, update.gradient_scale, update.moved_by(one.name))


def parameters(step: Step) -> Iterator[tuple[str, ParameterUpdate]]:
    """What moved, by name."""
    for update in step.updates:
        for parameter in update.parameters:
            yield parameter.name, parameter


def buffers(step: Step) -> Iterator[tuple[str, BufferChange]]:
    """Buffers that changed, by name, once for each update that changed them."""
    for update in step.updates:
        for buffer in update.buffers:
            yield buffer.name, buffer


def changed_outside(step: Step) -> Iterator[tuple[str, bool]]:
    """Parameters that no optimizer changed before an update, by name."""
    for update in step.updates:
        for name in update.changed_outside:
            yield name, True


def backwards(step: Step) -> Iterator[tuple[str, Ran]]:
    """The engine's runs by what they began at."""
    for update in step.updates:
        for run in update.backwards:
            yield run.loss or "a loss without a name", Ran(run, update.index)


def ledger(step: Step) -> Iterator[tuple[str, Mapping[str, int]]]:
    """By network and backward: what became of how many gradients, as ``used in update 0``."""
    names = {ran.run.id: name for name, ran in _numbered(backwards(step))}
    names[EARLIER] = "an earlier step"
    fates: dict[str, Counter[str]] = {}
    for entry in step.ledger:
        where = f"{entry.network} from {names.get(entry.backward, 'another backward')}"
        when = "" if entry.update is None else f" in update {entry.update}"
        fates.setdefault(where, Counter())[f"{entry.fate}{when}"] += entry.tensors
    yield from fates.items()
