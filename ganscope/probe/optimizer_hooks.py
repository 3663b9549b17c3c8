"""The hooks that tell of every optimizer's step, and which one counts where one wraps another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Protocol

import torch
from torch.optim import Optimizer, optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from ganscope.probe.updates import Stepped


class Listener(Protocol):
    """Who is told of the outermost optimizer's steps, on the thread that is observed."""

    def is_here(self) -> bool:
        """Whether this is that thread."""

    def begin_step(
        self, optimizer: Optimizer, frame: FrameType, *, closure: bool
    ) -> Stepped | None:
        """It is about to step; `closure`: forward and backward run inside."""

    def end_step(
        self, optimizer: Optimizer, draft: Stepped | None, frame: FrameType, *, closure: bool
    ) -> None:
        """It has stepped; `draft` is what `begin_step` gave."""

    def drop_step(self, draft: Stepped | None) -> None:
        """It has failed."""

    def stepped_inside(self, optimizer: Optimizer) -> None:
        """One steps inside the outermost one's step."""

    def note(self, fault: Exception) -> None:
        """A fault of ours."""


class OptimizerHooks:
    """Both hooks, there or not.

    Args:
        listener: Who is told.
    """

    def __init__(self, listener: Listener) -> None:
        self.has_stepped = False
        """Whether any optimizer has stepped so far."""
        self._listener = listener
        self._stepping: list[tuple[Optimizer, Stepped | None]] = []
        self._handles: list[RemovableHandle] = []
        self._left: list[RemovableHandle] = []
        """Hooks that could not be taken away yet, and do nothing any more."""
        self._is_running = False

    @property
    def are_on(self) -> bool:
        """Whether they are there."""
        return bool(self._handles)

    def attach(self) -> None:
        """Put them on."""
        self._handles = [
            register_optimizer_step_pre_hook(self._hook(self._before)),
            register_optimizer_step_post_hook(self._hook(self._after)),
        ]

    def removals(self) -> list[Callable[[], None]]:
        """What takes each of them away; from now on they do nothing.

        Where torch is going through its hooks just now and others come behind ours, it could not
        go on without: such a one is left for the next time this is called.
        """
        handles, self._handles = [*self._left, *self._handles], []
        self._left = [each for each in handles if self._is_running and _is_followed(each)]
        return [each.remove for each in handles if each not in self._left]

    def _hook(self, work: Callable[[Optimizer, Any, Any, FrameType], None]) -> _Hook:
        """A hook of which no fault comes out."""

        def hook(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            if _is_compiling():  # or it would become a part of what is compiled
                return
            if not self._handles:
                return
            self._is_running = self.has_stepped = True
            try:
                if self._listener.is_here():
                    work(optimizer, args, kwargs, sys._getframe(1))
            except Exception as fault:
                self._listener.note(fault)
            finally:
                self._is_running = False

        return hook

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any, frame: FrameType) -> None:
        self.drop_failed(frame.f_back)
        draft = None
        if not self._stepping:
            closure = _has_closure(args, kwargs)
            draft = self._listener.begin_step(optimizer, frame, closure=closure)
        elif self._stepping[-1][0] is not optimizer:
            self._listener.stepped_inside(optimizer)
        self._stepping.append((optimizer, draft))

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any, frame: FrameType) -> None:
        draft = None
        while self._stepping:
            stepping, draft = self._stepping.pop()
            if stepping is optimizer:
                break
        else:
            return  # it began before there were hooks
        if not self._stepping:  # else an inner optimizer: the one around it counts
            closure = _has_closure(args, kwargs)
            self._listener.end_step(optimizer, draft, frame, closure=closure)

    def drop_failed(self, frame: FrameType | None) -> None:
        """Forget the steps that raised and never ended: they do not run at or above `frame`."""
        running: list[Any] = []
        while frame is not None and self._stepping:
            if frame.f_code.co_filename == _OPTIMIZER:  # torch's own, around every step
                running.append(frame.f_locals.get("self"))
            frame = frame.f_back
        while self._stepping and not any(each is self._stepping[-1][0] for each in running):
            self._listener.drop_step(self._stepping.pop()[1])


_OPTIMIZER = optimizer.__file__
_Hook = Callable[[Optimizer, Any, Any], None]
_is_compiling = torch.compiler.is_compiling


def _is_followed(handle: RemovableHandle) -> bool:
    """Whether a hook of somebody else's comes behind this one."""
    hooks = handle.hooks_dict_ref()
    return hooks is not None and next(reversed(hooks), None) != handle.id


def _has_closure(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether ``optimizer.step`` is to run the forward and the backward itself."""
    closure = args[1] if len(args) > 1 else kwargs.get("closure")
    return closure is not None
