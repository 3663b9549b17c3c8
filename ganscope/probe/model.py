"""One forward of a model, observed, that leaves no mark on it."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch
from torch import nn

from ganscope.probe import modules, patches
from ganscope.probe.calls import CallLog
from ganscope.probe.circumstances import meta
from ganscope.probe.observer import Observer
from ganscope.probe.state import ModelState, RandomState
from ganscope.probe.tensors import TensorObserver
from ganscope.traces import Interval, Network, Trace, Update
from ganscope.traces.interval import step_of

Mode = Literal["train", "eval"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which conditions a forward runs.

    Attributes:
        mode: ``train`` or ``eval``; None leaves every module's flag as it is.
        grad: Whether autograd follows the forward.
        seed: Seeds torch's random numbers for the forward (dropout and the like); None
            draws on where they stand. They are put back afterwards either way.
        samples: Whether real values are kept for the pictures.
        role: The network's role, where it is known.
        command: What took the trace.
        notes: What to say beside what the observer notes.
    """

    mode: Mode | None = None
    grad: bool = False
    seed: int | None = None
    samples: bool = True
    role: str = "unknown"
    command: str = "ganscope.trace"
    notes: tuple[str, ...] = ()


def observe(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str = "model",
    conditions: Conditions | None = None,
) -> tuple[Trace, BaseException | None]:
    """Run ``model(*args, **kwargs)`` once and record it.

    Buffers, flags, attributes and random state are afterwards what they were before. An
    exception of the model's own does not come through: the trace then holds the failure.

    Args:
        model: Any module, wrapped or not.
        args: Its positional inputs.
        kwargs: Its keyword inputs.
        name: What to call the network.
        conditions: How to run it.

    Returns:
        The trace, and the exception that ended the forward, if one did.

    Raises:
        ObserverError: If another observer is at work.
    """
    Observer.refuse_second()
    conditions = conditions or Conditions()
    parts, copied = list(model.named_modules()), False
    if modules.is_lazy(parts):
        model, copied = _copied(model)
        parts = list(model.named_modules())
    random_state, model_state = RandomState(), ModelState(parts)
    mode = conditions.mode or modules.mode_of(parts)
    network, wrapper = modules.unwrap(model)
    inner = parts if wrapper is None else list(network.named_modules())
    log = CallLog(modules.Paths(inner, name), TensorObserver(keep_samples=conditions.samples))
    observer = Observer(log)
    try:
        _set_up(model, conditions)
        with _without_collections():
            with (
                patches.patched(parts, observer),
                torch.set_grad_enabled(conditions.grad),
                observer,
            ):
                error = _forward(model, args, kwargs or {})
            failure = None if error is None else observer.describe(error)
            calls = observer.finish()
        size = calls[0].parameters if calls else 0
        network_noun = Network(name, type(network).__name__, conditions.role, size, wrapper)
    finally:
        random_state.restore()
        lost, changed = model_state.restore()
    notes = (*conditions.notes, *_notes(observer), *lost, *(() if copied else changed))
    complete = not (observer.faults or observer.elsewhere or lost)
    head = meta(
        conditions.command,
        device=_device_of(inner),
        seed=conditions.seed,
        mode=mode,
        notes=notes,
        complete=complete,
    )
    fed = tuple(call.id for call in calls)
    step = step_of(0, [Interval(id=0, calls=calls, update=Update(0), fed=fed)])
    return Trace(head, (network_noun,), (step,), failure), error


def _copied(model: nn.Module) -> tuple[nn.Module, bool]:
    """A copy of a lazy model, whose first call makes its weights for good, if it can be copied."""
    # torch cannot copy a lazy buffer; one without values is as good as any other.
    memo = {
        id(buffer): nn.parameter.UninitializedBuffer(device=buffer.device, dtype=buffer.dtype)  # type: ignore[call-arg]
        for part in model.modules()
        for buffer in part._buffers.values()
        if isinstance(buffer, nn.parameter.UninitializedBuffer)
    }
    try:
        return copy.deepcopy(model, memo), True
    except Exception:  # something beside its tensors that cannot be copied, such as a lock
        return model, False


def _set_up(model: nn.Module, conditions: Conditions) -> None:
    if conditions.mode is not None:
        model.train(conditions.mode == "train")
    if conditions.seed is not None:
        torch.manual_seed(conditions.seed)
    _warm_up()


@contextmanager
def _without_collections() -> Iterator[None]:
    """Put Python's collector off: it would look through every draft, only to keep it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _forward(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> BaseException | None:
    """Run the model; returns the exception that ended it, if one did."""
    try:
        model(*args, **kwargs)
    except Exception as error:
        return error
    return None


@cache
def _warm_up() -> None:
    """Start torch's threads, so that the first layer is not charged for them."""
    torch.mm(torch.ones(32, 32), torch.ones(32, 32))


def _notes(observer: Observer) -> list[str]:
    notes = [*observer.log.remarks, *observer.faults]
    if observer.elsewhere:
        notes.append(f"{observer.elsewhere} calls on other threads were not seen")
    return notes


def _device_of(parts: modules.Parts) -> str:
    """Where the first parameter or buffer lives."""
    for _, part in parts:
        for tensor in (*part._parameters.values(), *part._buffers.values()):
            if tensor is not None:
                return "cpu" if tensor.is_cpu else str(tensor.device)
    return "cpu"
