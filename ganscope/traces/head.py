"""What a recording says of itself as a whole: meta, networks, failure, findings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganscope.traces import schema
from ganscope.traces.compressed import pack_json, read_json
from ganscope.traces.source import Source
from ganscope.traces.step import Optimizer
from ganscope.traces.trace import Failure, Finding, Meta, Network

NOT_CLOSED = (
    "the recording was not closed: the run was killed or still goes on; every step that had "
    "ended is here"
)


@dataclass(frozen=True, slots=True)
class Head:
    """All of a trace but its steps."""

    meta: Meta
    networks: tuple[Network, ...]
    failure: Failure | None
    findings: tuple[Finding, ...]
    optimizers: tuple[Optimizer, ...] = ()


def pack_head(head: Head) -> bytes:
    """`head` as it stands in the file."""
    return pack_json(schema.to_plain(head))


def read_head(source: Source) -> Head:
    """The head of a recording.

    Raises:
        TraceFileError: It is damaged.
    """
    with source.look() as connection:
        packed, closed = connection.execute("SELECT head, closed FROM recording").fetchone()
        head = schema.from_plain(Head, read_json(packed))
    if closed:
        return head
    return replace(head, meta=replace(head.meta, notes=(*head.meta.notes, NOT_CLOSED)))
