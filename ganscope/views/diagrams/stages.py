"""The stages of a network: layers that belong together, with what came out of them.

A stage begins where the shape changes or where weights do their work; the norm and the
activation behind such a layer belong to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganscope.traces import Call, TensorRecord
from ganscope.views import style
from ganscope.views.describe import base_type
from ganscope.views.diagrams.path import INPUT, Link, Way
from ganscope.views.rows import main_output

_FOLLOWS = ("Norm", "PReLU", "Dropout")
"""Parts of the names of layers that have parameters and still belong to the one before."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a stage: its class, and how many parameters it has."""

    name: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A block of the picture.

    Attributes:
        record: What came out of it.
        layers: What made it; none for the network's input.
        place: Where in the network: ``model.2–4``.
        calls: Ids of its calls.
        joins: Ids of the calls, or `INPUT`, from which a shorter way leads to it.
        hidden: How many stages are left out before it.
        hidden_parameters: How many parameters those have.
        role: ``input``, ``output`` or empty.
        is_reshape: Whether it only reads the same numbers in another shape.
    """

    record: TensorRecord
    layers: tuple[Layer, ...] = ()
    place: str = ""
    calls: tuple[int, ...] = ()
    joins: tuple[int, ...] = ()
    hidden: int = 0
    hidden_parameters: int = 0
    role: str = ""
    is_reshape: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row of the batch."""
        return (self.record.shape or ())[1:]

    @property
    def features(self) -> int:
        """Its width: numbers of a vector, maps of an image, numbers of a token."""
        shape = self.shape
        if not shape:
            return 1
        return shape[-1] if len(shape) == 2 else shape[0]

    @property
    def parameters(self) -> int:
        """Of all its layers."""
        return sum(layer.parameters for layer in self.layers)


def stages_of(way: Way) -> tuple[Stage, ...]:
    """The stages along a way, the input first."""
    stages = [] if way.start is None else [Stage(way.start, calls=(INPUT,))]
    for link in way.links:
        record = main_output(link.call)
        if record is None or record.shape is None:
            continue
        layers = (
            *(Layer(f"+ {style.printable(side)}", 0) for side in link.sides),
            Layer(style.printable(base_type(link.call)), link.call.parameters),
        )
        if stages and _belongs(link, stages[-1], record):
            last = stages[-1]
            stages[-1] = replace(
                last,
                record=_with_values(record, last.record) if last.layers else last.record,
                is_reshape=False,
                layers=(*last.layers, *layers),
                calls=(*last.calls, link.call.id),
                joins=(*last.joins, *link.joins),
            )
        else:
            alike = _is_reshape(link, stages[-1] if stages else None, record)
            stages.append(Stage(record, layers, "", (link.call.id,), link.joins, is_reshape=alike))
    return _with_ends(_with_places(stages, way))


def _is_reshape(link: Link, before: Stage | None, record: TensorRecord) -> bool:
    """Whether nothing but the shape changes: the figures are the same."""
    return (
        before is not None
        and link.call.parameters == 0
        and not link.joins
        and record.stats is not None
        and record.stats == before.record.stats
    )


def _belongs(link: Link, stage: Stage, record: TensorRecord) -> bool:
    """Whether a call is part of the stage before it."""
    call, shape = link.call, (record.shape or ())[1:]
    if not stage.layers:  # the input stands alone, but for a view that adds empty dimensions
        alike = shape != stage.shape and _squeezed(shape) == _squeezed(stage.shape)
        return alike and call.parameters == 0
    if call.parameters and not any(part in call.type for part in _FOLLOWS):
        return False
    return _squeezed(shape) == _squeezed(stage.shape)


def _with_values(record: TensorRecord, before: TensorRecord) -> TensorRecord:
    """A record with the values of the one before where the trace kept none of its own."""
    if record.samples is None and record.stats == before.stats:
        return replace(record, samples=before.samples)
    return record


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)


def _with_places(stages: Sequence[Stage], way: Way) -> list[Stage]:
    """The stages with the names of their layers in the network."""
    paths = {
        link.call.id: _relative(link.call, way.network)
        for link in way.links
        if link.call.kind != "op"  # an operation's path is but its name
    }
    return [
        replace(stage, place=_span([paths[one] for one in stage.calls if one in paths]))
        for stage in stages
    ]


def _relative(call: Call, network: Call) -> str:
    path = call.path.removeprefix(network.path)
    return style.printable(path.lstrip("./"))


def _span(paths: Sequence[str]) -> str:
    """``model.2–4`` for layers that stand in one container, else the first one's name."""
    if not paths:
        return ""
    first, last = paths[0], paths[-1]
    container, _, begin = first.rpartition(".")
    other, _, end = last.rpartition(".")
    if first == last:
        return first
    if container == other and begin.isdigit() and end.isdigit():
        return f"{container}.{begin}–{end}" if container else f"{begin}–{end}"
    return first


def _with_ends(stages: list[Stage]) -> tuple[Stage, ...]:
    if len(stages) > 1:
        stages[0] = replace(stages[0], role="input")
        stages[-1] = replace(stages[-1], role="output")
    return tuple(stages)


def thin(stages: Sequence[Stage], most: int) -> tuple[Stage, ...]:
    """At most so many stages; the rest are counted where they were.

    Those that change nothing about the shape go first, from the middle outward.
    """
    excess = len(stages) - most
    if excess <= 0:
        return tuple(stages)
    middle = (len(stages) - 1) / 2
    inner = range(1, len(stages) - 1)
    order = sorted(inner, key=lambda at: (_changes(stages, at), abs(at - middle)))
    dropped = set(order[:excess])
    kept: list[Stage] = []
    hidden: list[Stage] = []
    for at, stage in enumerate(stages):
        if at in dropped:
            hidden.append(stage)
            continue
        count = sum(each.parameters for each in hidden)
        kept.append(replace(stage, hidden=len(hidden), hidden_parameters=count))
        hidden = []
    return tuple(kept)


def _changes(stages: Sequence[Stage], at: int) -> int:
    """How much a stage would be missed: 2 where the shape changes, 1 where there are weights."""
    if stages[at].shape != stages[at - 1].shape:
        return 2
    return int(stages[at].parameters > 0)


def count_of(shape: Sequence[int]) -> int:
    """How many numbers a shape holds."""
    return math.prod(shape)
