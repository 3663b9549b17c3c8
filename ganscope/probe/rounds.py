"""Where a training step ends, told from the order in which optimizers step.

A step is a round of optimizers: it ends before the first update whose optimizer has already
stepped in it, with another optimizer's step since. An optimizer that runs alone ends a step each
time; what was cut so before a first round was known is put together again. Names and kinds of
optimizers play no part. Lines at which one steps do, where there are several: a penalty of its
own now and then, or a warm-up before the loop, is told from the turn of the loop by it.

No step grows without end: an optimizer that has stepped many times in a row (an epoch of its own,
a phase after the adversarial one) ends a step each time from then on, until another one steps; and
where optimizers never come round (a new one each turn), every update is a step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

Key = int
"""Stands for an optimizer, or for several that share an update."""

Place = Hashable
"""The line of the user's code at which an optimizer steps; None where it is not known."""

_Turn = tuple[Key, Place]


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
        self._open: list[_Turn] = []
        self._last: list[_Turn] = []
        """The step that ended last."""
        self._alone = 0
        """Steps cut because only one optimizer was known."""
        self._first: deque[_Turn] = deque(maxlen=_LONGEST_ROW)
        """The last of them."""
        self._met: set[_Turn] = set()
        """What stepped where before a first round was known."""
        self._tail: tuple[_Turn, int] | None = None
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

    def update(self, key: Key, place: Hashable = None) -> Decision:
        """An optimizer has stepped.

        Args:
            key: Which.
            place: The line of the user's code at which it did, if that is known.
        """
        self._count(key)
        self._known.add(key)
        turn = key, place
        if self._never:
            return Decision(ends=True)
        if self._tail is None:
            is_new = place is not None and turn not in self._met
            self._met.add(turn)
            if len(self._known) == 1:
                self._alone += 1
                self._first.append(turn)
                self._last = [turn]
                return Decision(ends=True)
            if self._goes_on(turn) or is_new or key not in _keys(self._last):
                # The first round: each update may be its end, so it is kept as if it were.
                return self._lengthen(turn)
            self._tail = _tail(self._last)  # it was whole
        elif not self._open and self._goes_on(turn):
            # The round was longer than expected.
            decision = self._lengthen(turn)
            self._tail = _tail(self._last)
            return decision
        return self._go_round(turn)

    def _goes_on(self, turn: _Turn) -> bool:
        """Whether an update belongs to the round that has just ended."""
        key, place = self._last[-1]
        return turn[0] == key and (turn[1] == place or turn not in self._last)

    def _comes_again(self, turn: _Turn) -> bool:
        """Whether an update cannot belong to the open step any more."""
        if turn[0] not in _keys(self._open) or self._open[-1][0] == turn[0]:
            return False
        return turn in self._open or turn not in self._last

    def _go_round(self, turn: _Turn) -> Decision:
        """What an update means where rounds are known."""
        lonely = self._row[1] > self._most_in_a_row()
        closes = bool(self._open) if lonely else self._comes_again(turn)
        joins = self._close() if closes else 0
        if lonely:
            self._last = [turn]
            return Decision(closes=closes, joins=joins, ends=True)
        self._open.append(turn)
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

    def _lengthen(self, turn: _Turn) -> Decision:
        """The step that ended last goes on with this update, if it is not too long for that."""
        if len(self._last) >= _LONGEST_FIRST or self._row[1] > _SHORT_ROW:
            self._never = len(self._known) >= _LONGEST_FIRST
            self._last = [turn]
            return Decision(ends=True)
        self._last = [*self._last, turn]
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
        # The second round tells how many updates belong before the first one's last: so many as it
        # has itself, and all since it was where this one began.
        leading, first = _leading(ended), list(self._first)
        held, self._alone = self._alone, 0
        self._first.clear()
        began = (count for count in range(leading, len(first) + 1) if first[-count] == ended[0])
        joins = min(held, next(began, leading))
        return joins if joins > 1 else 0


_LONG_ALONE = 12
"""After so many steps the only optimizer is taken for the only one there is."""

_SHORT_ROW, _LONGEST_ROW = 32, 256
"""Between these lies how many updates of one optimizer a step holds in a row."""

_LONGEST_FIRST = 64
"""Most updates of a round that has not come round yet."""


def _keys(turns: Sequence[_Turn]) -> list[Key]:
    return [key for key, _ in turns]


def _tail(turns: Sequence[_Turn]) -> tuple[_Turn, int]:
    """The last optimizer, and how often it stepped in a row."""
    return turns[-1], _leading(turns[::-1])


def _leading(turns: Sequence[_Turn]) -> int:
    """How often the first optimizer stepped in a row."""
    count = 0
    while count < len(turns) and turns[count][0] == turns[0][0]:
        count += 1
    return count
