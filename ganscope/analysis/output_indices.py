"""Which output of a discriminator is D(x): one number per image, or a patch map of them.

Concluded from the shapes of outputs and from the losses that took them, by identity. Of a
discriminator with several such outputs none of which is held against labels nothing is said, nor
of one that outputs images or classes.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

from ganscope.analysis.outermost import OutermostFlow
from ganscope.traces import Call, TensorRecord

Output = tuple[int, int]
"""Id of a call, and which of its outputs."""

_LABELLED = ("bce", "binarycrossentropy")
"""Beginnings of the names of losses that hold outputs against labels."""
_SQUARED = ("mse", "smoothl1", "huber")
"""Those that do so where what they hold them against is one and the same number."""
_HINGES = ("relu", "clamp", "softplus", "logsigmoid", "minimum", "min")
_SHIFTS = {"add", "sub", "rsub", "mul", "neg"}
"""Operations that make of an output what a hinge is taken of."""
_OVER_CLASSES = {"softmax", "logsoftmax"}
_OF_CLASSES = ("crossentropy", "nllloss")
"""Beginnings of the names of losses that take numbers for several classes each."""


def output_indices(flow: OutermostFlow, calls: Sequence[Call]) -> dict[int, int]:
    """Id of each call → which of its outputs is D(x).

    Where several outputs contain one number per image, it is the one that a loss held against
    labels. A call that is not listed has no output that is known to be D(x).

    Args:
        flow: The outermost calls of the step.
        calls: Those of discriminators.
    """
    alike: dict[tuple[str, int], list[Call]] = {}
    for call in calls:
        alike.setdefault((call.network, len(call.outputs)), []).append(call)
    classes = _over_classes(flow)
    found: dict[int, int] = {}
    for same in alike.values():
        common = set.intersection(*(_candidates(call, classes) for call in same))
        if len(common) > 1:
            common = {index for index in common if _is_held_to_labels(flow, same, index)}
        if len(common) == 1:
            found.update(dict.fromkeys((call.id for call in same), common.pop()))
    return found


def _candidates(call: Call, classes: Container[Output]) -> set[int]:
    """The outputs that can be D(x)."""
    tensors = [index for index, record in enumerate(call.outputs) if record.shape is not None]
    found = {index for index in tensors if _can_judge(call, index, classes)}
    if len(tensors) < 2:
        return found  # whatever its shape: a mean over the batch, say
    return {index for index in found if _is_per_image(call, call.outputs[index])}


def _can_judge(call: Call, index: int, classes: Container[Output]) -> bool:
    """Whether an output is neither an image, as an autoencoder outputs it, nor shares of classes,
    whose mean is the same whatever is shown."""
    record = call.outputs[index]
    each = _per_image(record)
    if each <= 1:
        return True
    is_image = any(
        _per_image(given) == each and given.shape[:1] == (record.shape or ())[:1]
        for given in call.inputs
        if given.shape
    )
    return not is_image and (call.id, index) not in classes


def _is_per_image(call: Call, record: TensorRecord) -> bool:
    """Whether an output has the shape B, B × 1, or B × 1 × h × w of a patch map (B × 1 × t of
    sounds)."""
    shape, batch = record.shape or (), _batch(call)
    is_float = "float" in (record.dtype or "")
    return is_float and bool(shape) and shape[:1] == batch and shape[1:2] in ((), (1,))


def _batch(call: Call) -> tuple[int, ...]:
    return next((record.shape[:1] for record in call.inputs if record.shape), ())


def _per_image(record: TensorRecord) -> int:
    """How many numbers there are for each row of the batch."""
    return math.prod((record.shape or ())[1:])


def _over_classes(flow: OutermostFlow) -> set[Output]:
    """Outputs that are shares of classes, or logits of such."""
    found: set[Output] = set()
    for call in flow.calls.values():
        name = _plain(call.type)
        if name in _OVER_CLASSES and call.outputs:
            found.update(flow.handed_out(call))
        elif name.startswith(_OF_CLASSES) and call.inputs:
            origin = flow.values_from(call, 0)
            found.update(() if origin is None else {(origin.call, origin.index)})
    return found


def _is_held_to_labels(flow: OutermostFlow, calls: Sequence[Call], index: int) -> bool:
    """Whether a loss held any of these outputs against labels, or took a hinge of it."""
    known: set[Output] = {(call.id, index) for call in calls}
    own = {call.network for call in calls}
    shifted: set[Output] = set()
    for call in flow.calls.values():
        if call.network in own or not call.inputs:
            continue
        given = [_taken(flow, call, place) for place in range(len(call.inputs))]
        if given[0] in known and _is_labelled(call):
            return True
        if given[0] in known | shifted and _plain(call.type).startswith(_HINGES):
            return True
        if call.type in _SHIFTS and not known.isdisjoint(given):
            shifted.add((call.id, 0))
    return False


def _taken(flow: OutermostFlow, call: Call, index: int) -> Output | None:
    """The output whose values a call took."""
    origin = flow.values_from(call, index)
    return None if origin is None else (origin.call, origin.index)


def _is_labelled(call: Call) -> bool:
    name = _plain(call.type)
    if name.startswith(_LABELLED):
        return True
    target = call.inputs[1].stats if len(call.inputs) > 1 else None
    is_one_number = target is not None and target.min is not None and target.min == target.max
    return name.startswith(_SQUARED) and is_one_number


def _plain(name: str) -> str:
    return name.lower().replace("_", "")
