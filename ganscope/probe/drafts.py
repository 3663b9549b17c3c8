"""A call while its step runs: what is known of it so far. It holds records, never tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ganscope.probe import sites
from ganscope.probe.raised import Raised
from ganscope.probe.tensors import TensorDraft
from ganscope.traces import TensorRecord

Record = TensorRecord | TensorDraft
Named = tuple[str | None, Record]


class Draft:
    """A call that is still open, or not yet made immutable."""

    # On the class: a draft sets only what differs, which halves its cost.
    ident = -1
    nth = 1
    text: str | None = None
    """A call in the user's own code that made a scalar, as it stands there."""
    points: tuple[sites.Point, ...] = ()
    """Where the functions stand that led to a scalar made outside modules, innermost first."""
    network = ""
    """Name of the network it belongs to; empty outside any."""
    round = 0
    """Which update, counted over the whole observation, it ran in."""
    key: nn.Module | None = None
    """The module as it was called, perhaps a compiled wrapper."""
    module: nn.Module | None = None
    """The module itself."""
    inputs: Sequence[Named] = ()
    outputs: Sequence[Named] = ()
    settings = ""
    note: str | None = None
    mode: str | None = None
    """Of a module, as the call began."""
    place: sites.Place | None = None
    seconds: float | None = None
    opaque = False
    """Operations inside are its own business."""
    distrusted = False
    """What it changes may leave no trace: a version is not bumped, an operation not seen."""
    passes_place_on = False
    """What it calls was called, as a person sees it, where it was called itself."""
    hidden = False
    """Not recorded itself."""
    hides = False
    """Nothing inside is recorded."""
    holds_networks = False
    """What runs inside stands by itself: networks, and operations between them."""
    recomputed = False
    """Run a second time, for the backward pass."""
    frozen = 0
    """Parameters of its own that required no gradient when it began."""
    arguments: Mapping[str, Any] = {}
    error: Raised | None = None
    outside_error: int | None = None
    """The id of what was being handled already when the call began."""
    sequence = -1
    """When it began, by one counter over everything."""
    ended: int | None = None
    started = 0.0
    own_time_before = 0.0

    def __init__(self, kind: str, path: str, type_name: str, parent: int | None) -> None:
        self.kind = kind
        self.path = path
        self.type = type_name
        self.parent = parent
