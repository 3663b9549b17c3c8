"""Which output of a discriminator is its verdict: one number per image, or a patch map of them."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

from ganscope.traces import Call, Step, TensorRecord, TensorStats

_LABELLED = ("bce", "binarycrossentropy")
"""Beginnings of the names of losses that hold verdicts against labels."""
_SQUARED = ("mse", "smoothl1", "huber")
"""Those that do so where what they hold them against is one and the same number."""
_HINGES = ("relu", "clamp", "softplus", "logsigmoid", "minimum", "min")
_SHIFTS = {"add", "sub", "rsub", "mul", "neg"}
"""Operations that make of a verdict what a hinge is taken of."""
_OVER_CLASSES = {"softmax", "logsoftmax"}
_OF_CLASSES = ("crossentropy", "nllloss")
"""Beginnings of the names of losses that take numbers for several classes each."""


def verdict_places(step: Step, calls: Sequence[Call]) -> dict[int, int]:
    """Id of each call → the place among its outputs where its verdict stands.

    Where several outputs hold one number per image, the verdict is the one that a loss held
    against labels. A call that is not listed gave no verdict that can be told.

    Args:
        step: The step.
        calls: Outermost calls of discriminators.
    """
    alike: dict[tuple[str, int], list[Call]] = {}
    for call in calls:
        alike.setdefault((call.network, len(call.outputs)), []).append(call)
    classes = _over_classes(step)
    found: dict[int, int] = {}
    for same in alike.values():
        common = set.intersection(*(_candidates(call, classes) for call in same))
        if len(common) > 1:
            common = {place for place in common if _is_held_to_labels(step, same, place)}
        if len(common) == 1:
            found.update(dict.fromkeys((call.id for call in same), common.pop()))
    return found


def _candidates(call: Call, classes: Container[TensorStats | None]) -> set[int]:
    """The places of the outputs that can be a verdict."""
    tensors = [place for place, record in enumerate(call.outputs) if record.shape is not None]
    told = {place for place in tensors if _can_judge(call, call.outputs[place], classes)}
    if len(tensors) < 2:
        return told  # whatever its shape: a mean over the batch, say
    return {place for place in told if _is_per_image(call, call.outputs[place])}


def _can_judge(call: Call, record: TensorRecord, classes: Container[TensorStats | None]) -> bool:
    """Whether an output is neither an image, as an autoencoder brings it out, nor shares of
    classes, whose mean is the same whatever is said."""
    each = _per_image(record)
    if each <= 1:
        return True
    is_image = any(
        _per_image(given) == each and given.shape[:1] == (record.shape or ())[:1]
        for given in call.inputs
        if given.shape
    )
    return not is_image and record.stats not in classes


def _is_per_image(call: Call, record: TensorRecord) -> bool:
    """Whether an output has the shape B, B × 1, or B × 1 × h × w of a patch map (B × 1 × t of
    sounds)."""
    shape, batch = record.shape or (), _batch(call)
    is_float = "float" in (record.dtype or "")
    return is_float and bool(shape) and shape[:1] == batch and shape[1:2] in ((), (1,))


def _batch(call: Call) -> tuple[int, ...]:
    return next((record.shape[:1] for record in call.inputs if record.shape), ())


def _per_image(record: TensorRecord) -> int:
    """How many numbers stand for each row of the batch."""
    return math.prod((record.shape or ())[1:])


def _over_classes(step: Step) -> list[TensorStats]:
    """The figures of what are shares of classes, or logits of such."""
    found = []
    for call in step.calls:
        name = _plain(call.type)
        if name in _OVER_CLASSES:
            found += [record.stats for record in call.outputs]
        elif name.startswith(_OF_CLASSES):
            found += [record.stats for record in call.inputs[:1]]
    return [stats for stats in found if stats is not None]


def _is_held_to_labels(step: Step, calls: Sequence[Call], place: int) -> bool:
    """Whether a loss held any of these outputs against labels, or took a hinge of it.

    What is reshaped on the way keeps its figures, by which it is known again.
    """
    known = [call.outputs[place].stats for call in calls]
    known = [stats for stats in known if stats is not None]
    own = {call.network for call in calls}
    shifted: list[TensorStats] = []
    for call in step.calls:
        if call.network in own or not call.inputs:
            continue
        given = call.inputs[0].stats
        if given in known and _is_labelled(call):
            return True
        if (given in known or given in shifted) and _plain(call.type).startswith(_HINGES):
            return True
        if any(record.stats in known for record in call.inputs) and call.type in _SHIFTS:
            shifted += [record.stats for record in call.outputs if record.stats is not None]
    return False


def _is_labelled(call: Call) -> bool:
    name = _plain(call.type)
    if name.startswith(_LABELLED):
        return True
    target = call.inputs[1].stats if len(call.inputs) > 1 else None
    is_one_number = target is not None and target.min is not None and target.min == target.max
    return name.startswith(_SQUARED) and is_one_number


def _plain(name: str) -> str:
    return name.lower().replace("_", "")
