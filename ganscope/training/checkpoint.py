"""A checkpoint: one file of tensors with the rest as JSON in its head, replaced in one go.

It is a safetensors file, so nothing in it can run. Its metadata holds under `KEY` the state that
is no tensor. Names of tensors: ``generator.*``, ``discriminator.*``, ``averaged_generator.*``,
``optimizer.generator.*``, ``optimizer.discriminator.*``, ``random.*``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from ganscope.errors import RunError
from ganscope.files import write_whole

FILE = "checkpoint.safetensors"
SCHEMA = "ganscope.checkpoint/1"
KEY = "ganscope"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: Steps that were made.
        epoch: The epoch it is in, from 0.
        batch: Steps of that epoch that were made.
        seconds: Spent training.
        metrics_bytes: How long its table of figures was.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    metrics_bytes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        progress: How far the run had come.
        tensors: By name, on the CPU.
        scalars: What else was kept: the state of gradient scalers.
    """

    progress: Progress
    tensors: Mapping[str, Tensor]
    scalars: Mapping[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below a prefix, by the rest of their names; empty where there are none."""
        start = f"{prefix}."
        return {
            name.removeprefix(start): value
            for name, value in self.tensors.items()
            if name.startswith(start)
        }


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in a run's folder.

    Raises:
        OSError: It cannot be written; the one that was there stays.
    """
    from safetensors.torch import save

    head = {
        "schema": SCHEMA,
        "progress": asdict(checkpoint.progress),
        "scalars": checkpoint.scalars,
    }
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in checkpoint.tensors.items()
    }
    content = save(tensors, {KEY: json.dumps(head, allow_nan=False)})
    write_whole(folder / FILE, (content,), durable=True)


def read_progress(folder: Path) -> Progress:
    """How far the run in a folder has come; its beginning where there is no checkpoint yet.

    Raises:
        RunError: As for `read_checkpoint`.
    """
    kept = read_checkpoint(folder)
    return Progress() if kept is None else kept.progress


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint in a run's folder; None where none was written yet.

    Raises:
        RunError: It is damaged, or of a newer ganscope.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        raise _damaged(path, "it is no whole safetensors file") from None
    except OSError as error:
        raise RunError(f"'{path}' cannot be read: {error.strerror or error}") from None
    try:
        head = json.loads(metadata.get(KEY, "null"))
    except ValueError:
        head = None
    if not isinstance(head, dict):
        raise _damaged(path, "it has no state of a run")
    if head.get("schema") != SCHEMA:
        raise RunError(
            f"'{path}' has the schema {head.get('schema')!r}, expected {SCHEMA!r}; it may come "
            "from a newer ganscope: upgrade"
        )
    return Checkpoint(_progress(head.get("progress"), path), tensors, head.get("scalars") or {})


def _progress(content: object, path: Path) -> Progress:
    names = [each.name for each in fields(Progress)]
    if not isinstance(content, dict) or any(
        not isinstance(content.get(name), (int, float)) or content[name] < 0 for name in names
    ):
        raise _damaged(path, "how far the run had come is not in it")
    return Progress(**{name: content[name] for name in names})


def _damaged(path: Path, why: str) -> RunError:
    return RunError(
        f"'{path}' is damaged: {why}; copy the run's folder again, or train anew with -f"
    )
