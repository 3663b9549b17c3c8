"""A sentence for learners under each row, made of that row's own figures."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.traces import Call, Step, Trace
from ganscope.traces.call import main_output
from ganscope.views import style
from ganscope.views.explanations import shapes, types
from ganscope.views.explanations.context import Context
from ganscope.views.rows import Row


def sentences(trace: Trace, index: int, rows: Sequence[Row]) -> dict[int, str]:
    """Id of a call → its sentence, for the rows of the step with that index.

    Args:
        trace: As it was taken, with the calls that are not shown too.
        index: The step's.
        rows: What is shown of it.
    """
    step = next(step for step in trace.steps if step.index == index)
    explainer = Explainer(trace, step)
    said = {row.call.id: explainer.sentence(row) for row in rows}
    return {identity: sentence for identity, sentence in said.items() if sentence}


_OPEN = ("MultiheadAttention",)
"""Torch's own modules inside which operations are recorded."""


class Explainer:
    """Explains the rows of one step.

    Args:
        trace: The trace, for the networks' roles.
        step: The step with all its calls, also those that are not shown.
    """

    def __init__(self, trace: Trace, step: Step) -> None:
        roles = {network.name: network.role for network in trace.networks}
        self._context = Context(trace.meta.mode, roles, step.calls)
        self._parts: dict[int, dict[str, int]] = {}
        for call in step.calls:
            if call.parent is not None:
                kinds = self._parts.setdefault(call.parent, {})
                kinds[call.kind] = kinds.get(call.kind, 0) + 1

    def sentence(self, row: Row) -> str | None:
        """What a row does; None where its record does not tell."""
        call = row.call
        if row.failed or not call.outputs:
            return None
        said = [self._what(call)]
        if call.parent is None and call.kind == "module":
            role = self._context.role(call)
            said.extend((_noise(call, role), _verdict(call, role)))
        return ". ".join(_capital(words) for words in said if words) + "."

    def _what(self, call: Call) -> str | None:
        # A class of one's own may be called as one of torch's; torch's have no parts to run.
        inside = self._container(call) if call.type not in _OPEN else None
        return inside or types.describe(call, self._context) or types.describe_unknown(call)

    def _container(self, call: Call) -> str | None:
        kinds = self._parts.get(call.id)
        if kinds is None:
            return None
        parts = [
            style.count_of(kinds[kind], noun)
            for kind, noun in (("module", "module"), ("op", "operation"))
            if kind in kinds
        ]
        order = "one after another" if sum(kinds.values()) > 1 else "inside it"
        return f"runs {' and '.join(parts)} {order}"


def _noise(call: Call, role: str) -> str | None:
    """The first input of a generator, if its figures are those of standard normal noise."""
    shape = shapes.first_input(call)
    stats = shapes.input_stats(call)
    made = shapes.first_output(call)
    if role != "generator" or shape is None or len(shape) < 2 or stats is None:
        return None
    if made is None or len(made) != 4 or made[0] != shape[0]:
        return None
    if stats.mean is None or stats.std is None or stats.count < 100:
        return None
    if abs(stats.mean) > 0.2 or abs(stats.std - 1) > 0.2:
        return None
    noun = "row" if len(shape) == 2 else "entry"
    one = shape[0] == 1
    becomes = f"{'its one' if one else 'each'} {noun} of {shapes.in_words(shape[1:])}"
    at_once = "" if one else f", {style.count_of(shape[0], 'image')} at once"
    return (
        f"its input looks like standard normal noise (mean {style.format_number(stats.mean)}, "
        f"standard deviation {style.format_number(stats.std)}); "
        f"{becomes} becomes one image{at_once}"
    )


def _verdict(call: Call, role: str) -> str | None:
    """The output of a discriminator that says one number per image."""
    output = main_output(call)
    shape = output.shape if output else None
    if role != "discriminator" or not shape or shape[1:] not in ((), (1,), (1, 1, 1)):
        return None
    return f"one number per image, {style.count_of(shape[0], 'image')}: how real it looks"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
