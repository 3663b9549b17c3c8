"""The whole record of one observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ganscope.errors import UsageError
from ganscope.traces import schema
from ganscope.traces.call import CallSite
from ganscope.traces.source_text import SourceText
from ganscope.traces.step import Optimizer, Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "ganscope.trace/1"


@dataclass(frozen=True, slots=True)
class Meta:
    """Under which circumstances a trace was taken.

    Attributes:
        ganscope: Version of ganscope.
        torch: Version of torch.
        python: Version of Python.
        seed: Seed of the random numbers, where one was set.
        device: Where the network's parameters lived.
        threads: Number of threads torch computed with.
        command: The command, or the function, that took the trace.
        created: Time in UTC, ISO 8601.
        completeness: ``complete``, ``partial`` or ``unavailable: reason``.
        notes: What could not be seen, one sentence each.
        mode: ``train`` or ``eval``, ``mixed`` where parts of a network differ.
    """

    ganscope: str
    torch: str
    python: str
    seed: int | None
    device: str
    threads: int
    command: str
    created: str
    completeness: str
    notes: tuple[str, ...] = ()
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """An outermost called module that owns parameters.

    Attributes:
        name: The user's variable, else the class in snake_case.
        type: Its class.
        role: ``generator``, ``discriminator``, ``other`` or ``unknown``.
        parameters: Number of parameters, shared ones counted once.
        wrapper: ``DataParallel``, ``DistributedDataParallel`` or ``compiled``, where it was
            wrapped in one.
    """

    name: str
    type: str
    role: str
    parameters: int
    wrapper: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Where and why a forward failed.

    Attributes:
        step: Index of the step.
        update: Index of the update.
        call: Id of the innermost call that failed, where one was open.
        message: The original exception, as ``Type: text``.
        expected: In words, what the layer takes; None where that is not known.
        got: In words, what it was given.
        site: Where in the user's code.
    """

    step: int
    update: int | None
    call: int | None
    message: str
    expected: str | None
    got: str | None
    site: CallSite | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says: what is wrong, where, on which evidence, and the mend."""

    code: str
    severity: str
    where: str
    evidence: Mapping[str, float]
    why: str
    mend: str


class Presenter(Protocol):
    """Shows a trace; handed in from above, since a trace knows no views."""

    def text(self, trace: Trace) -> str:
        """The trace as plain text."""

    def html(self, trace: Trace) -> str:
        """The trace as an HTML fragment."""

    def diagram(self, trace: Trace, kind: str, look: Mapping[str, Any]) -> Figure:
        """The trace as a picture of a kind."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that one observation saw, as plain immutable values.

    Attributes:
        meta: Versions, seed, device, how complete it is.
        networks: The networks seen.
        steps: The steps seen; a standalone forward is one step. Those of a file are read one
            by one when they are asked for; see `RecordedSteps`.
        failure: Where the forward failed, if it did.
        findings: What checks said of it.
        optimizers: Every optimizer that was made, cleared gradients or stepped while it was
            recorded, in this order, with the settings that were seen last: also those that never
            stepped. One inside another is left out.
        sources: The functions of the user's code around all sites, as they ran, once each.
    """

    meta: Meta
    networks: tuple[Network, ...]
    steps: Sequence[Step]
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    sources: tuple[SourceText, ...] = ()

    presenter: ClassVar[Presenter | None] = None

    def to_dict(self) -> dict[str, Any]:
        """The trace as plain data that strict JSON can hold: the contract `ganscope.trace/1`."""
        return {"schema": SCHEMA, **schema.to_plain(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trace:
        """The inverse of `to_dict`.

        Raises:
            TraceFormatError: The data does not follow the contract; the message names the place.
        """
        schema.require(data, SCHEMA)
        return schema.from_plain(cls, data)

    def __str__(self) -> str:
        return self.presenter.text(self) if self.presenter else repr(self)

    def __repr__(self) -> str:
        names = ", ".join(network.name for network in self.networks) or "nothing"
        failed = ", failed" if self.failure else ""
        steps = f"{len(self.steps)} step(s)"
        if isinstance(self.steps, tuple):  # those of a file may be many, and are not all read
            steps = f"{sum(len(step.calls) for step in self.steps)} calls in {steps}"
        return f"<Trace of {names}: {steps}{failed}>"

    def diagram(self, kind: str = "flow", **look: Any) -> Figure:
        """A picture for teaching; a notebook shows it, `savefig` writes it.

        Args:
            kind: ``flow`` (a network, with the values of one sample in every block), ``step``
                (a training step), ``stats`` (distributions along the depth) or ``training``
                (over all steps).
            **look: ``sample``, ``step``, ``network``, ``theme``, ``language``, ``size``,
                ``transparent`` and ``title``, as `DiagramOptions` has them.

        Returns:
            A matplotlib figure of its own: pyplot knows nothing of it.

        Raises:
            UsageError: There is no such kind or look, or the trace does not hold what it shows.
        """
        if self.presenter is None:
            raise UsageError("import ganscope first: a trace alone knows no pictures")
        return self.presenter.diagram(self, kind, look)

    def _repr_html_(self) -> str | None:
        return self.presenter.html(self) if self.presenter else None
