"""What torch gives no hook for in a training loop, patched for the time of a recorded step.

``torch.autograd._engine_run_backward``
    Every run of the backward engine goes through it: ``loss.backward()``,
    ``torch.autograd.backward`` and ``torch.autograd.grad``, however they were imported.

``torch.amp.GradScaler.step``
    On an overflow it steps no optimizer, and the update ends all the same. This one stays between
    recorded steps, or the rounds of optimizers would be counted wrong there.

``torch.optim.Optimizer._patch_step_function``
    It runs where an optimizer is made or copied, before any code that may warn or fail: no frame of
    ours stands around those. Like the next one it stays between recorded steps.

``torch.optim.Optimizer.zero_grad``
    By it an optimizer that was made before the recording, and never steps, is known.

``torch.amp.GradScaler.scale``
    Which runs of the engine carry its factor is known by what they run on.

``_BaseDataLoaderIter.__next__``
    A batch is thousands of operations, and transforms are modules: none of them is a network's.

``torch.compile``
    What it returns has to be patched as well (see `patches`), once its class is there.

Each passes its arguments, result and exception through, and is put back when the step has ended.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

import torch
from torch.amp import grad_scaler
from torch.optim import Optimizer
from torch.utils.data import dataloader


class Listener(Protocol):
    """Who is told."""

    def begin_backward(
        self,
        roots: Any,
        kind: str,
        inputs: Any,
        frame: FrameType,
        *,
        create_graph: bool | None,
        retain_graph: bool | None,
    ) -> Any:
        """The engine is about to run; returns what `end_backward` is to be given, or None."""

    def end_backward(self, run: Any) -> None:
        """It has run."""

    def begin_loading(self) -> bool:
        """A loader is about to give a batch; returns whether to call `end_loading`."""

    def end_loading(self) -> None:
        """The batch is there."""

    def compiled(self, what: Any = None) -> None:
        """Something was compiled."""

    def note(self, fault: Exception) -> None:
        """A fault of its own."""

    def scaled(self, losses: object) -> None:
        """A GradScaler has scaled these."""

    def seen(self, optimizer: Any, frame: FrameType, *, made: bool) -> None:
        """An optimizer is being made, or else it has cleared its gradients."""

    def begin_scaled(self, scale: Any) -> None:
        """A GradScaler is about to step an optimizer."""

    def end_scaled(self, optimizer: Any, *, stepped: bool, frame: FrameType) -> None:
        """It has, or left the step out."""


_is_compiling = torch.compiler.is_compiling

_Originals = list[tuple[Any, str, Any, Any]]
"""What to put back: owner, name, what was there, what is there now."""


class TrainingPatches:
    """The patches, on or off.

    Args:
        listener: Who is told.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._originals: _Originals = []
        self._lasting: _Originals = []

    def start(self) -> None:
        """Patch what is patched until `end`."""
        self._patch(self._lasting, grad_scaler.GradScaler, "step", self._scaler_step)
        self._patch(self._lasting, Optimizer, "_patch_step_function", self._made)
        self._patch(self._lasting, Optimizer, "zero_grad", self._zero_grad)

    def end(self) -> None:
        """Put everything back as it was."""
        self.take_off()
        self._put_back(self._lasting)

    def put_on(self) -> None:
        """Patch what is patched for the time of a step."""
        if self._originals:
            return
        self._patch(self._originals, torch.autograd, "_engine_run_backward", self._engine)
        self._patch(self._originals, dataloader._BaseDataLoaderIter, "__next__", self._next_batch)
        self._patch(self._originals, torch, "compile", self._compile)
        self._patch(self._originals, grad_scaler.GradScaler, "scale", self._scale)

    def take_off(self) -> None:
        """Put back what `put_on` has patched."""
        self._put_back(self._originals)

    def _tell(self, what: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Tell the listener; no fault of its own comes through."""
        try:
            return what(*args, **kwargs)
        except Exception as fault:
            self._listener.note(fault)
            return None

    def _put_back(self, originals: _Originals) -> None:
        """A patch that somebody has laid over ours stays; what it calls then passes through."""
        while originals:
            owner, name, original, ours = originals.pop()
            if inspect.getattr_static(owner, name, None) is ours:
                setattr(owner, name, original)

    def _patch(
        self, originals: _Originals, owner: Any, name: str, make: Callable[[Any], Any]
    ) -> None:
        original = getattr(owner, name, None)
        if original is not None:
            ours = make(original)
            originals.append((owner, name, original, ours))
            setattr(owner, name, ours)

    def _engine(self, original: Any) -> Any:
        listener = self._listener

        def _engine_run_backward(t_outputs: Any, *args: Any, **kwargs: Any) -> Any:
            if _is_compiling():  # a compiler cannot look into what follows
                return original(t_outputs, *args, **kwargs)
            kind = "backward" if kwargs.get("accumulate_grad") else "grad"
            inputs = args[3] if len(args) > 3 else ()
            kept, followed = map(bool, args[1:3]) if len(args) > 2 else (None, None)
            run = self._tell(
                listener.begin_backward,
                t_outputs, kind, inputs, sys._getframe(1),
                create_graph=followed, retain_graph=kept,
            )  # fmt: skip
            if run is None:
                return original(t_outputs, *args, **kwargs)
            try:
                return original(t_outputs, *args, **kwargs)
            finally:
                self._tell(listener.end_backward, run)

        return _engine_run_backward

    def _scaler_step(self, original: Any) -> Any:
        listener, tell = self._listener, self._tell

        def step(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.is_enabled() or _is_compiling():
                return original(self, optimizer, *args, **kwargs)
            scale = self._scale
            if isinstance(scale, torch.Tensor):
                scale = float(scale) if scale.is_cpu else scale.detach().clone()
            if not isinstance(optimizer, torch.optim.Optimizer):
                return original(self, optimizer, *args, **kwargs)  # may take no hooks
            steps = []
            handle = optimizer.register_step_pre_hook(lambda *_: steps.append(1))
            tell(listener.begin_scaled, scale)
            stepped = True
            try:
                result = original(self, optimizer, *args, **kwargs)
                stepped = bool(steps)
            finally:
                handle.remove()
                tell(listener.end_scaled, optimizer, stepped=stepped, frame=sys._getframe(1))
            return result

        return step

    def _made(self, original: Any) -> Any:
        @functools.wraps(original)
        def _patch_step_function(self_: Any) -> Any:
            result = original(self_)
            if not _is_compiling():
                self._tell(self._listener.seen, self_, sys._getframe(1), made=True)
            return result

        return _patch_step_function

    def _zero_grad(self, original: Any) -> Any:
        @functools.wraps(original)
        def zero_grad(self_: Any, *args: Any, **kwargs: Any) -> Any:
            if _is_compiling():
                return original(self_, *args, **kwargs)
            result = original(self_, *args, **kwargs)
            self._tell(self._listener.seen, self_, sys._getframe(1), made=False)
            return result

        return zero_grad

    def _scale(self, original: Any) -> Any:
        def scale(self_: Any, outputs: Any) -> Any:
            result = original(self_, outputs)
            if self_.is_enabled() and not _is_compiling():
                self._tell(self._listener.scaled, result)
            return result

        return scale

    def _next_batch(self, original: Any) -> Any:
        listener, tell = self._listener, self._tell

        def __next__(self: Any) -> Any:  # noqa: N807
            if not tell(listener.begin_loading):
                return original(self)
            try:
                return original(self)
            finally:
                tell(listener.end_loading)

        return __next__

    def _compile(self, original: Any) -> Any:
        listener = self._listener

        @functools.wraps(original)
        def compile(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            self._tell(listener.compiled, args[0] if args else kwargs.get("model"))
            return result

        return compile
