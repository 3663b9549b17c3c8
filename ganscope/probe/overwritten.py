"""The classic failure of a GAN's loop: a backward that needs weights as they were before a step.

Autograd keeps a weight for the backward by reference, with its version. An optimizer that steps
in between changes the weight in place, and the backward refuses. Its message tells a shape and
two versions; which weight, and who changed it, is known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ganscope.probe import sites
from ganscope.probe.gradients import Run
from ganscope.probe.networks import Owner
from ganscope.probe.updates import Stepped
from ganscope.traces import Failure
from ganscope.traces.tensor import sides_of

_MESSAGE = re.compile(
    r"modified by an inplace operation: \[\S* ?\[([\d, ]*)\]\].* is at version (\d+); "
    r"expected version (\d+)"
)
_MOST = 3


class Steppers:
    """Remembers which optimizer stepped on which weights last, and where."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, sites.Place | None]] = {}

    def stepped(self, stepped: Stepped, place: sites.Place | None) -> None:
        """An optimizer steps at `place`."""
        for draft in stepped.parameters:
            if draft.gradient is not None:
                self._last[draft.name] = (stepped.optimizer.name, place)

    def explain(
        self,
        failure: Failure,
        parameters: Sequence[tuple[Tensor, Owner]],
        runs: Sequence[Run],
    ) -> Failure:
        """`failure` with the weight, the step that changed it and the backward that needed it.

        Args:
            failure: What ended the loop.
            parameters: All that networks own.
            runs: The backward engine's runs in this step, the failed one last.
        """
        found = _MESSAGE.search(failure.message)
        if found is None:
            return failure
        told = [int(side) for side in found[1].split(",") if side.strip()]
        changed = [
            (name, tuple(parameter.shape))
            for parameter, (_, name) in parameters
            if _fits(parameter, told, int(found[2])) and name in self._last
        ]
        if not changed:
            return failure
        stepper = self._last[changed[0][0]]
        same = [(name, sides) for name, sides in changed if self._last[name] == stepper]
        words = " or ".join(
            f"{name} ({sides_of(sides, scalar='a scalar')})" for name, sides in same[:_MOST]
        )
        words += f" or one of {len(same) - _MOST} more" if len(same) > _MOST else ""
        backward = backward_text(runs)
        optimizer, place = stepper
        where = f" ({Path(place[0]).name}:{place[1]})" if place else ""
        return replace(
            failure,
            got=f"{words} after {optimizer}.step(){where} had changed it",
            expected=(
                f"that weight as it was in the forward: run the forward again after "
                f"{optimizer}.step(), and {backward} on what that gives"
            ),
        )


def _fits(parameter: Tensor, shape: list[int], version: int) -> bool:
    """Whether the message may be about `parameter`, or about its transpose."""
    own = list(parameter.shape)
    return parameter._version == version and shape in (own, own[::-1])


def backward_text(runs: Sequence[Run]) -> str:
    """The call of the engine's last run, as a user would write it."""
    return called_on(runs[-1].name, runs[-1].kind) if runs else "the backward"


def called_on(name: str | None, kind: str) -> str:
    """A call of the backward engine, as a user would write it."""
    name = name or "the loss"
    return f"{name}.backward()" if kind == "backward" else f"autograd.grad of {name}"
