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
from types import FrameType, TracebackType
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from ganscope.errors import ObserverError
from ganscope.probe import failures, modes
from ganscope.probe.calls import CallLog
from ganscope.probe.drafts import Draft
from ganscope.probe.operations import Operation, is_event
from ganscope.traces import Call, Failure

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
        self.muted = 0
        """Above 0 while modules are called that are nobody's network (a loader's)."""
        self._thread = get_ident()
        self._handles: list[RemovableHandle] = []
        self._is_wanted = False
        """Whether the hooks are to be there, except for the time of an opaque call."""
        self._mode = modes.OperationMode(self)
        self._mode_in = False
        self._handling = 0
        """Above 0 while an operation runs for which torch itself has lifted the mode off."""

    @classmethod
    def refuse_second(cls) -> None:
        """Refuse to observe while another observer is at work.

        Raises:
            ObserverError: One is.
        """
        if cls._at_work is not None:
            raise ObserverError(
                "an observer is at work already, and two would count every call twice; "
                "leave the first before you start another"
            )

    def __enter__(self) -> Observer:
        self.refuse_second()
        Observer._at_work = self
        self._is_wanted = True
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
        self._mode.log = None  # or the two would keep each other, and the network, alive

    def finish(self) -> tuple[Call, ...]:
        """All calls, immutable; a fault of ours costs the calls, never the program."""
        return self.guarded(self.log.finish) or ()

    def describe(self, error: BaseException) -> Failure:
        """The failure behind the exception that has just ended the forward."""
        described = self.guarded(lambda: failures.describe(self.log, error))
        return described or Failure(0, 0, None, type(error).__name__, None, None, None)

    # -- attaching ---------------------------------------------------------------------------

    def _attach(self) -> None:
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, always_call=True),
        ]

    def detach(self) -> None:
        """Take every hook away."""
        self._is_wanted = False
        self._take_away()

    def _take_away(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._want_mode(False)

    def _put_back(self) -> None:
        """After `_take_away`, unless the observation has ended meanwhile."""
        if self._is_wanted and not self._handles:
            self._attach()

    def _want_mode(self, wanted: bool) -> None:
        """The function mode is there only between modules: never inside a leaf or a kernel."""
        if wanted is not self._mode_in and not self._handling:
            (modes.put_in if wanted else modes.take_out)(self._mode)
            self._mode_in = wanted

    def attach(self) -> None:
        """Put the hooks back after `detach`."""
        self._is_wanted = True
        if not self._handles:
            self._attach()
        self._want_mode(self.log.wants_operations)

    def suspend(self, *, modules: bool = False) -> None:
        """See no operations until `resume`; with `modules`, no calls of modules either."""
        self.log.suspended += 1
        self.muted += modules
        self._want_mode(False)

    def resume(self, *, modules: bool = False) -> None:
        """Undo one `suspend`."""
        self.log.suspended -= 1
        self.muted -= modules
        self._want_mode(bool(self._handles) and self.log.wants_operations)

    @property
    def is_attached(self) -> bool:
        """Whether the hooks are there."""
        return bool(self._handles)

    def is_here(self) -> bool:
        """Whether this is the thread that is observed."""
        return get_ident() == self._thread

    @contextmanager
    def away(self, note: str) -> Iterator[None]:
        """Take every hook away while the inside of the open call runs; `note` says why."""
        if self._not_ours() or not self._handles:
            yield
            return
        self.log.note_open(note)
        self._take_away()
        try:
            yield
        finally:
            self._put_back()

    @contextmanager
    def around_opaque(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], note: str | None
    ) -> Iterator[Callable[[T], T]]:
        """Record one call whose inside must not meet the hooks; they are away while it runs.

        Args:
            module: What is called.
            args: Its positional inputs.
            kwargs: Its keyword inputs.
            note: Why its inside is not seen, where its class does not tell.

        Yields:
            A function that takes the call's output and gives it back.
        """
        if self._not_ours() or not self._handles:
            yield lambda output: output
            return
        outputs: list[Any] = [None]
        entered = perf_counter()
        draft = self.guarded(lambda: self.log.begin(module, args, kwargs, sys._getframe(4)))
        self._take_away()
        now = perf_counter()
        self.log.own_time += now - entered
        if draft is not None:
            draft.note, draft.opaque = note or draft.note, True
            draft.own_time_before, draft.started = self.log.own_time, now
        error: BaseException | None = None

        def finish(output: T) -> T:
            outputs[0] = output
            return output

        try:
            yield finish
        except Exception as raised:
            error = raised
            raise
        finally:
            self._put_back()
            self._end(module, outputs[0], error)

    # -- hooks -------------------------------------------------------------------------------

    def _not_ours(self) -> bool:
        """Whether a call is none to record: while compiling, or on another thread."""
        if _is_compiling():  # first, since a compiler cannot look into what follows
            return True
        return get_ident() != self._thread or self.muted > 0

    def _before(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self._not_ours():
            self.elsewhere += not _is_compiling() and not self.is_here()
            return
        entered = perf_counter()
        log, draft = self.log, None
        try:
            with _Quiet():
                frame = sys._getframe(1)
                # Global hooks are not given the keyword arguments; torch's own frame has them.
                kwargs = frame.f_locals.get("kwargs") or _NO_KEYWORDS
                draft = log.begin(module, args, kwargs, frame)
            if draft.opaque is self._mode_in:
                self._want_mode(log.wants_operations)
        except Exception as fault:
            self.note(fault)
        now = perf_counter()
        log.own_time += now - entered
        if draft is not None:
            draft.own_time_before = log.own_time
            draft.started = now

    def _after(self, module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        if self._not_ours():
            return
        self._end(module, output, sys.exception() if output is None else None)

    def _end(self, module: nn.Module, output: Any, error: BaseException | None) -> None:
        entered = perf_counter()
        log = self.log
        try:
            with _Quiet():
                log.end(module, output, error, entered)
            if log.wants_operations is not self._mode_in:
                self._want_mode(log.wants_operations and self.is_attached)
        except Exception as fault:
            self.note(fault)
        log.own_time += perf_counter() - entered

    # -- operations --------------------------------------------------------------------------

    def run_operation(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run a torch function and record it; its result and its exception come through."""
        if _is_compiling():
            return function(*args, **kwargs)
        self._handling += 1
        try:
            return self._run_operation(function, args, kwargs)
        finally:
            self._handling -= 1

    def _run_operation(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self._passes_over(args, kwargs):
            result = function(*args, **kwargs)
            if is_event(function):
                self._passed_over(Operation(function, args, kwargs), sys._getframe(3))
            return result
        entered = perf_counter()
        log, draft, operation = self.log, None, None
        try:
            with _Quiet():
                operation = Operation(function, args, kwargs)
                draft = log.begin_operation(operation)
        except Exception as fault:
            self.note(fault)
        started = perf_counter()
        log.own_time += started - entered
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if draft is not None and operation is not None:
                self._failed(draft, operation, error, sys._getframe(3))
            raise
        ended = perf_counter()
        if draft is not None and operation is not None:
            try:
                with _Quiet():
                    log.end_operation(draft, operation, result, ended - started, sys._getframe(3))
            except Exception as fault:
                self.note(fault)
        log.own_time += perf_counter() - ended
        return result

    def _passes_over(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        try:
            with _Quiet():
                return self.log.passes_over(args, kwargs)
        except Exception as fault:
            self.note(fault)
            return True

    def _passed_over(self, operation: Operation, frame: FrameType) -> None:
        self.guarded(lambda: self.log.pass_over(operation, frame))

    def _failed(
        self, draft: Draft, operation: Operation, error: BaseException, frame: FrameType
    ) -> None:
        # A function of its own: the frame of the caller is in the exception's traceback, and
        # must not hold the exception.
        self.guarded(lambda: self.log.fail_operation(draft, operation, error, frame))

    def guarded(self, work: Callable[[], T]) -> T | None:
        """Do `work` of our own: torch functions off, a fault noted and not raised."""
        try:
            with _Quiet():
                return work()
        except Exception as fault:
            self.note(fault)
            return None

    def note(self, fault: Exception) -> None:
        """Keep a fault of ours, to be told of in the trace."""
        text = f"the observer failed: {type(fault).__name__}: {fault}"
        if len(self.faults) < _MOST_FAULTS and text not in self.faults:
            self.faults.append(text)


def _leave_child() -> None:
    """A forked process (a data loader's worker) is not observed."""
    if Observer._at_work is not None:
        Observer._at_work.detach()
        Observer._at_work = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_child)
