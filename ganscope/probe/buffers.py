"""Buffers of networks: which of them an update has changed, and how far.

Nothing tells of a change but the values: a norm layer's kernel bumps no version. So copies are
kept of all that are small, on their own device and in one piece of memory each, and compared
where an update ends; of a larger one the version and some values are. Nothing waits for a device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganscope.probe import weights
from ganscope.probe.living import Living
from ganscope.probe.tensors import explain, has_memory
from ganscope.probe.weights import Number
from ganscope.traces import BufferChange

LARGEST = 65_536
"""Most values of a buffer that is compared as a whole."""


@dataclass(slots=True)
class BufferDraft:
    """A buffer that has changed, or perhaps not: on a device that is known only later."""

    name: str
    norm_before: Number = None
    change_norm: Number = None

    @property
    def has_changed(self) -> bool:
        """Whether it has; the numbers have been fetched."""
        return weights.finite(self.change_norm) != 0.0

    def finish(self) -> BufferChange:
        """The change, immutable."""
        return BufferChange(
            name=self.name,
            norm_before=weights.finite(self.norm_before),
            change_norm=weights.finite(self.change_norm),
        )


@dataclass(slots=True)
class _Held:
    """The buffers of one module.

    Attributes:
        path: Of the module, as its parameters' names begin.
        copies: By a buffer's own name its values when they were looked at last, in float64.
        marks: By the name of a large one: its version, and some of its values.
    """

    path: str
    copies: dict[str, Tensor] = field(default_factory=dict)
    marks: dict[str, tuple[int, int, bytes | None]] = field(default_factory=dict)


_PLAIN = {torch.float32, torch.int64}
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_Array = np.ndarray[Any, Any]
_Entry = tuple[_Held, str, Tensor]


class BufferLog:
    """Watches the buffers of all networks; modules are held by weak references alone."""

    def __init__(self) -> None:
        self._modules: Living[_Held] = Living()

    def add(self, module: nn.Module, path: str) -> None:
        """`module` stands at `path` in a network, and has not run since that was found."""
        held = self._modules.get(module)
        if held is not None:
            held.path = path
        elif module._buffers:
            held = _Held(path)
            self._modules.put(module, held)
            self._compare([(module, held)])

    def discard(self, module: nn.Module) -> None:
        """It is no network's any longer."""
        self._modules.discard(module)

    def begin(self) -> None:
        """Look at all anew: what changed until now was not recorded."""
        for _, held in self._modules.items():
            held.copies.clear()
            held.marks.clear()
        self._compare(self._modules.items())

    def look(self) -> list[BufferDraft]:
        """An update has ended: what has changed since the last look?"""
        return self._compare(self._modules.items())

    def release(self) -> None:
        """Nothing more is compared: give the memory back."""
        self._modules.clear()

    @torch.no_grad()
    def _compare(self, modules: Sequence[tuple[nn.Module, _Held]]) -> list[BufferDraft]:
        found: list[BufferDraft] = []
        groups: dict[tuple[torch.device, torch.dtype], list[_Entry]] = {}
        for held, name, buffer in _buffers(modules):
            if buffer.numel() <= LARGEST:
                groups.setdefault((buffer.device, buffer.dtype), []).append((held, name, buffer))
            elif _has_new_mark(held, name, buffer):
                found.append(BufferDraft(f"{held.path}.{name}"))
        for entries in groups.values():
            found += _compared(entries)
        return found


def _buffers(modules: Sequence[tuple[nn.Module, _Held]]) -> Iterator[_Entry]:
    """Those that can be read, each once: networks may share them."""
    seen: set[int] = set()
    for module, held in modules:
        for name, buffer in module._buffers.items():
            if buffer is None or id(buffer) in seen:
                continue
            seen.add(id(buffer))
            if type(buffer) is Tensor and buffer.numel() and _is_readable(buffer):
                yield held, name, buffer


def _is_readable(buffer: Tensor) -> bool:
    plain = buffer.is_cpu and buffer.dtype in _PLAIN and not _is_wrapped(buffer)
    return (plain and has_memory(buffer)) or explain(buffer) is None


def _has_new_mark(held: _Held, name: str, buffer: Tensor) -> bool:
    version = -1 if buffer.is_inference() else buffer._version
    mark = id(buffer), version, weights.sketch(buffer)
    before, held.marks[name] = held.marks.get(name), mark
    return before is not None and before[1:] != mark[1:]


def _compared(entries: Sequence[_Entry]) -> list[BufferDraft]:
    """Buffers of one device and type; those on a CPU that are as they were are left out."""
    exact = torch.float32 if entries[0][2].device.type == "mps" else torch.float64
    sizes = [buffer.numel() for _, _, buffer in entries]
    now = torch.cat([buffer.reshape(-1) for _, _, buffer in entries]).to(exact)
    known: list[tuple[_Held, str, Tensor, Tensor]] = []
    for (held, name, _), part in zip(entries, torch.split(now, sizes), strict=True):
        copy, held.copies[name] = held.copies.get(name), part
        if copy is not None and copy.shape == part.shape:
            known.append((held, name, part, copy))
    if not known:
        return []
    before = torch.cat([copy for *_, copy in known])
    if len(known) < len(entries):
        now = torch.cat([part for _, _, part, _ in known])
    if now.is_cpu and np.array_equal(now.numpy(), before.numpy()):
        return []
    drafts = [BufferDraft(f"{held.path}.{name}") for held, name, *_ in known]
    return (_measure if now.is_cpu else _queue)(
        drafts, [len(copy) for *_, copy in known], now, before
    )


def _measure(
    drafts: Sequence[BufferDraft], sizes: list[int], now: Tensor, before: Tensor
) -> list[BufferDraft]:
    """Which of the buffers that lie one behind the other on a CPU have changed, and how far."""
    after, old = now.numpy(), before.numpy()
    with np.errstate(all="ignore"):
        apart = after - old
        if not math.isfinite(apart.dot(apart)):  # what is infinite, or NaN, may be as it was
            apart[(after == old) | (np.isnan(after) & np.isnan(old))] = 0.0
        starts = [0, *accumulate(sizes[:-1])]
        changes = np.sqrt(np.add.reduceat(np.square(apart), starts)).tolist()
        norms = np.sqrt(np.add.reduceat(np.square(old), starts)).tolist()
    for draft, norm, change in zip(drafts, norms, changes, strict=True):
        draft.norm_before, draft.change_norm = norm, change
    return [draft for draft in drafts if draft.change_norm != 0.0]


def _queue(
    drafts: Sequence[BufferDraft], sizes: list[int], now: Tensor, before: Tensor
) -> list[BufferDraft]:
    """The same on a device, where nothing waits for it."""
    same = (now == before) | (now.isnan() & before.isnan())
    apart = torch.split(torch.where(same, 0.0, now - before), sizes)
    norms = torch._foreach_norm(list(torch.split(before, sizes)))
    changes = torch._foreach_norm(list(apart))
    for draft, norm, change in zip(drafts, norms, changes, strict=True):
        draft.norm_before, draft.change_norm = norm, change
    return list(drafts)
