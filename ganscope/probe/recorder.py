"""The recorder: watches a training loop that anybody wrote, and cuts it into steps.

It owns every hook that a training step needs. Whatever goes wrong in here becomes a note; the
loop goes on as if nobody watched. Between recorded steps only what tells of optimizers stays: two
hooks, and the patch of the GradScaler.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from ganscope.probe import failures, freed, patches, sites, training_patches
from ganscope.probe.calls import CallLog
from ganscope.probe.gradients import GradientLog, Run
from ganscope.probe.late import LateGradients
from ganscope.probe.ledger import Ledger
from ganscope.probe.modules import optimized_module
from ganscope.probe.networks import Networks
from ganscope.probe.observer import Observer
from ganscope.probe.overwritten import Steppers
from ganscope.probe.roles import Relations, with_roles
from ganscope.probe.rounds import Rounds
from ganscope.probe.selection import EVERY_STEP, Selection
from ganscope.probe.steps import StepDraft
from ganscope.probe.store import Sink, StepStore
from ganscope.probe.tensors import TensorObserver
from ganscope.probe.unseen import UnseenMoves
from ganscope.probe.updates import Stepped, UpdateLog
from ganscope.traces import Failure, Network, Step


class Recorder:
    """Records the training steps that run inside it.

    Args:
        sink: Where finished steps go.
        selection: Which steps to record; the recorder stops after the last of them.
        samples: Whether to keep real values of each tensor for the pictures.
        manual: Whether steps end at `next_step` alone, from the first one on.
        on_full: Called where the last wanted step has ended, with every hook taken away; the
            loop stands at that place, and what is raised here comes out there.
    """

    def __init__(
        self,
        sink: Sink,
        selection: Selection = EVERY_STEP,
        *,
        samples: bool = False,
        manual: bool = False,
        on_full: Callable[[], None] | None = None,
    ) -> None:
        self.failure: Failure | None = None
        self.lost: str | None = None
        """What was lost beside steps."""
        self._networks = Networks()
        self._gradients = GradientLog(self._networks, self.note)
        self._updates = UpdateLog(self._networks)
        self._tensors = TensorObserver(keep_samples=samples, watch=self._gradients.watch)
        self._gradients.tensors = self._updates.tensors = self._tensors
        log = CallLog(self._networks, self._tensors, outside=True)
        log.recomputes = self._is_running
        self._log = log
        self._observer = Observer(log)
        self._ledger, self._rounds = Ledger(), Rounds()
        self._late = LateGradients()
        self._store, self._on_full = StepStore(sink, selection, self._late.complete), on_full
        self._stepped: dict[int, list[Stepped]] = {}
        self._stepping: list[tuple[Optimizer, Stepped | None]] = []
        self._steppers = Steppers()
        self._relations = Relations()
        self._moves = UnseenMoves()
        self._manual = manual
        self._reopened = False
        self._scale: Any = 1.0
        """Of the GradScaler that steps an optimizer now."""
        self._handles: list[RemovableHandle] = []
        self._patches = training_patches.TrainingPatches(self)
        self._compiled = ExitStack()
        self._knows_compiled = False
        self._unseen: dict[str, None] = {}
        """What runs around every hook."""
        self._recording = False

    # -- from outside ------------------------------------------------------------------------

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks seen so far, with the roles that the flow of data shows."""
        return with_roles(self._networks.nouns, self._relations)

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be seen, or was seen beside the steps."""
        notes = [*self._log.remarks, *self._observer.faults, *self._unseen]
        if self._observer.elsewhere:
            notes.append(f"{self._observer.elsewhere} calls on other threads were not seen")
        notes += [
            f"weights of {name} changed between two steps of their optimizer (clipping?)"
            for name in sorted(self._updates.moved_unseen)
        ]
        notes += self._moves.notes
        notes += [lost for lost in (self._store.lost, self.lost) if lost is not None]
        return tuple(notes)

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to be recorded was seen and kept."""
        lost = self.lost or self._store.lost or self._unseen or self._moves.by_hand
        return not (lost or self._observer.faults or self._observer.elsewhere)

    @property
    def ended(self) -> int:
        """How many steps have ended, recorded or not."""
        return self._store.index

    @property
    def elsewhere(self) -> int:
        """How many calls ran on other threads, where they are not seen."""
        return self._observer.elsewhere

    @property
    def device(self) -> str:
        """Where the first network lives."""
        for parameter, _ in self._networks.parameters():
            return "cpu" if parameter.is_cpu else str(parameter.device)
        return "cpu"

    def start(self) -> None:
        """Attach every hook.

        Raises:
            ObserverError: Another observer is at work.
        """
        self._observer.__enter__()
        self._handles = [
            register_optimizer_step_pre_hook(self._hook(self._before_step)),
            register_optimizer_step_post_hook(self._hook(self._after_step)),
        ]
        try:
            self._patches.start()
            self._resume()
        except Exception as fault:
            self.note(fault)
            self.stop()

    def stop(self, error: BaseException | None = None) -> None:
        """Take every hook away; `error` is what ended the loop, if something did."""
        if not self._handles:
            return
        works: list[Callable[[], object]] = [
            self._pause,
            self._patches.end,
            self._updates.release,
            *(handle.remove for handle in self._handles),
            lambda: self._observer.__exit__(None, None, None),
        ]
        if self._recording:
            works.insert(0, lambda: self._close_last(error))
        self._handles = []
        for work in works:  # none may keep the others from being done
            try:
                with torch._C.DisableTorchFunction():
                    work()
            except Exception as fault:
                self.note(fault)

    def next_step(self) -> None:
        """The step ends here, because the user says so; from now on only the user does."""
        self._guard(self._next_step)

    def _next_step(self) -> None:
        first, self._manual = not self._manual, True
        if not self._recording:
            self._store.skip()
        elif self._log.drafts or self._stepped:
            self._end_step()
        if first and not self._rounds.is_settled:  # what was cut so far was only supposed
            self._store.join_all(self.networks)
        self._turn()

    # -- the engine, called by the patches ---------------------------------------------------

    def begin_backward(
        self,
        roots: Sequence[Any],
        kind: str,
        inputs: Sequence[Any],
        frame: FrameType,
        *,
        create_graph: bool | None = None,
    ) -> Run | None:
        """The backward engine is about to run."""
        if not self._recording or not self._observer.is_here():
            return None
        if self._stepping:
            self._drop_failed(frame)
        if self._is_running() or not self._observer.is_attached:
            return None  # a run inside a run (checkpoints), or torch's own while it compiles
        self._observer.suspend()

        def begin() -> Run:
            self._ledger.look(self._log.round)
            run = self._gradients.begin(roots, kind, inputs, self._log.round, frame)
            run.create_graph = create_graph
            return run

        run = self._observer.guarded(begin)
        if run is None:
            self._observer.resume()
        return run

    def end_backward(self, run: Run) -> None:
        """It has run, or failed."""

        def end() -> None:
            self._gradients.end(run)
            self._ledger.received(run)

        self._observer.guarded(end)
        self._observer.resume()

    def begin_loading(self) -> bool:
        """A loader is about to give its next batch; returns whether `end_loading` is due."""
        if not self._recording or not self._observer.is_here():
            return False
        self._observer.suspend(modules=True)
        return True

    def end_loading(self) -> None:
        """The batch is there."""
        self._observer.resume(modules=True)

    def compiled(self, what: Any = None) -> None:
        """Something was compiled: its class may be there only now."""
        owner = getattr(what, "__self__", None)
        if isinstance(owner, nn.Module):
            self._unseen[_unseen_of(owner, getattr(what, "__name__", ""))] = None
        if self._recording and not self._knows_compiled and optimized_module() is not None:
            self._knows_compiled = True
            self._compiled.enter_context(patches.patched((), self._observer))

    def begin_scaled(self, scale: Any) -> None:
        """A GradScaler is about to step an optimizer."""
        if self._observer.is_here():
            self._scale = scale

    def end_scaled(self, optimizer: Optimizer, *, stepped: bool, frame: FrameType) -> None:
        """It has, or left the step out on an overflow."""
        if not self._observer.is_here():
            return
        if self._recording and not stepped:

            def skip() -> None:
                draft = self._begin_step(optimizer, frame, uses=False)
                draft.skipped = True
                self._updates.end(optimizer, draft)
                self._finish_step(draft)

            self._guard(skip)
            self._turn()
        elif not stepped and not self._manual:
            self._pass(optimizer, frame)
        self._scale = 1.0

    # -- optimizers --------------------------------------------------------------------------

    def _hook(self, work: Callable[[Optimizer, Any, Any, FrameType], None]) -> _Hook:
        """A hook of which no fault comes out."""

        def hook(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            try:
                work(optimizer, args, kwargs, sys._getframe(1))
            except Exception as fault:
                self.note(fault)

        return hook

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any, frame: FrameType) -> None:
        if not self._observer.is_here():
            return
        if self._stepping:
            self._drop_failed(frame.f_back)
        draft = None
        if not self._stepping and self._recording:
            closure = _has_closure(args, kwargs)
            draft = self._observer.guarded(
                lambda: self._begin_step(optimizer, frame, uses=not closure)
            )
            if draft is not None and not closure:
                self._observer.suspend()
                draft.suspends = True
        self._stepping.append((optimizer, draft))

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any, frame: FrameType) -> None:
        if not self._observer.is_here() or not self._stepping:
            return
        while self._stepping:
            stepping, draft = self._stepping.pop()
            if stepping is optimizer:
                break
        if self._stepping:
            return  # an inner optimizer: the one around it counts
        if not self._recording:
            if not self._manual:
                self._pass(optimizer, frame)
            return
        # After a fault of ours the step is counted all the same.
        done = draft or self._updates.unmeasured(optimizer)

        def end() -> None:
            if _has_closure(args, kwargs):
                self._updates.look_again(optimizer, done)
                self._ledger.used(_parameters(optimizer), self._round_of_step())
            self._updates.end(optimizer, done)

        self._guard(end)
        self._guard(lambda: self._finish_step(done))
        if done.suspends:
            self._observer.resume()
        self._turn()

    def _drop_failed(self, frame: FrameType | None) -> None:
        """Forget the steps that raised and never ended: they do not run at or above `frame`."""
        running: list[Any] = []
        while frame is not None:
            if frame.f_code.co_filename == _OPTIMIZER:  # torch's own, around every step
                running.append(frame.f_locals.get("self"))
            frame = frame.f_back
        while self._stepping and not any(each is self._stepping[-1][0] for each in running):
            _, draft = self._stepping.pop()
            if draft is not None and draft.suspends:
                self._observer.resume()

    def _begin_step(self, optimizer: Optimizer, frame: FrameType, *, uses: bool) -> Stepped:
        """`uses`: whether it steps on the gradients that are there now."""
        round = self._round_of_step()
        self._ledger.look(round)
        draft = self._updates.begin(optimizer, frame)
        draft.scale = self._scale
        self._steppers.stepped(draft, sites.find(frame))
        self._moves.stepped(_parameters(optimizer))
        if uses:
            self._ledger.used(_parameters(optimizer), round)
        return draft

    def _finish_step(self, stepped: Stepped) -> None:
        """The optimizer has stepped: end the update, and the step where it ends here."""
        round = self._round_of_step()
        self._relations.moved(stepped.networks)
        if self._manual:
            self._stepped.setdefault(round, []).append(stepped)
            self._log.round = round + 1
            return
        decision = self._rounds.update(stepped.key)
        if decision.closes:
            self._close(round)
        if decision.joins:
            self._store.join(decision.joins, self.networks)
        self._reopened = self._reopened or decision.reopens
        self._stepped.setdefault(round, []).append(stepped)
        self._log.round = round + 1
        if decision.ends:
            self._end_step()

    def _round_of_step(self) -> int:
        """The update of an optimizer that steps now: the last one's if nothing ran since."""
        round = self._log.round
        if self._stepped and not self._happened_since(round):
            return max(self._stepped)
        return round

    def _happened_since(self, round: int) -> bool:
        """Whether a module was called, or the engine ran, in the update that runs now."""
        if any(run.round >= round for run in self._gradients.runs):
            return True
        for draft in reversed(self._log.drafts):
            if draft.round < round:
                return False
            if draft.kind == "module":
                return True
        return False

    def _pass(self, optimizer: Optimizer, frame: FrameType) -> None:
        """An optimizer has stepped while nothing is recorded."""
        decision = self._rounds.update(self._updates.key_of(optimizer, frame))
        if decision.closes:
            self._store.skip()
        if decision.ends and not decision.reopens:
            self._store.skip()
        self._turn()

    # -- steps -------------------------------------------------------------------------------

    def _end_step(self) -> None:
        self._close(None)

    def _close(self, before: int | None) -> None:
        """End the step with the rounds before `before`, all by default."""
        drafts = self._log.take(before)
        runs = self._gradients.take(before)
        self._tensors.settle(ended=not self._log.drafts and self._is_sure)
        keys = [round for round in self._stepped if before is None or round < before]
        stepped = {round: self._stepped.pop(round) for round in keys}
        draft = StepDraft(drafts, runs, stepped, math.inf if before is None else before - 1)
        self._relations.flowed(*draft.flow.edges(draft.fed))
        self._guard(self._look_for_moves)
        step = draft.finish(self._store.index, self._ledger)
        reopened, self._reopened = self._reopened, False
        self._late.keep(draft)
        self._store.add(step, self.networks, reopened=reopened)

    def _look_for_moves(self) -> None:
        """Notice networks that move without an optimizer, which may have roles all the same."""
        self._moves.look(self._networks.parameters())
        for network in self._moves.by_hand:
            self._relations.moved((network,))

    def _close_last(self, error: BaseException | None) -> None:
        """The loop has ended, perhaps in the middle of a step."""
        if error is not None:
            if self._goes_on():
                self._store.join_all(self.networks)
                self._reopened = True
            before = self._store.last if self._reopened else None
            self.failure = failures.describe(
                self._log,
                error,
                step=self._store.index if before is None else before.index,
                update=len(self._stepped) + (0 if before is None else len(before.updates)),
                calls_before=0 if before is None else len(before.calls),
            )
            self.failure = self._explained(self.failure, before)
        began = bool(self._log.drafts or self._gradients.runs)
        if self._stepped or (began and error is not None) or self._gradients.runs:
            self._end_step()  # left in the middle, by sys.exit perhaps
        elif self._log.drafts and self._store.has_last:
            self._reopened = True  # what came after the last update belongs to its step
            self._end_step()
        self._store.settle(self.networks)  # as well as it is known

    def _explained(self, failure: Failure, before: Step | None) -> Failure:
        """`failure`, with what is known of it if it is one of a GAN's classic ones.

        `before` is the part of the step that has been finished already.
        """
        log = self._gradients
        failure = self._steppers.explain(failure, self._networks.parameters(), log.runs)
        last = before or (self._store.last if self._store.has_last else None)
        updates = () if before is None else before.updates
        moved = {name for update in updates for name in update.networks}
        for group in self._stepped.values():
            moved.update(name for stepped in group for name in stepped.networks)
        network = freed.network_of(log.again, self._log.drafts, last.calls if last else ())
        return freed.explain(failure, log.again, log.runs, network, moved)

    def _goes_on(self) -> bool:
        """Whether what ran last goes on with the step before, though no round is known yet.

        It does where it began at another line than that step: the first turn of the loop failed.
        """
        if self._is_sure or self._reopened or not self._store.has_last or self._stepped:
            return False
        began = next((each.site for each in self._store.last.calls if each.site), None)
        place = next((each.place for each in self._log.drafts if each.place), None)
        return began is not None and place is not None and (began.file, began.line) != place

    def _turn(self) -> None:
        """A step may have ended: record the next one, or look away?"""
        if self._stepped or self._log.drafts or not self._handles:
            return
        if not self._is_sure:
            return
        self._guard(lambda: self._store.settle(self.networks))
        self._late.forget()
        if self._store.is_full:
            self.stop()
            if self._on_full is not None:
                self._on_full()
        elif self._store.wants_next and not self._recording:
            self._resume()
        elif not self._store.wants_next and self._recording:
            self._pause()

    def _resume(self) -> None:
        self._recording = True
        self._observer.attach()
        self._patches.put_on()
        self.compiled()

    def _pause(self) -> None:
        self._recording = False
        self._patches.take_off()
        self._compiled.close()
        self._knows_compiled = False
        self._observer.detach()
        self._log.take()
        self._gradients.take()
        self._tensors.settle()
        self._updates.forget()
        self._moves.forget()
        self._late.forget()
        self._ledger.forget()

    @property
    def _is_sure(self) -> bool:
        """Whether it is known where steps end."""
        return self._manual or self._rounds.is_settled

    def _is_running(self) -> bool:
        return self._gradients.is_running

    def _guard(self, work: Any) -> None:
        self._observer.guarded(work)

    def note(self, fault: Exception) -> None:
        """A fault of ours becomes a note."""
        self._observer.note(fault)


_OPTIMIZER = optimizer.__file__
_Hook = Callable[[Optimizer, Any, Any], None]


def _unseen_of(module: nn.Module, method: str) -> str:
    """What is not seen once a method of a module was compiled."""
    name = type(module).__name__
    if method == "_call_impl":  # by ``module.compile()``, which goes around every hook
        return f"a {name} compiled in place: its calls are not seen"
    return f"{name}.{method} was compiled by itself: what runs compiled is not seen"


def _has_closure(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether ``optimizer.step`` is to run the forward and the backward itself."""
    closure = args[1] if len(args) > 1 else kwargs.get("closure")
    return closure is not None


def _parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    return (each for group in optimizer.param_groups for each in group["params"])
