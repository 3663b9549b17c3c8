"""The observer: owns every hook, and keeps its own faults from the observed program.

Global module hooks leave nothing on the modules themselves, so a model can be saved or copied
while it is watched. Only one observer works at a time, on the thread and in the process in
which it was attached.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from ganscope.errors import ObserverError
from ganscope.probe import modes, modules
from ganscope.probe.calls import CallLog, Draft
from ganscope.probe.operations import Operation

_Quiet = torch._C.DisableTorchFunction
_is_compiling = torch.compiler.is_compiling
T = TypeVar("T")

_MOST_FAULTS = 3
_NO_KEYWORDS: dict[str, Any] = {}


class Observer:
    """Watches every call of one network from its entry to its exit.

    Args:
        log: Where calls are recorded.

    Raises:
        ObserverError: On entry, if another observer is at work.
    """

    _at_work: Observer | None = None

    def __init__(self, log: CallLog) -> None:
        self.log = log
        self.faults: list[str] = []
        self.elsewhere = 0
        """Calls seen on other threads, which are not recorded."""
        self._thread = get_ident()
        self._handles: list[RemovableHandle] = []
        self._waiting: RemovableHandle | None = None
        """The hook on a compiled module, while that runs and ours are away."""
        self._mode = modes.OperationMode(self)
        self._mode_in = False

    def __enter__(self) -> Observer:
        if Observer._at_work is not None:
            raise ObserverError(
                "an observer is at work already, and two would count every call twice; "
                "leave the first before you start another"
            )
        Observer._at_work = self
        self._attach()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.detach()
        Observer._at_work = None

    # -- attaching ---------------------------------------------------------------------------

    def _attach(self) -> None:
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, always_call=True),
        ]

    def detach(self) -> None:
        """Take every hook away."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._waiting is not None:
            self._waiting.remove()
            self._waiting = None
        self._want_mode(False)

    def _want_mode(self, wanted: bool) -> None:
        """The function mode is there only between modules: never inside a leaf or a kernel."""
        if wanted is not self._mode_in:
            (modes.put_in if wanted else modes.take_out)(self._mode)
            self._mode_in = wanted

    def _step_aside(self, module: nn.Module, draft: Draft) -> None:
        """Leave nothing in the way of a module that our presence would change."""
        if modules.is_compiled(module):
            self.detach()
            # On the compiled wrapper itself, outside of what was compiled.
            self._waiting = module.register_forward_hook(self._come_back, always_call=True)
        elif modules.traits(module).fused and not module.training:
            draft.opaque = True
            draft.note = "runs fused in eval mode; operations inside were not seen"

    def _come_back(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self._waiting is not None:
            self._waiting.remove()
            self._waiting = None
        self._attach()
        self._after(module, args, output)

    @contextmanager
    def around_opaque(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], note: str
    ) -> Iterator[Callable[[Any], None]]:
        """Record one call that torch makes around the hooks; they are gone while it runs.

        Yields:
            A function that takes the call's output.
        """
        outputs: list[Any] = [None]
        entered = perf_counter()
        draft = None
        try:
            draft = self.log.begin(module, args, kwargs, sys._getframe(2))
            draft.note, draft.opaque = note, True
        except Exception as fault:
            self._note(fault)
        self.detach()
        self.log.own_time += perf_counter() - entered
        if draft is not None:
            draft.own_time_before = self.log.own_time
            draft.started = perf_counter()
        error: BaseException | None = None
        try:
            yield lambda output: outputs.__setitem__(0, output)
        except Exception as raised:
            error = raised
            raise
        finally:
            self._attach()
            self._end(module, outputs[0], error)

    # -- hooks -------------------------------------------------------------------------------

    def _not_ours(self) -> bool:
        """Whether a call is none to record: while compiling, or on another thread."""
        if get_ident() != self._thread:
            self.elsewhere += 1
            return True
        return _is_compiling()

    def _before(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if get_ident() != self._thread or _is_compiling():
            self._not_ours()
            return
        entered = perf_counter()
        log, draft = self.log, None
        try:
            with _Quiet():
                frame = sys._getframe(1)
                # Global hooks are not given the keyword arguments; torch's own frame has them.
                kwargs = frame.f_locals.get("kwargs") or _NO_KEYWORDS
                draft = log.begin(module, args, kwargs, frame)
                if draft.wary:
                    self._step_aside(module, draft)
            if draft.opaque is self._mode_in:
                self._want_mode(log.wants_operations)
        except Exception as fault:
            self._note(fault)
        now = perf_counter()
        log.own_time += now - entered
        if draft is not None:
            draft.own_time_before = log.own_time
            draft.started = now

    def _after(self, module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        if get_ident() != self._thread or _is_compiling():
            self._not_ours()
            return
        self._end(module, output, sys.exception() if output is None else None)

    def _end(self, module: nn.Module, output: Any, error: BaseException | None) -> None:
        entered = perf_counter()
        log = self.log
        try:
            with _Quiet():
                log.end(module, output, error, entered)
            if log.wants_operations is not self._mode_in:
                self._want_mode(log.wants_operations)
        except Exception as fault:
            self._note(fault)
        log.own_time += perf_counter() - entered

    # -- operations --------------------------------------------------------------------------

    def run_operation(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run a torch function and record it; its result and its exception come through."""
        if _is_compiling():
            return function(*args, **kwargs)
        entered = perf_counter()
        operation = Operation(function, args, kwargs)
        draft = self._guarded(lambda: self.log.begin_operation(operation))
        started = perf_counter()
        self.log.own_time += started - entered
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if draft is not None:
                frame, failure = sys._getframe(2), error
                self._guarded(lambda: self.log.fail_operation(draft, operation, failure, frame))
            raise
        ended = perf_counter()
        if draft is not None:
            seconds, frame = ended - started, sys._getframe(2)
            self._guarded(lambda: self.log.end_operation(draft, operation, result, seconds, frame))
        self.log.own_time += perf_counter() - ended
        return result

    def _guarded(self, work: Callable[[], T]) -> T | None:
        """Do `work` of our own: torch functions off, a fault noted and not raised."""
        try:
            with _Quiet():
                return work()
        except Exception as fault:
            self._note(fault)
            return None

    def _note(self, fault: Exception) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(f"the observer failed: {type(fault).__name__}: {fault}")


def _leave_child() -> None:
    """A forked process (a data loader's worker) is not observed."""
    if Observer._at_work is not None:
        Observer._at_work.detach()
        Observer._at_work = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_child)
