"""What differs between two traces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ganscope.traces import matching, step_distances
from ganscope.traces.call import Call
from ganscope.traces.comparison import Comparison, Difference, FirstCall, OnlyIn
from ganscope.traces.distances import Distance, distance, of_records
from ganscope.traces.matching import matched
from ganscope.traces.recorded import indices_of
from ganscope.traces.step import Step
from ganscope.traces.tensor import TensorRecord
from ganscope.traces.trace import Failure, Meta, Trace

_CIRCUMSTANCES = ("ganscope", "torch", "python", "seed", "device", "threads", "mode")


def compare(first: Trace, second: Trace, *, tolerance: float = 0.0) -> Comparison:
    """What differs between two traces, step by step; each step is read once.

    Steps are matched by their index, unless each trace has a single one: these are compared
    whatever their index. Calls are matched by path and nth call, losses, backward runs,
    optimizers and parameters by name. Times, places in the code and kept samples are not compared.

    Args:
        first: One trace.
        second: The other.
        tolerance: Relative difference up to which two figures are equal; 0 is exact.
    """
    pairs, only_first, only_second = _pair(first.steps, second.steps)
    findings = _Findings(tolerance)
    for place, other in pairs:
        findings.add(first.steps[place], second.steps[other])
    alone = len(first.steps) == 1 == len(second.steps)
    findings.failures(first.failure, second.failure, alone=alone)
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
        told = _Told()
        for label, call, other in matched(matching.calls(first), matching.calls(second)):
            if call is not None and other is not None:
                self.calls += 1
                self._call(index, label, (call, other), told)
            elif call is not None:
                _lacking(self.only_first, label, call, index)
            elif other is not None:
                _lacking(self.only_second, label, other, index)
        for name, value, other_value in matched(matching.losses(first), matching.losses(second)):
            far = Distance("value", value, other_value, distance(value, other_value))
            self._note("loss", name, index, [far])
        for what, where, distances in step_distances.between(first, second):
            self._note(what, where, index, distances)

    def failures(self, first: Failure | None, second: Failure | None, *, alone: bool) -> None:
        """Compare how the traces ended; two steps `alone` need not have the same index."""
        failed = first or second
        if failed is not None:
            found = step_distances.of_failures(first, second, with_step=not alone)
            self._note("failure", f"step {failed.step}", failed.step, found)

    def _call(self, step: int, label: str, calls: tuple[Call, Call], told: _Told) -> None:
        first, second = calls
        inputs = self._records("input", (first.inputs, second.inputs), told)
        outputs = self._records("output", (first.outputs, second.outputs), told)
        for what, distances in (("input", inputs), ("output", outputs)):
            found = self._note(what, label, step, distances)
            if found is not None and self.first_call is None:
                self.first_call = FirstCall(step, label, first.type, first.site, found)
        itself = step_distances.of_calls(first, second)
        labels = told.anew(step_distances.of_labels(first, second))
        self._note("call", label, step, (*itself, *labels))
        self._note("gradient", label, step, step_distances.of_gradients(first, second))

    def _records(
        self, what: str, both: tuple[Sequence[TensorRecord], Sequence[TensorRecord]], told: _Told
    ) -> list[Distance]:
        """Between the tensors that went into a call, or came out; inputs that were told of, as
        the output of an earlier call or as another's input, are passed over."""
        first, second = both
        found = [step_distances.exactly(f"{what}s", len(first), len(second))]
        several = max(len(first), len(second)) > 1
        for place, (one, other) in enumerate(zip(first, second, strict=False)):
            beyond = [each for each in of_records(one, other) if each.relative > self.tolerance]
            if not beyond:
                continue
            follows = told.pair(one, other)
            if follows and what == "input":
                continue
            which = f"{what} {place} " if several else ""
            found += [each._replace(figure=which + each.figure) for each in beyond]
        return found

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


class _Told:
    """What was told of in a step, so that nothing that follows from it is told again."""

    def __init__(self) -> None:
        self._pairs: set[tuple[int, int]] = set()
        self._changes: set[Distance] = set()

    def pair(self, first: TensorRecord, second: TensorRecord) -> bool:
        """Whether these two tensors, or those that they are views of, were met as differing
        before; from now on they were."""
        pairs = set(_pairs(first, second))
        met = not self._pairs.isdisjoint(pairs)
        self._pairs |= pairs
        return met

    def anew(self, distances: Iterable[Distance]) -> list[Distance]:
        """What differs in a call and did not differ in the same way in an earlier one.

        Where an update became another one, its first call is told of, and not each of its calls.
        """
        found = [one for one in distances if one.relative and one not in self._changes]
        self._changes.update(found)
        return found


def _pairs(first: TensorRecord, second: TensorRecord) -> Iterator[tuple[int, int]]:
    for here, there in ((first.id, second.id), (first.alias_of, second.alias_of)):
        if here is not None and there is not None:
            yield here, there
