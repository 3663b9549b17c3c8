"""The way on which a backward went: a chain of layers each of which fed the next one.

Told from the records of tensors that autograd follows: what one call brought out, another took.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ganscope.traces import Call, TensorRecord
from ganscope.traces.recognition import Likeness, likeness


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer on the way, with the norm of the gradient that arrived at its output."""

    call: Call
    norm: float


@dataclass(frozen=True, slots=True)
class _Way:
    """A chain of layers: how many they are, the last of them, and the chain before it."""

    length: int
    layer: Layer
    before: _Way | None

    def layers(self) -> Iterator[Layer]:
        """From the last to the first."""
        way: _Way | None = self
        while way is not None:
            yield way.layer
            way = way.before


def way_back(
    calls: Sequence[Call], run: int, owned: Container[int], moved: Container[str]
) -> list[Layer]:
    """The longest way of a gradient from the loss back to the first layer of a moved network.

    Args:
        calls: Those of a step.
        run: Id of the backward.
        owned: Ids of the calls inside networks.
        moved: Names of the networks that the update moves.

    Returns:
        The layers in the order in which the gradient reached them; none where no chain is told.
    """
    ways: dict[Likeness, _Way] = {}
    for call in calls:
        norms = {
            each.output: each.stats.norm if each.stats else None
            for each in call.gradients
            if each.backward == run
        }
        if norms:
            _go_on(call, norms, ways, owned=call.id in owned, begins=call.network in moved)
    longest = max(ways.values(), key=lambda way: (way.length, way.layer.call.id), default=None)
    return [] if longest is None else list(longest.layers())


def _go_on(
    call: Call,
    norms: Mapping[int, float | None],
    ways: dict[Likeness, _Way],
    *,
    owned: bool,
    begins: bool,
) -> None:
    """Add what a call brought out to the ways of what it took.

    A module and the calls inside it bring out the same: those inside come later, and make the
    longer way where it can be told.
    """
    taken = [likeness(record) for record in call.inputs if _is_followed(record)]
    before = max((ways[key] for key in taken if key in ways), key=_length, default=None)
    for place, norm in norms.items():
        record = call.outputs[place] if place < len(call.outputs) else None
        key = likeness(record) if record is not None and _is_followed(record) else None
        way = before
        if call.kind == "module" and owned and norm and (before is not None or begins):
            way = _Way(1 + _length(before), Layer(call, norm), before)
        if key is None or way is None or key in taken:
            continue
        if _length(way) >= _length(ways.get(key)):
            ways[key] = way


def _is_followed(record: TensorRecord) -> bool:
    """Whether autograd follows a tensor that can be known again; of single numbers many are
    alike."""
    return record.requires_grad and record.stats is not None and record.stats.count > 1


def _length(way: _Way | None) -> int:
    return 0 if way is None else way.length
