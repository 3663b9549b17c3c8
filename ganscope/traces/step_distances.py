"""How far what happened in two steps is apart, beside the tensors of their calls.

What is counted, and what is a word, is the same or not: no tolerance passes over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from ganscope.traces import matching
from ganscope.traces.call import Call
from ganscope.traces.distances import Distance, Figure, distance, of_stats
from ganscope.traces.matching import Ran, Stepped, matched
from ganscope.traces.step import BufferChange, ParameterUpdate, Step
from ganscope.traces.trace import Failure


def exactly(figure: str, first: Figure, second: Figure) -> Distance:
    """Between what is the same or not."""
    return Distance(figure, first, second, 0.0 if first == second else math.inf)


def between(first: Step, second: Step) -> Iterator[tuple[str, str, Iterable[Distance]]]:
    """What is compared of two steps beside calls and losses, its name, and how far it is apart."""
    for name, stepped, other in matched(matching.optimizers(first), matching.optimizers(second)):
        yield "optimizer", name, _of_optimizers(stepped, other)
    for name, moved, other_moved in matched(
        matching.parameters(first), matching.parameters(second)
    ):
        yield "update", name, _of_parameters(moved, other_moved)
    for name, changed, other_changed in matched(matching.buffers(first), matching.buffers(second)):
        yield "buffer", name, _of_buffers(changed, other_changed)
    for name, moved_outside, other_outside in matched(
        matching.changed_outside(first), matching.changed_outside(second)
    ):
        yield "weight", name, [_lacking("changed_outside", "changed", moved_outside, other_outside)]
    for name, ran, other_ran in matched(matching.backwards(first), matching.backwards(second)):
        yield "backward", name, _of_backwards(ran, other_ran)
    for name, fates, other_fates in matched(matching.ledger(first), matching.ledger(second)):
        yield "ledger", name, _of_counts(fates or {}, other_fates or {})


def of_calls(first: Call, second: Call) -> Iterator[Distance]:
    """Between two calls themselves."""
    for name in ("type", "parameters"):
        yield exactly(name, getattr(first, name), getattr(second, name))


def of_labels(first: Call, second: Call) -> Iterator[Distance]:
    """Between what two calls were for."""
    for name in ("update", "purpose"):
        yield exactly(name, getattr(first, name), getattr(second, name))
    if None not in (first.mode, second.mode):  # one that does not tell may have been in either
        yield exactly("mode", first.mode, second.mode)


def of_gradients(first: Call, second: Call) -> Iterator[Distance]:
    """Between the gradients that arrived at the outputs of two calls."""
    here, there = first.gradients, second.gradients
    yield exactly("gradients", len(here), len(there))
    for one, other in zip(here, there, strict=False):
        yield from of_stats(one.stats, other.stats)


def of_failures(
    first: Failure | None, second: Failure | None, *, with_step: bool
) -> Iterator[Distance]:
    """Between how two traces ended."""
    if first is None or second is None:
        here, there = (None if one is None else one.message for one in (first, second))
        yield exactly("failure", here, there)
        return
    names = ("message", "expected", "got", "update")
    for name in (*names, "step") if with_step else names:
        yield exactly(name, getattr(first, name), getattr(second, name))


def _of_optimizers(first: Stepped | None, second: Stepped | None) -> Iterator[Distance]:
    if first is None or second is None:
        yield _lacking("optimizer", "stepped", first, second)
        return
    here, there = first.optimizer, second.optimizer
    yield exactly("type", here.type, there.type)
    yield exactly("networks", ", ".join(first.networks), ", ".join(second.networks))
    scales = first.gradient_scale, second.gradient_scale
    yield Distance("gradient_scale", *scales, distance(*scales))
    rates, others = here.learning_rates, there.learning_rates
    yield exactly("learning_rates", len(rates), len(others))
    for place, (rate, other) in enumerate(zip(rates, others, strict=False)):
        figure = f"learning_rate {place}" if len(rates) > 1 else "learning_rate"
        yield Distance(figure, rate, other, distance(rate, other))
    if here.holds and there.holds:  # one that does not tell may have had the same
        for name in ("betas", "momentum", "weight_decay"):
            yield exactly(name, *(_listed(getattr(each, name)) for each in (here, there)))
        count, other_count = (f"{len(each.holds)} parameters" for each in (here, there))
        far = 0.0 if here.holds == there.holds else math.inf
        yield Distance("holds", count, other_count, far)


def _of_parameters(
    first: ParameterUpdate | None, second: ParameterUpdate | None
) -> Iterator[Distance]:
    if first is None or second is None:
        yield _lacking("update", "moved", first, second)
        return
    yield exactly("optimizer", first.optimizer, second.optimizer)
    for name in ("weight_norm", "update_norm"):
        one, other = getattr(first, name), getattr(second, name)
        yield Distance(name, one, other, distance(one, other))
    if None not in (first.dtype, second.dtype):  # one that does not tell knows of none of these
        yield exactly("dtype", first.dtype, second.dtype)
        yield from _of_facts(first, second)
    for found in of_stats(first.gradient, second.gradient):
        yield found._replace(figure=f"gradient {found.figure}")


def _of_facts(first: ParameterUpdate, second: ParameterUpdate) -> Iterator[Distance]:
    """Between the extremes of a weight, relative to their own size, and what was clipped."""
    scale = max(map(_largest, (first, second)))
    for name in ("weight_min", "weight_max"):
        here, there = getattr(first, name) or (None, None), getattr(second, name) or (None, None)
        for when, one, other in zip(("before", "after"), here, there, strict=True):
            yield Distance(f"{name} {when}", one, other, distance(one, other, scale), fine=True)
    clipped = first.clipped_from, second.clipped_from
    yield Distance("clipped_from", *clipped, distance(*clipped))


def _largest(update: ParameterUpdate) -> float:
    """The largest magnitude of the weight; 0.0 where it is not known."""
    pairs = (update.weight_min or (), update.weight_max or ())
    sizes = [abs(value) for pair in pairs for value in pair if value is not None]
    return max((size for size in sizes if math.isfinite(size)), default=0.0)


def _of_buffers(first: BufferChange | None, second: BufferChange | None) -> Iterator[Distance]:
    if first is None or second is None:
        yield _lacking("buffer", "changed", first, second)
        return
    for name in ("norm_before", "change_norm"):
        one, other = getattr(first, name), getattr(second, name)
        yield Distance(name, one, other, distance(one, other))


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))


def _of_backwards(first: Ran | None, second: Ran | None) -> Iterator[Distance]:
    if first is None or second is None:
        yield _lacking("backward", "ran", first, second)
        return
    here, there = first.run, second.run
    yield exactly("kind", here.kind, there.kind)
    for found in _of_counts(here.reached, there.reached):
        yield found._replace(figure=f"reached {found.figure}")
    for name in ("create_graph", "retain_graph"):
        followed = getattr(here, name), getattr(there, name)
        if None not in followed:  # one that does not tell may have been either
            yield exactly(name, *map(str, followed))
    yield exactly("update", first.update, second.update)


def _of_counts(first: Mapping[str, int], second: Mapping[str, int]) -> Iterator[Distance]:
    for name in dict.fromkeys((*first, *second)):
        yield exactly(name, first.get(name), second.get(name))


def _lacking(figure: str, word: str, first: object, second: object) -> Distance:
    """Of what only one of both has."""
    here, there = (None if one is None else word for one in (first, second))
    return exactly(figure, here, there)
