"""What ``import ganscope`` offers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from torch import nn

from ganscope.errors import InputError
from ganscope.probe import names
from ganscope.probe.model import Conditions, Mode, observe
from ganscope.probe.recording import Recording
from ganscope.probe.selection import Selection
from ganscope.records import Trace
from ganscope.subjects.inference import infer, takes_input


def trace(
    model: nn.Module,
    *inputs: Any,
    mode: Mode | None = None,
    grad: bool = False,
    seed: int | None = None,
    samples: bool = True,
    **keyword_inputs: Any,
) -> Trace:
    """Run one forward of `model` and return what every layer did.

    The model is left as it was: buffers, train and eval flags, attributes, hooks and random
    state. Nothing keeps a tensor alive.

    Args:
        model: Any module.
        *inputs: What its forward takes. Without any, one standard-normal batch of 64 whose
            shape the first layer gives away.
        mode: ``"train"`` or ``"eval"``; None traces the model as it stands.
        grad: Whether autograd follows the forward.
        seed: Seed of the random numbers drawn inside the forward (dropout and the like).
        samples: Whether to keep some real values of each tensor for the pictures.
        **keyword_inputs: Keyword inputs of its forward.

    Returns:
        The trace. If the forward failed, `Trace.failure` says where and why, and the calls
        up to there are in it.

    Raises:
        InputError: If `model` is no module, or inputs are missing and cannot be inferred.
        ObserverError: If another observer is at work.
    """
    if not isinstance(model, nn.Module):
        raise InputError(
            f"trace() takes a torch.nn.Module, not a {type(model).__name__}"
            + ("; make an instance of the class first" if isinstance(model, type) else "")
        )
    name = names.argument_name(sys._getframe(1), model) or "model"
    notes: tuple[str, ...] = ()
    if not inputs and not keyword_inputs and takes_input(model):
        inferred = infer(model, batch=64, seed=0 if seed is None else seed)
        inputs, notes = (inferred.tensor,), (inferred.note,)
    conditions = Conditions(mode=mode, grad=grad, seed=seed, samples=samples, notes=notes)
    result, _ = observe(model, inputs, keyword_inputs, name=name, conditions=conditions)
    return result


def record(
    path: str | Path | None = None,
    *,
    after: int = 0,
    every: int = 1,
    steps: int | None = None,
    samples: bool = False,
    force: bool = False,
) -> Recording:
    """Record the training loop that runs inside ``with ganscope.record("run.gscope"):``.

    Any loop: networks, optimizers and losses are called what they are called there, and steps
    are told from the order in which optimizers step.

    Args:
        path: The file to write; None keeps the recording in a temporary file.
        after: Leave so many steps out first.
        every: From there on record every so many-th step, the first one included. Between
            recorded steps nothing stays hooked that costs time.
        steps: Stop after so many recorded steps; the loop goes on unobserved. Where it is told only
            from the next update that a step has ended, it stops there.
        samples: Whether to keep some real values of each tensor for the pictures.
        force: Whether to replace a file that is there.

    Returns:
        A context manager. Its `trace` holds what was recorded so far; its `next_step()` says
        where a step ends, for loops in which that cannot be told from outside: call it once in
        each turn, and a turn in which nothing runs has its number, too, but no place in the file.

    Raises:
        InputError: `after`, `every` or `steps` is no number of steps, or too small a one.
        OutputError: The file exists and `force` is not given, or it cannot be written.
        ObserverError: Another observer is at work.
    """
    return Recording(path, Selection(after, every, steps), samples=samples, force=force)
