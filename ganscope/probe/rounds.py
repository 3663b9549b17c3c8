"""Where a training step ends, told from the order in which optimizers step.

A step is a round of optimizers: it ends before the first update whose optimizer has already
stepped in it, with another optimizer's step since. Names and kinds of optimizers play no part, but
the lines at which they step do: further down in the code than the update before, the loop has not
turned yet, and back up past another optimizer's update, it has. So a second update in the same
turn, a penalty's own now and then, or either of two lines of a condition is told from the next
turn.

That a step has ended is certain when the next one begins, which would often be too late. So a step
is expected to end where one has ended before, at that line; it goes on after all where it was
longer.

An optimizer that runs alone ends a step each time: the only one before another is seen, or one
that has stepped many times in a row (an epoch of its own, a phase after the adversarial one). How
many of the first ones belong to the first round is told by the second. And where optimizers never
come round (a new one each turn), every update is a step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby

Key = int
"""Stands for an optimizer, or for several that share an update."""

Place = tuple[tuple[Hashable, int], ...]
"""The functions of the user's code that run, from the outermost in, each with the line where it
stands; empty where that is not known."""

_Update = tuple[Key, Place]

_Line = tuple[Key, Place]
"""An optimizer with the innermost of its lines alone: whoever calls that function, it is known."""


@dataclass(frozen=True, slots=True)
class _End:
    """What came of the last step that an optimizer's line was in.

    Attributes:
        row: How many updates of the optimizer in a row ended it; 0 where it went on.
        always: Whether it was so each time.
    """

    row: int
    always: bool = True


_NO_END = _End(0)


@dataclass(frozen=True, slots=True)
class Decision:
    """What an update means for the steps, in the order in which it is to be done.

    Attributes:
        joins: So many of the last ended steps are one step.
        closes: The open step ended before this update.
        reopens: The last ended step goes on with this update.
        ends: The step ends with this update.
        begins: It is certain that the step before has ended, as this update begins another.
        may_go_on: The step ends with this update, but others have gone on from there.
    """

    joins: int = 0
    closes: bool = False
    reopens: bool = False
    ends: bool = False
    begins: bool = False
    may_go_on: bool = False


class Rounds:
    """Decides where steps end; fed with one optimizer after the other."""

    def __init__(self) -> None:
        self._step: list[_Update] = []
        """The step that runs now, or that ended last."""
        self._has_ended = False
        """Whether it has ended, as far as that can be told before the next one begins."""
        self._ends: dict[_Line, _End] = {}
        """At which lines steps have ended or gone on."""
        self._alone: deque[_Update] = deque(maxlen=_LONG_ALONE + 1)
        """The last updates before a second optimizer was seen: a step each, until a second round
        tells how many belong to the first one."""
        self._row: tuple[Key, int] = (-1, 0)
        """Which optimizer stepped last, and how often in a row."""
        self._longest = 0
        """How often one has stepped in a row before another did; 0 while there is no other."""
        self._never = False
        """Whether optimizers do not come round."""

    @property
    def is_settled(self) -> bool:
        """Whether a whole round has been seen, or one optimizer alone for long."""
        if self._longest == 0:
            return len(self._alone) > _LONG_ALONE
        return self._never or self._is_lonely or bool(self._ends and not self._alone)

    @property
    def is_open(self) -> bool:
        """Whether a step has begun, and is not known or expected to have ended."""
        return bool(self._step) and not self._has_ended

    def update(self, key: Key, place: Place = ()) -> Decision:
        """An optimizer has stepped.

        Args:
            key: Which.
            place: Where in the user's code it did, if that is known.
        """
        update, was_open = (key, place), self.is_open
        self._count(key)
        if self._stands_alone(update):
            self._step, self._has_ended = [update], True
            return Decision(closes=was_open, ends=True, begins=True)
        begins = self._begins(update)
        reopens = self._has_ended and not begins
        joins = self._learn() if begins else 0
        self._step = [update] if begins else [*self._step, update]
        end = self._ends.get(_line(update), _NO_END)
        # Until a first round is known, each update may be its last.
        self._has_ended = not self._ends or end.row == self._last_row()
        if self._has_ended:
            joins = joins or self._first_round()
        may_go_on = self._has_ended and not end.always
        closes = begins and was_open
        return Decision(joins, closes, reopens, self._has_ended, begins, may_go_on)

    # -- one optimizer alone -----------------------------------------------------------------

    def _count(self, key: Key) -> None:
        last, count = self._row
        if count and key != last:
            self._longest = max(self._longest, count)
        self._row = key, count + 1 if key == last else 1

    def _stands_alone(self, update: _Update) -> bool:
        """Whether an update is a step by itself."""
        if self._longest == 0:
            self._alone.append(update)
            return True
        keys = [key for key, _ in self._step]
        rows = sum(1 for _ in groupby(keys)) if len(keys) >= _MOST_ROWS else 0
        is_endless = rows >= _MOST_ROWS and keys[-1] != update[0]
        self._never = self._never or (is_endless and len(set(keys)) >= _MOST_ROWS)
        if self._never or is_endless or self._is_lonely:
            self._alone.clear()  # a first round is not to be told any more
            return True
        return False

    @property
    def _is_lonely(self) -> bool:
        """Whether an optimizer has stepped so often in a row that it goes on alone.

        The Wasserstein GAN's critic steps a hundred times at first: what was seen sets the bound.
        """
        seen = 2 * self._longest if self._ends else 0
        return self._row[1] > min(max(_SHORT_ROW, seen), _LONGEST_ROW)

    # -- rounds ------------------------------------------------------------------------------

    def _begins(self, update: _Update) -> bool:
        """Whether an update cannot belong to the step any more: the loop has turned."""
        if update == self._step[-1]:
            return False
        key, place = update
        # What was cut because there was one optimizer alone may belong to the first round.
        step = self._step if self._ends else [*self._alone, *self._step]
        own = [index for index, (each, _) in enumerate(step) if each == key]
        others = [(index, line) for index, (each, line) in enumerate(step) if each != key]
        is_below = _distance(step[-1][1], place) > 0
        if not own:  # a round takes in every optimizer, and after its end what is further down
            return bool(self._ends) and self._has_ended and not is_below
        same = [index for index in own if _line(step[index]) == _line(update)]
        if same and others and others[-1][0] > same[-1]:
            return True  # the very line comes again
        if is_below:
            return False
        # Back up, or nobody knows where: has it passed another optimizer's update?
        distances = [(index, _distance(line, place)) for index, line in others]
        return any(way < 0 or (way == 0 and index > own[0]) for index, way in distances)

    def _last_row(self) -> int:
        """How many updates of one optimizer the step ends with."""
        _, row = next(groupby(reversed(self._step), _key))
        return sum(1 for _ in row)

    def _learn(self) -> int:
        """The step is over: where it ended is known; returns how many ended steps are one."""
        joins, row = self._first_round(), self._last_row()
        if row == len(self._step):
            return joins  # it was no round
        lines = [_line(update) for update in self._step]
        ended = dict.fromkeys(lines[:-row], 0) | dict.fromkeys(lines[-row:], row)
        for line, count in ended.items():
            before = self._ends.pop(line, _End(count))  # the latest stand last
            self._ends[line] = _End(count, before.always and before.row == count)
        while len(self._ends) > _MOST_LINES:
            del self._ends[next(iter(self._ends))]
        return joins

    def _first_round(self) -> int:
        """How many of the first steps are one, as the first step that is sure to be whole tells."""
        if not self._ends or not self._alone:
            return 0
        count = _belonging(list(self._alone), self._step)
        self._alone.clear()
        return count if count > 1 else 0


_LONG_ALONE = 12
"""After so many steps the only optimizer is taken for the only one there is."""

_SHORT_ROW, _LONGEST_ROW = 32, 256
"""Between these lies how many updates of one optimizer a step holds in a row."""

_MOST_ROWS = 64
"""So often may another optimizer step in a round that does not come round."""

_MOST_LINES = 1024
"""At so many lines it is known whether a step ends there."""


def _distance(one: Place, other: Place) -> int:
    """How many lines `other` is further down than `one`; 0 where that cannot be told.

    The lines to compare are those of the innermost function in which both stand.
    """
    for (function, line), (another, its_line) in zip(one, other, strict=False):
        if function != another:
            return 0
        if line != its_line:
            return its_line - line
    return 0


def _line(update: _Update) -> _Line:
    return update[0], update[1][-1:]


def _key(update: _Update) -> Key:
    return update[0]


def _belonging(alone: list[_Update], second: Sequence[_Update]) -> int:
    """How many of the only optimizer's updates belong to the first round.

    As many as it steps at first in the second round, and what else ran in the same turns of that
    inner loop: one in which the lines go down. A loop before, at a line that does not come again,
    was a warm-up.
    """
    lines = [_line(update) for update in second]
    rows = [list(row) for key, row in groupby(second, _key) if key == alone[-1][0]]
    lead = rows[0] if rows else []
    for index in range(len(alone) - len(lead) - 1, 0, -1):
        if _line(alone[index]) == _line(alone[index - 1]) and _line(alone[index]) not in lines:
            alone = alone[index + 1 :]
            break
    turns, count = sum(_starts(lead)), 0
    for is_start in reversed(_starts(alone)):
        count += 1
        turns -= is_start
        if is_start and turns <= 0 and count >= len(lead):
            break
    return count


def _starts(updates: Sequence[_Update]) -> list[bool]:
    """Of each update whether a turn of an inner loop starts with it."""
    return [
        index == 0 or _distance(updates[index - 1][1], place) <= 0
        for index, (_, place) in enumerate(updates)
    ]
