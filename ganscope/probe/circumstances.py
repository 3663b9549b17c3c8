"""Under which circumstances a trace is taken: the part of it that is about no network."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import torch

from ganscope.traces import Meta
from ganscope.version import VERSION

_PYTHON = platform.python_version()


def meta(
    command: str,
    *,
    device: str = "cpu",
    seed: int | None = None,
    mode: str | None = None,
    notes: Sequence[str] = (),
    complete: bool = True,
    created: str | None = None,
) -> Meta:
    """Versions, time and what else belongs to the head of a trace."""
    return Meta(
        ganscope=VERSION,
        torch=str(torch.__version__),
        python=_PYTHON,
        seed=seed,
        device=device,
        threads=torch.get_num_threads(),
        command=command,
        created=created or datetime.now(UTC).isoformat(timespec="seconds"),
        completeness="complete" if complete else "partial",
        notes=tuple(notes),
        mode=mode,
    )
