"""What networks made in earlier steps, known again by its values.

A pool of images shows a discriminator what a generator made many steps ago, copied, cut and put
together anew: nothing but the values themselves tells. So a few values of each row are kept, of
as many rows as a pool may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from ganscope.probe import structure
from ganscope.probe.drafts import Named
from ganscope.probe.tensors import TensorDraft, array_if_any
from ganscope.traces import Earlier

VALUES = 16
"""How many values of a row are kept, evenly spaced over it."""

DIFFERENT = 7
"""A row in which one value differs less often from the next is not told from others: a saturated
image is not."""

ROWS = 4_096
"""How many rows are known at most, the latest ones: about 0.5 MB."""

_SMALLEST_ROW = 64
"""Where rows have fewer values (points in a plane), only a whole batch is known again."""

_Mark = int

_FACTORS = np.random.default_rng(0).integers(1 << 60, 1 << 62, 2 * VALUES, dtype=np.int64) | 1


class EarlierOutputs:
    """Rows of networks' outputs, by their marks. Values on devices are not looked at."""

    def __init__(self) -> None:
        self._makers: dict[_Mark, tuple[str, int]] = {}
        self._latest: dict[str, int] = {}
        """In which update each network ran last."""

    def keep(self, network: str, output: object, update: int) -> None:
        """Remember what a network has made in an update, counted over all steps."""
        self._latest[network] = update
        made = network, update
        for _, leaf in islice(structure.leaves(output), structure.MOST_LEAVES):
            for mark in _marks(leaf):
                if mark is not None:
                    self._makers.pop(mark, None)  # the latest stand last
                    self._makers[mark] = made
        while len(self._makers) > ROWS:
            del self._makers[next(iter(self._makers))]

    def tell(
        self,
        values: Iterable[tuple[str | None, object]],
        records: Sequence[Named],
        update: int,
    ) -> None:
        """Note on the records of what a network is shown who made it in earlier steps.

        Args:
            values: The leaves of its arguments.
            records: Theirs.
            update: The update that runs.
        """
        for (_, leaf), (_, record) in zip(values, records, strict=False):
            if isinstance(record, TensorDraft) and record.note is None:
                if record.made and record.requires_grad:
                    continue  # its history is that of this step
                followed = record.made or record.origin is not None
                record.earlier = self._maker_of(leaf, None if followed else update)
                record.note = _note_of(record.earlier)

    def _maker_of(self, values: object, update: int | None = None) -> Earlier | None:
        """Who made `values` before the update in which it ran last, or before this `update`.

        What is followed through the calls of this step is given without an update.
        """
        if not self._makers:
            return None
        marks = _marks(values)
        found = [self._makers[mark] for mark in marks if mark is not None and mark in self._makers]
        earlier = [
            network
            for network, made in found
            if made < self._latest[network] or (update is not None and made < update)
        ]
        if not earlier:
            return None
        return Earlier(earlier[0], share=len(found) / len(marks))


def _note_of(earlier: Earlier | None) -> str | None:
    if earlier is None:
        return None
    return f"{'' if earlier.whole else 'in part '}made by {earlier.network} in an earlier step"


def _marks(values: object) -> list[_Mark | None]:
    """A mark of each row; None for a row that has none, and no marks of what is not followed."""
    if type(values) not in _PLAIN or not isinstance(values, Tensor) or not _is_batch(values):
        return []
    array = array_if_any(values)
    if array is None or not array.flags.c_contiguous:
        return []
    small = array.size < _SMALLEST_ROW * len(array)
    flat = array.reshape(1 if small else len(array), -1)
    spacing = flat.shape[1] // VALUES
    some = np.ascontiguousarray(flat[:, spacing // 2 :: spacing][:, :VALUES])
    changes = (some[:, 1:] != some[:, :-1]).sum(axis=1)
    # One number for the bits of each row, odd factors that wrap around: equal only for equal rows.
    bits = some.view(np.int32).astype(np.int64)
    marks = (bits @ _FACTORS[: bits.shape[1]]).tolist()
    if int(changes.min()) >= DIFFERENT:
        return list(marks)
    return [
        mark if count >= DIFFERENT else None for mark, count in zip(marks, changes, strict=True)
    ]


_PLAIN = (Tensor, torch.nn.Parameter)
_FLOATS = (torch.float32, torch.float64)


def _is_batch(values: Tensor) -> bool:
    if not values.is_cpu or values.dtype not in _FLOATS or values.dim() < 2:
        return False
    return 0 < values.shape[0] <= ROWS and values.numel() >= VALUES
