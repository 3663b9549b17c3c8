"""What a discriminator's outputs are drawn toward.

Concluded from the labels that cross entropies took, by identity, and from the signs of gradients.
Where an output meets several labels, or is drawn both ways, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ganscope.analysis.forwards import Forward
from ganscope.analysis.step import StepAnalysis
from ganscope.traces import Call, TensorRecord, TensorStats, Update

_CROSS_ENTROPIES = ("bce", "binarycrossentropy")


def is_cross_entropy(call: Call) -> bool:
    """Whether a call is one of a binary cross entropy, by the name of what was called."""
    return call.type.lower().replace("_", "").startswith(_CROSS_ENTROPIES)


def label_of(analysis: StepAnalysis, update: Update, forwards: Iterable[Forward]) -> float | None:
    """The label that cross entropies of an update held against outputs, where there is only one.

    Args:
        analysis: The step.
        update: Whose cross entropies.
        forwards: The discriminators' calls.

    Returns:
        None where there was no cross entropy, or the labels of an output are not all alike.
    """
    asked = {forward.call.id for forward in forwards}
    found = {answer: value for answer, value in _labels(analysis, update) if answer in asked}
    values = set(found.values())
    return values.pop() if len(values) == 1 and asked == found.keys() else None


def _labels(analysis: StepAnalysis, update: Update) -> Iterator[tuple[int, float | None]]:
    """Id of each call whose output alone went into a cross entropy, with its label."""
    flow = analysis.flow
    for call in flow.outside:
        if call.update != update.index or not is_cross_entropy(call) or len(call.inputs) < 2:
            continue
        answers = {each.id for each in flow.networks_behind(call)}
        if len(answers) == 1 and not _is_of_others(analysis, call, min(answers)):
            yield answers.pop(), _constant(call.inputs[1])


def _is_of_others(analysis: StepAnalysis, call: Call, answer: int) -> bool:
    """Whether a cross entropy took another output than D(x), such as classes."""
    forward = analysis.owners.get(answer)
    if forward is None or forward.output_index is None:
        return False
    taken = analysis.flow.values_from(call, 0)
    return taken is not None and taken.call == answer and taken.index != forward.output_index


def _constant(record: TensorRecord) -> float | None:
    """The value of a tensor all of whose values are equal."""
    figures = record.stats
    if figures is None or figures.mean is None or figures.min != figures.max:
        return None
    return _rounded(figures.mean)


def _rounded(value: float) -> float:
    """Without what single precision adds to 0.9."""
    return float(f"{value:.6g}")


def pulls(update: Update, forwards: Sequence[Forward]) -> int:
    """Where an update's losses draw D(x): 1 up, -1 down, 0 where that is not known.

    A loss falls against its gradient, so outputs whose gradients are negative go up. Where some
    are drawn up and others down, no direction is known.

    Args:
        update: Whose losses.
        forwards: The discriminators' calls.
    """
    runs = {run.id for run in update.backwards if run.kind == "backward"}
    signs = {_sign(forward, runs) for forward in forwards}
    return signs.pop() if len(signs) == 1 else 0


def _sign(forward: Forward, runs: set[int]) -> int:
    figures = [
        gradient.stats
        for gradient in forward.call.gradients
        if gradient.backward in runs and gradient.output == forward.output_index
    ]
    signs = {_common_sign(stats) for stats in figures}
    return -signs.pop() if len(signs) == 1 else 0


def _common_sign(stats: TensorStats | None) -> int:
    """The sign of values that have but one, whether some of them are 0 or not."""
    if stats is None or stats.min is None or stats.max is None or stats.min == stats.max == 0:
        return 0
    return 1 if stats.min >= 0 else -1 if stats.max <= 0 else 0
