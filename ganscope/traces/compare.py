"""What differs between two traces."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ganscope.traces.call import Call
from ganscope.traces.comparison import Comparison, Difference, FirstCall, OnlyIn
from ganscope.traces.distances import Distance, distance, of_outputs, of_stats
from ganscope.traces.recorded import indices_of
from ganscope.traces.step import ParameterUpdate, Step
from ganscope.traces.trace import Meta, Trace

T = TypeVar("T")

_CIRCUMSTANCES = ("ganscope", "torch", "python", "seed", "device", "threads", "mode")


def compare(first: Trace, second: Trace, *, tolerance: float = 0.0) -> Comparison:
    """What differs between two traces, step by step; each step is read once.

    Steps are matched by their index, unless each trace has a single one: these are compared
    whatever their index. Calls are matched by path and nth call, losses and parameters by name.
    Times, places in the code and kept samples are not compared.

    Args:
        first: One trace.
        second: The other.
        tolerance: Relative difference up to which two figures are equal; 0 is exact.
    """
    pairs, only_first, only_second = _pair(first.steps, second.steps)
    findings = _Findings(tolerance)
    for place, other in pairs:
        findings.add(first.steps[place], second.steps[other])
    return Comparison(
        tolerance,
        len(pairs),
        findings.calls,
        findings.first_call,
        tuple(sorted(findings.differences.values(), key=lambda one: -one.relative)),
        tuple(findings.only_first.values()),
        tuple(findings.only_second.values()),
        only_first,
        only_second,
        _circumstances(first.meta, second.meta),
    )


def _pair(
    first: Sequence[Step], second: Sequence[Step]
) -> tuple[list[tuple[int, int]], tuple[int, ...], tuple[int, ...]]:
    """Places of the steps to be compared, and the indices of those that stand alone."""
    here, there = indices_of(first), indices_of(second)
    if len(here) == 1 == len(there):
        return [(0, 0)], (), ()
    places = {index: place for place, index in enumerate(there)}
    known = set(here)
    pairs = [(place, places[index]) for place, index in enumerate(here) if index in places]
    return (
        pairs,
        tuple(index for index in here if index not in places),
        tuple(index for index in there if index not in known),
    )


def _circumstances(first: Meta, second: Meta) -> dict[str, tuple[str, str]]:
    both = ((name, getattr(first, name), getattr(second, name)) for name in _CIRCUMSTANCES)
    return {name: (str(one), str(other)) for name, one, other in both if one != other}


class _Findings:
    """Collects what differs, step by step; grows with the calls, not with the steps."""

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.calls = 0
        self.first_call: FirstCall | None = None
        self.differences: dict[tuple[str, str], Difference] = {}
        self.only_first: dict[str, OnlyIn] = {}
        self.only_second: dict[str, OnlyIn] = {}

    def add(self, first: Step, second: Step) -> None:
        """Compare two steps."""
        index = first.index
        for label, call, other in _matched(_calls(first), _calls(second)):
            if call is not None and other is not None:
                self.calls += 1
                self._call(index, label, call, other)
            elif call is not None:
                _lacking(self.only_first, label, call, index)
            elif other is not None:
                _lacking(self.only_second, label, other, index)
        for name, value, other_value in _matched(_losses(first), _losses(second)):
            self._number("loss", name, "value", index, value, other_value)
        for name, rate, other_rate in _matched(_learning_rates(first), _learning_rates(second)):
            self._number("optimizer", name, "learning_rate", index, rate, other_rate)
        for name, moved, other_moved in _matched(_parameters(first), _parameters(second)):
            self._note("update", name, index, _between_updates(moved, other_moved))

    def _call(self, step: int, label: str, first: Call, second: Call) -> None:
        found = self._note("output", label, step, of_outputs(first, second))
        if found is not None and self.first_call is None:
            self.first_call = FirstCall(step, label, first.type, first.site, found)
        self._note("gradient", label, step, _between_gradients(first, second))

    def _number(self, what: str, where: str, figure: str, step: int, *values: float | None) -> None:
        first, second = values
        self._note(what, where, step, [Distance(figure, first, second, distance(first, second))])

    def _note(
        self, what: str, where: str, step: int, distances: Iterable[Distance]
    ) -> Difference | None:
        """Remember the furthest of `distances`, if it is beyond the tolerance."""
        beyond = [one for one in distances if one.relative > self.tolerance]
        if not beyond:
            return None
        telling = [one for one in beyond if not one.fine] or beyond
        figure, here, there, far, _ = max(telling, key=lambda one: one.relative)
        found = Difference(what, where, figure, here, there, far, step, step)
        known = self.differences.get((what, where))
        if known is not None:
            worse = found if found.relative > known.relative else known
            found = replace(worse, since=known.since, steps=known.steps + 1)
        self.differences[what, where] = found
        return found


def _lacking(among: dict[str, OnlyIn], label: str, call: Call, step: int) -> None:
    known = among.get(label)
    among[label] = (
        OnlyIn(label, call.type, step) if known is None else replace(known, steps=known.steps + 1)
    )


def _matched(
    first: Iterable[tuple[str, T]], second: Iterable[tuple[str, T]]
) -> Iterator[tuple[str, T | None, T | None]]:
    """What both call the same, in the first one's order; then what only the second has."""
    here, there = _numbered(first), _numbered(second)
    for name, one in here.items():
        yield name, one, there.get(name)
    for name, one in there.items():
        if name not in here:
            yield name, None, one


def _numbered(items: Iterable[tuple[str, T]]) -> dict[str, T]:
    """By name, with ``(2)`` behind the second of a name."""
    seen: Counter[str] = Counter()
    named = {}
    for name, item in items:
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name} ({seen[name]})"] = item
    return named


def _calls(step: Step) -> Iterator[tuple[str, Call]]:
    for call in step.calls:
        yield call.title, call


def _losses(step: Step) -> Iterator[tuple[str, float]]:
    for update in step.updates:
        for loss in update.losses:
            yield loss.name, loss.value
            for part in loss.parts:
                yield f"{loss.name}: {part.name}", part.value


def _learning_rates(step: Step) -> Iterator[tuple[str, float]]:
    for update in step.updates:
        for optimizer in update.optimizers:
            for rate in optimizer.learning_rates:
                yield optimizer.name, rate


def _parameters(step: Step) -> Iterator[tuple[str, ParameterUpdate]]:
    for update in step.updates:
        for parameter in update.parameters:
            yield parameter.name, parameter


def _between_gradients(first: Call, second: Call) -> Iterator[Distance]:
    here, there = first.gradients, second.gradients
    if len(here) != len(there):
        yield Distance("gradients", len(here), len(there), math.inf)
    for one, other in zip(here, there, strict=False):
        yield from of_stats(one.stats, other.stats)


def _between_updates(
    first: ParameterUpdate | None, second: ParameterUpdate | None
) -> Iterator[Distance]:
    if first is None or second is None:
        here, there = (None if one is None else "moved" for one in (first, second))
        yield Distance("update", here, there, math.inf)
        return
    for name in ("weight_norm", "update_norm"):
        one, other = getattr(first, name), getattr(second, name)
        yield Distance(name, one, other, distance(one, other))
    for found in of_stats(first.gradient, second.gradient):
        yield found._replace(figure=f"gradient {found.figure}")
