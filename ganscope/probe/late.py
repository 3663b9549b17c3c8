"""Gradients that come to calls whose part of the step was finished before they came.

Until a first round of optimizers has been seen, each update may be a step's end, and its calls are
finished as if it were. Images made for the discriminator's update and used again in the
generator's get their gradient only then; so the drafts of such parts are kept until it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganscope.probe.drafts import Draft
from ganscope.probe.finishing import gradients_of
from ganscope.probe.steps import StepDraft
from ganscope.traces import Step


@dataclass(frozen=True, slots=True)
class _Part:
    """What is needed of a finished part: nothing that keeps a network or its weights alive.

    Attributes:
        drafts: Its calls.
        runs: Numbers of the engine's runs, in their order.
        counted: How many of them belong to its updates.
        scales: See `StepDraft.scales`.
    """

    drafts: Sequence[Draft]
    runs: Sequence[int]
    counted: int
    scales: dict[int, float]


class LateGradients:
    """Adds to a step what came to its calls after a part of it had been finished."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def keep(self, part: StepDraft) -> None:
        """A part has been finished that may turn out to be none of its own."""
        for draft in part.drafts:
            draft.key = draft.module = None  # who makes networks anew is done with this one
        runs = [run.ident for run in part.runs]
        counted = sum(run.round in part.stepped for run in part.runs)
        self._parts.append(_Part(part.drafts, runs, counted, part.scales()))

    def forget(self) -> None:
        """It is known where steps end."""
        self._parts.clear()

    def complete(self, step: Step) -> Step:
        """A step made of the last parts, with every gradient of its calls."""
        parts = self._parts_of(step)
        if len(parts) < 2:
            return step
        places: dict[int, int] = {}
        scales: dict[int, float] = {}
        counted = 0
        for part in parts:
            places |= {run: counted + place for place, run in enumerate(part.runs)}
            counted += part.counted
            scales |= part.scales
        drafts = [draft for part in parts for draft in part.drafts]
        calls = tuple(
            replace(call, gradients=gradients_of(draft, places, scales))
            for call, draft in zip(step.calls, drafts, strict=True)
        )
        return replace(step, calls=calls)

    def _parts_of(self, step: Step) -> list[_Part]:
        """The last parts that have as many calls as the step; none where they do not fit."""
        missing, parts = len(step.calls), list[_Part]()
        for part in reversed(self._parts):
            if missing <= 0:
                break
            missing -= len(part.drafts)
            parts.insert(0, part)
        return parts if missing == 0 else []
