"""Where a training step ends, told from the order in which optimizers step.

A step is a round of optimizers: it ends before the first update whose optimizer has already
stepped in it, with another optimizer's step since. An optimizer that runs alone ends a step each
time; what was cut so before a first round was known is put together again. Names and kinds of
optimizers play no part.

No step grows without end: an optimizer that has stepped many times in a row (an epoch of its own,
a phase after the adversarial one) ends a step each time from then on, until another one steps; and
where optimizers never come round (a new one each turn), every update is a step.
"""

from __future__ import annotations

from dataclasses import dataclass

Key = int
"""Stands for an optimizer, or for several that share an update."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an update means for the steps, in the order in which it is to be done.

    Attributes:
        closes: The open step ended before this update.
        joins: So many of the last ended steps are one step.
        reopens: The last ended step goes on with this update.
        ends: The step ends with this update.
    """

    closes: bool = False
    joins: int = 0
    reopens: bool = False
    ends: bool = False


class Rounds:
    """Decides where steps end; fed with one optimizer after the other."""

    def __init__(self) -> None:
        self._known: set[Key] = set()
        self._open: list[Key] = []
        self._last: list[Key] = []
        """The step that ended last."""
        self._alone = 0
        """Steps cut because only one optimizer was known."""
        self._tail: tuple[Key, int] | None = None
        """Which optimizer ends a round, and how often it steps there."""
        self._row: tuple[Key, int] = (-1, 0)
        """Which optimizer stepped last, and how often in a row."""
        self._longest = 0
        """How often one has stepped in a row before another did."""
        self._never = False
        """Whether optimizers do not come round."""

    @property
    def is_settled(self) -> bool:
        """Whether a whole round has been seen, or one optimizer alone for long."""
        whole = self._tail is not None and self._alone == 0
        return whole or self._alone > _LONG_ALONE or self._never

    def update(self, key: Key) -> Decision:
        """An optimizer has stepped."""
        self._count(key)
        self._known.add(key)
        if len(self._known) == 1:
            self._alone += 1
            self._last = [key]
            return Decision(ends=True)
        if self._never:
            return Decision(ends=True)
        if self._tail is None:
            if self._last[-1] == key or key not in self._last:
                # The first round: each update may be its end, so it is kept as if it were.
                return self._lengthen(key)
            self._tail = _tail(self._last)  # it was whole
        elif not self._open and self._last[-1] == key:
            # The round was longer than expected.
            decision = self._lengthen(key)
            self._tail = _tail(self._last)
            return decision
        return self._go_round(key)

    def _go_round(self, key: Key) -> Decision:
        """What an update means where rounds are known."""
        lonely = self._row[1] > self._most_in_a_row()
        closes = bool(self._open) if lonely else key in self._open and self._open[-1] != key
        joins = self._close() if closes else 0
        if lonely:
            self._last = [key]
            return Decision(closes=closes, joins=joins, ends=True)
        self._open.append(key)
        if self._at_end():
            more = self._close()
            return Decision(closes=closes, joins=joins or more, ends=True)
        return Decision(closes=closes, joins=joins)

    def _count(self, key: Key) -> None:
        last, count = self._row
        if key == last:
            self._row = key, count + 1
        else:
            self._longest = max(self._longest, count)
            self._row = key, 1

    def _most_in_a_row(self) -> int:
        """So often may an optimizer step before it counts as one that goes on alone.

        The Wasserstein GAN's critic steps a hundred times at first: what was seen sets the bound.
        """
        return min(max(_SHORT_ROW, 2 * self._longest), _LONGEST_ROW)

    def _lengthen(self, key: Key) -> Decision:
        """The step that ended last goes on with this update, if it is not too long for that."""
        if len(self._last) >= _LONGEST_FIRST or self._row[1] > _SHORT_ROW:
            self._never = len(self._known) >= _LONGEST_FIRST
            self._last = [key]
            return Decision(ends=True)
        self._last = [*self._last, key]
        return Decision(reopens=True, ends=True)

    def end(self) -> None:
        """The step has ended, as the user says."""
        if self._open:
            self._close()

    def _at_end(self) -> bool:
        return self._tail is not None and _tail(self._open) == self._tail

    def _close(self) -> int:
        """End the open step; returns how many ended steps turn out to be one."""
        ended, self._last, self._open = self._open, self._open, []
        self._tail = _tail(ended)
        if not self._alone:
            return 0
        # The second round tells how many updates belong before the first one's last.
        leading = _leading(ended)
        held, self._alone = self._alone - 1, 0
        more = min(held, leading - 1)
        return more + 1 if more > 0 else 0


_LONG_ALONE = 12
"""After so many steps the only optimizer is taken for the only one there is."""

_SHORT_ROW, _LONGEST_ROW = 32, 256
"""Between these lies how many updates of one optimizer a step holds in a row."""

_LONGEST_FIRST = 64
"""Most updates of a round that has not come round yet."""


def _tail(keys: list[Key]) -> tuple[Key, int]:
    """The last optimizer, and how often it stepped in a row."""
    last, count = keys[-1], 0
    while count < len(keys) and keys[-1 - count] == last:
        count += 1
    return last, count


def _leading(keys: list[Key]) -> int:
    """How often the first optimizer stepped in a row."""
    count = 0
    while count < len(keys) and keys[count] == keys[0]:
        count += 1
    return count
