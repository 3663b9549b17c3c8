"""The stages of a network: layers that belong together, with what came out of them.

A stage begins where the shape changes or where weights do their work; the norm and the
activation behind such a layer belong to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganscope.analysis.graph import IN_ORDER, keeps_values, origin_id
from ganscope.analysis.network_path import INPUT, Branch, Link, NetworkPath, Side
from ganscope.traces import Call, TensorRecord
from ganscope.traces.call import main_output
from ganscope.views import style
from ganscope.views.describe import base_type
from ganscope.views.diagrams.places import relative, span_of
from ganscope.views.diagrams.values import reread

_FOLLOWS = ("Norm", "PReLU", "Dropout")
"""Parts of the names of layers that have parameters and still belong to the one before."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a stage.

    Attributes:
        name: Its class; ``+ Embedding`` for one that brings in something from beside the way.
        parameters: How many it has; 0 where they were counted before.
        is_beside: Whether it brings in something from beside the way.
        is_repeated: Whether its parameters were counted at an earlier call of it.
    """

    name: str
    parameters: int
    is_beside: bool = False
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """A block of the picture.

    Attributes:
        record: What came out of it.
        layers: What made it; none for the network's input.
        place: Where in the network: ``model.2–4``.
        calls: Ids of its calls.
        branches: The shorter ways that lead to it.
        hidden: How many stages are left out before it.
        hidden_parameters: How many parameters those have.
        hidden_calls: Ids of their calls.
        hidden_branches: The shorter ways that lead to them.
        role: ``input``, ``output``, ``head`` for a further output, or empty.
        is_reshape: Whether it only reads the same numbers in another shape.
        sides: What comes in that does not come from the way.
        after: Id of the call, or `INPUT`, that it follows where that is not the stage before it.
        failed: Whether the forward failed in it: nothing came out of it.
        symbol: Stands above it: ``noise z``, ``D(x)``, ``output 2``.
        is_signal: Whether two dimensions are channels over time; else tokens with features.
    """

    record: TensorRecord
    layers: tuple[Layer, ...] = ()
    place: str = ""
    calls: tuple[int, ...] = ()
    branches: tuple[Branch, ...] = ()
    hidden: int = 0
    hidden_parameters: int = 0
    hidden_calls: tuple[int, ...] = ()
    hidden_branches: tuple[Branch, ...] = ()
    role: str = ""
    is_reshape: bool = False
    sides: tuple[Side, ...] = ()
    after: int | None = None
    failed: bool = False
    symbol: str = ""
    is_signal: bool = False

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
        return shape[-1] if len(shape) == 2 and not self.is_signal else shape[0]

    @property
    def joins(self) -> tuple[int, ...]:
        """Ids of the calls, or `INPUT`, from which a shorter way leads to it."""
        return tuple(branch.start for branch in self.branches)

    @property
    def hidden_joins(self) -> tuple[int, ...]:
        """The same of the stages that are left out before it."""
        return tuple(branch.start for branch in self.hidden_branches)

    @property
    def parameters(self) -> int:
        """Of all its layers."""
        return sum(layer.parameters for layer in self.layers)


def stages_of(way: NetworkPath) -> tuple[Stage, ...]:
    """The stages along a way, the input first; those of further outputs behind its last one."""
    start = [] if way.start is None else [Stage(way.start, calls=(INPUT,))]
    stages = _with_ends(_with_places(_joined(start, way.links), way), way)
    if way.failed is not None:
        stages.append(_failed(way, way.failed))
    for head in way.heads:
        own = _with_places(_joined([], head.links), way)
        if own:
            own[0] = replace(own[0], after=head.after)
            own[-1] = replace(own[-1], role="head")
            stages += own
    return tuple(replace(stage, is_signal=_is_of_signals(way)) for stage in stages)


def _is_of_signals(way: NetworkPath) -> bool:
    """Whether a network convolves along one dimension, so that channels come first."""
    kinds = (base_type(link.call) for link in way.links)
    return any(kind.startswith("Conv") and kind.endswith("1d") for kind in kinds)


def _joined(stages: list[Stage], links: Sequence[Link]) -> list[Stage]:
    """The stages, and those of the calls behind them."""
    for link in links:
        record = main_output(link.call)
        if record is None or record.shape is None:
            continue
        layers = _layers_of(link)
        if stages and _belongs(link, stages[-1], record):
            last = stages[-1]
            stages[-1] = replace(
                last,
                record=_with_values(record, last.record) if last.layers else last.record,
                is_reshape=False,
                layers=(*last.layers, *layers),
                calls=(*last.calls, link.call.id),
                branches=(*last.branches, *link.branches),
                sides=(*last.sides, *link.sides),
            )
        else:
            alike = _is_reshape(link, stages[-1] if stages else None, record)
            in_order = alike and link.call.type in IN_ORDER
            if in_order and record.samples is None and stages[-1].record.samples is not None:
                samples = reread(stages[-1].record.samples, record.shape)
                record = replace(record, samples=samples)
            stages.append(
                Stage(
                    record,
                    layers,
                    calls=(link.call.id,),
                    branches=link.branches,
                    is_reshape=alike and _is_shown_alike(stages[-1].record, record),
                    sides=link.sides,
                )
            )
    return stages


def _layers_of(link: Link) -> tuple[Layer, ...]:
    """A call's layer, behind those that bring in something from beside the way."""
    name, again = style.printable(base_type(link.call)), link.call.parameters > link.parameters
    sides = (_beside(side, side.main) for side in link.sides if side.main)
    return (*sides, Layer(name, link.parameters, is_repeated=again))


def _beside(side: Side, main: Call) -> Layer:
    name = style.printable(base_type(main))
    return Layer(f"+ {name}", side.parameters, is_beside=True)


def _failed(way: NetworkPath, call: Call) -> Stage:
    """Where the forward failed: what went in is known, and nothing came out."""
    nothing = TensorRecord(None, None, None, requires_grad=False, stats=None)
    layers = (Layer(style.printable(base_type(call)), call.parameters),)
    place = relative(call, way.network) if call.kind != "op" else ""
    return Stage(nothing, layers, place, (call.id,), role="failed", failed=True)


def _is_reshape(link: Link, before: Stage | None, record: TensorRecord) -> bool:
    """Whether nothing but the shape of each sample changes."""
    return (
        before is not None
        and (record.shape or ())[:1] == (before.record.shape or ())[:1]
        and link.call.parameters == 0
        and not link.branches
        and not link.sides
        and keeps_values(link.call)
    )


def _is_shown_alike(before: TensorRecord, record: TensorRecord) -> bool:
    """Whether as much is shown of both, where one is a sequence: of that the first tokens are."""
    if before.samples is None or record.samples is None:
        return True
    kept = {math.prod(one.samples.shape[1:]) for one in (before, record) if one.samples}
    return len(kept) == 1 or 3 not in (len(before.shape or ()), len(record.shape or ()))


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
    is_known = record.id is not None and origin_id(record) == origin_id(before)
    if record.samples is None and is_known:
        return replace(record, samples=before.samples)
    return record


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)


def _with_places(stages: Sequence[Stage], way: NetworkPath) -> list[Stage]:
    """The stages with the names of their layers in the network."""
    paths = {
        link.call.id: relative(link.call, way.network)
        for link in (*way.links, *(link for head in way.heads for link in head.links))
        if link.call.kind != "op"  # an operation's path is but its name
    }
    return [
        replace(stage, place=span_of([paths[one] for one in stage.calls if one in paths]))
        for stage in stages
    ]


def _with_ends(stages: list[Stage], way: NetworkPath) -> list[Stage]:
    """The stages with their ends marked; one that failed brings out nothing."""
    if len(stages) > 1 or way.failed is not None:
        stages[:1] = [replace(stage, role="input") for stage in stages[:1]]
    if len(stages) > 1 and way.failed is None:
        stages[-1] = replace(stages[-1], role="output")
    return stages


def count_of(shape: Sequence[int]) -> int:
    """How many numbers a shape holds."""
    return math.prod(shape)
