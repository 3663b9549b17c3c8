"""What a recording says of itself as a whole: meta, networks, failure, findings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganscope.traces.reading import StepReader, plain_columns, read_odd
from ganscope.traces.rows import write_odd
from ganscope.traces.source import Source
from ganscope.traces.source_text import SourceText
from ganscope.traces.step import Optimizer
from ganscope.traces.table import MOST_ROWS, OF_RECORDING, Column, checksum, tables
from ganscope.traces.texts import Pool
from ganscope.traces.trace import Failure, Finding, Meta, Network

NOT_CLOSED = (
    "the recording was not closed: the run was killed or still goes on; every step that had "
    "ended is here"
)
_OF_NO_INTERVAL = -1


@dataclass(frozen=True, slots=True)
class Head:
    """All of a trace but its steps."""

    meta: Meta
    networks: tuple[Network, ...]
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    sources: tuple[SourceText, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the file itself.

    Attributes:
        token: Distinguishes this recording from another at the same path.
        closed: Whether it was ended in order.
        intervals: How many intervals it then had; 0 before.
        regrouped: How often intervals were replaced or given another step.
    """

    token: bytes
    closed: bool = False
    intervals: int = 0
    regrouped: int = 0


def write_head(
    connection: sqlite3.Connection, head: Head, state: State, pools: Mapping[str, Pool]
) -> None:
    """Write `head` in place of the one that is there.

    Raises:
        sqlite3.Error: It cannot be written.
        TypeError: A field holds what its annotation does not allow.
        ValueError: It is too large.
    """
    connection.execute("DELETE FROM odd_value WHERE interval = ?", (_OF_NO_INTERVAL,))
    every = []
    for name, nouns in _nouns(head):
        table = tables()[name]
        connection.execute(f"DELETE FROM {name}")
        rows = table.store(table.read_nouns(nouns), pools)
        keys: Sequence[Column] = [list(range(len(nouns)))]
        if name == "recording":
            keys = [[1], *([each] for each in _state_columns(state)), [None]]
        if nouns:
            connection.executemany(table.insert, zip(*keys, *rows.stored, strict=True))
            every.append([name, *rows.plain])
        write_odd(connection, _OF_NO_INTERVAL, name, rows.odd)
    for pool in pools.values():
        pool.flush(connection)
    connection.execute("UPDATE recording SET checksum = ?", (_checksum(state, every),))


def read_head(source: Source) -> Head:
    """The head of a recording.

    Raises:
        TraceFileError: It is damaged.
    """
    with source.look() as connection:
        reader = StepReader()
        row = connection.execute(
            "SELECT token, closed, intervals, checksum FROM recording"
        ).fetchone()
        odd = read_odd(connection, _OF_NO_INTERVAL)
        every, nouns = [], {}
        for name in OF_RECORDING:
            table = tables()[name]
            rows = connection.execute(table.select, (0, MOST_ROWS)).fetchall()
            if rows:
                columns = plain_columns(table, rows, reader.on(connection), odd)
                nouns[name] = columns[len(table.keys) :]
                every.append([name, *nouns[name]])
        state = State(token=row[0], closed=bool(row[1]), intervals=row[2])
        if _checksum(state, every) != row[3]:
            raise ValueError("bytes that have changed since they were written")
        built = {name: tables()[name].build(columns) for name, columns in nouns.items()}
        (meta,) = built["recording"]
    if not state.closed:
        meta = replace(meta, notes=(*meta.notes, NOT_CLOSED))
    failures = built.get("failure", [None])
    return Head(
        meta=meta,
        networks=tuple(built.get("network", ())),
        failure=failures[0],
        findings=tuple(built.get("finding", ())),
        optimizers=tuple(built.get("known_optimizer", ())),
        sources=tuple(built.get("source_text", ())),
    )


def _nouns(head: Head) -> Iterator[tuple[str, Sequence[Any]]]:
    yield "recording", [head.meta]
    yield "network", head.networks
    yield "failure", [] if head.failure is None else [head.failure]
    yield "finding", head.findings
    yield "known_optimizer", head.optimizers
    yield "source_text", head.sources


def _state_columns(state: State) -> tuple[Any, ...]:
    return state.token, int(state.closed), state.intervals, state.regrouped


def _checksum(state: State, columns: Sequence[Any]) -> int:
    # Not of `regrouped`, which changes while the rest stays.
    return checksum([state.token, int(state.closed), state.intervals, columns])
