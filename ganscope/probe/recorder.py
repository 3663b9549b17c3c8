"""The recorder: watches a training loop that anybody wrote, whose steps `segmentation` tells apart.

It owns every hook that a training step needs. Whatever goes wrong in here becomes a note; the
loop goes on as if nobody watched. Between recorded steps only what tells of optimizers stays: two
hooks, and the patch of the GradScaler.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ganscope.probe import failures, freed, patches, sites, training_patches
from ganscope.probe.calls import CallLog
from ganscope.probe.clock import Clock
from ganscope.probe.earlier import EarlierOutputs
from ganscope.probe.events import EventLog
from ganscope.probe.gradients import GradientLog, Run
from ganscope.probe.labels import Sink
from ganscope.probe.modules import optimized_module
from ganscope.probe.networks import Networks
from ganscope.probe.observer import Observer
from ganscope.probe.optimizer_hooks import OptimizerHooks
from ganscope.probe.optimizers import OptimizerLog, parameters_of
from ganscope.probe.overwritten import Steppers
from ganscope.probe.segmentation import Segmentation, Unfinished
from ganscope.probe.selection import EVERY_STEP, Selection
from ganscope.probe.tensors import TensorObserver
from ganscope.probe.updates import Stepped, UpdateLog, together
from ganscope.traces import Failure, Network
from ganscope.traces import Optimizer as OptimizerNoun


class Recorder:
    """Records the training steps that run inside it.

    Args:
        sink: Where intervals go.
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
        clock = Clock()
        self._gradients = GradientLog(self._networks, self.note, clock)
        self._known = OptimizerLog(self._networks)
        self._updates = UpdateLog(self._known, self._gradients)
        tensors = TensorObserver(keep_samples=samples, watch=self._gradients.watch)
        self._gradients.tensors = self._updates.tensors = tensors
        log = CallLog(self._networks, tensors, outside=True, clock=clock)
        log.events = EventLog(log.clock, self._networks)
        log.recomputes = lambda: self._gradients.is_running
        log.earlier = EarlierOutputs()
        log.enters = self._catch_up
        self._log = log
        self._observer = Observer(log)
        self._segments = Segmentation(
            self._networks,
            log,
            self._gradients,
            sink=sink,
            selection=selection,
            guard=self._observer.guarded,
        )
        self._segments.is_manual = manual
        self._on_full = on_full
        self._inside: list[Stepped] = []
        """What optimizers did inside the backward that runs."""
        self._is_due = False
        """Whether it is to be asked whether a step has ended, once no operation runs."""
        self._steppers = Steppers()
        self._scale: Any = 1.0
        """Of the GradScaler that steps an optimizer now."""
        self._optimizers = OptimizerHooks(self)
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
        return self._segments.networks

    @property
    def optimizers(self) -> tuple[OptimizerNoun, ...]:
        """Every optimizer that was known so far, whether it has stepped or not."""
        return self._known.nouns

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
        notes += self._segments.moves.notes
        if (
            self._gradients.has_run
            and not self._optimizers.has_stepped
            and "torch._dynamo" in sys.modules
        ):
            notes.append("no optimizer was seen to step: one whose step is compiled is not seen")
        notes += [lost for lost in (self._segments.labels.lost, self.lost) if lost is not None]
        return tuple(notes)

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to be recorded was seen and kept."""
        segments = self._segments
        lost = self.lost or segments.labels.lost or self._unseen or segments.moves.by_hand
        return not (lost or self._observer.faults or self._observer.elsewhere)

    @property
    def ended(self) -> int:
        """How many steps have ended, recorded or not."""
        return self._segments.labels.index

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
        self._optimizers.attach()
        try:
            self._patches.start()
            self._resume()
        except Exception as fault:
            self.note(fault)
            self.stop()

    def stop(self, error: BaseException | None = None) -> None:
        """Take every hook away; `error` is what ended the loop, if something did."""
        was_on, removals = self._optimizers.are_on, self._optimizers.removals()
        works: list[Callable[[], object]] = [*removals]
        if was_on:
            works += [
                self._pause,
                self._patches.end,
                lambda: self._known.take(ended=True),
                self._updates.release,
                self._networks.buffers.release,
                lambda: self._observer.__exit__(None, None, None),
            ]
            if self._recording:
                works.insert(0, lambda: self._close_last(error))
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
        self._segments.end_by_hand(recording=self._recording)
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
        retain_graph: bool | None = None,
    ) -> Run | None:
        """The backward engine is about to run."""
        if not self._recording or not self._observer.is_here():
            return None
        self._optimizers.drop_failed(frame)
        if self._gradients.is_running or not self._observer.is_attached:
            return None  # a run inside a run (checkpoints), or torch's own while it compiles
        self._observer.suspend()

        def begin() -> Run:
            self._segments.ledger.look()
            self._log.split(self._networks.split(frame))
            run = self._gradients.begin(roots, kind, inputs, self._log.round, frame)
            run.create_graph, run.retain_graph = create_graph, retain_graph
            return run

        run = self._observer.guarded(begin)
        if run is None:
            self._observer.resume()
        return run

    def end_backward(self, run: Run) -> None:
        """It has run, or failed."""

        def end() -> None:
            self._gradients.end(run)
            inside, self._inside = together(self._inside), []
            self._segments.ledger.received(run, told=run.stepped)
            if inside:
                self._segments.finish_update(*inside)
                self._is_due = True

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
            self._unseen[patches.unseen_of(owner, getattr(what, "__name__", ""))] = None
        if self._recording and not self._knows_compiled and optimized_module() is not None:
            self._knows_compiled = True
            self._compiled.enter_context(patches.patched((), self._observer))

    def scaled(self, losses: object) -> None:
        """A GradScaler has scaled these."""
        if self._observer.is_here():
            self._gradients.scaled(losses)

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
                self._updates.end(optimizer, draft)
                self._segments.finish_update(draft)

            self._guard(skip)
            self._turn()
        elif not stepped:
            self._pass(optimizer, frame)
        self._scale = 1.0

    # -- optimizers --------------------------------------------------------------------------

    def is_here(self) -> bool:
        """Whether this is the thread that is observed."""
        return self._observer.is_here()

    def begin_step(
        self, optimizer: Optimizer, frame: FrameType, *, closure: bool
    ) -> Stepped | None:
        """An optimizer is about to step; with a closure its gradients are still to come."""
        if not self._recording:
            return None
        draft = self._observer.guarded(lambda: self._begin_step(optimizer, frame, uses=not closure))
        if draft is not None and not closure:
            self._observer.suspend()
            draft.suspends = True
        return draft

    def end_step(
        self, optimizer: Optimizer, draft: Stepped | None, frame: FrameType, *, closure: bool
    ) -> None:
        """It has stepped."""
        self._guard(lambda: self._known.stepped(optimizer, frame))
        if not self._recording:
            self._pass(optimizer, frame)
            return
        # After a fault of ours the step is counted all the same.
        done = draft or self._updates.unmeasured(optimizer)

        def end() -> None:
            if closure:
                self._updates.look_again(optimizer, done)
                self._segments.ledger.used(parameters_of(optimizer))
            self._updates.end(optimizer, done)

        self._guard(end)
        if self._gradients.is_running:  # its update ends with the backward
            self._inside.append(done)
            self.drop_step(done)
            return
        self._guard(lambda: self._segments.finish_update(done))
        self.drop_step(done)
        self._turn()

    def drop_step(self, draft: Stepped | None) -> None:
        """It runs no longer: operations are the user's again."""
        if draft is not None and draft.suspends:
            self._observer.resume()

    def stepped_inside(self, optimizer: Optimizer) -> None:
        """An optimizer steps inside another one's step, which counts."""
        self._known.stepped_inside(optimizer)

    def seen(self, optimizer: Optimizer, frame: FrameType, *, made: bool) -> None:
        """An optimizer is being made, or else it has cleared its gradients."""
        if self._optimizers.are_on and self._observer.is_here():
            tell = self._known.made if made else self._known.cleared
            self._guard(lambda: tell(optimizer, frame))

    def _catch_up(self, frame: FrameType) -> None:
        """A network is about to be called: what could not be told before is told now."""
        self._optimizers.drop_failed(frame)
        if self._is_due:
            self._is_due = False
            self._turn()

    def _begin_step(self, optimizer: Optimizer, frame: FrameType, *, uses: bool) -> Stepped:
        """`uses`: whether it steps on the gradients that are there now."""
        self._segments.ledger.look()
        draft = self._updates.begin(optimizer, frame)
        draft.scale = self._scale
        draft.place, draft.route = sites.find(frame), sites.route(frame)
        self._steppers.stepped(draft, draft.place)
        if self._log.events is not None:
            self._log.events.stepped(draft.optimizer.name, draft.place)
        held = parameters_of(optimizer)
        self._segments.moves.stepped(held)
        inside = self._gradients.step_inside(held)
        if inside is not None:
            self._segments.ledger.received(inside)
        if uses:
            self._segments.ledger.used(held)
        return draft

    def _pass(self, optimizer: Optimizer, frame: FrameType) -> None:
        """An optimizer has stepped while nothing is recorded."""
        if not self._segments.is_manual:
            key = self._known.key_of(optimizer, frame)
            self._segments.pass_update(key, sites.route(frame))
            self._turn()

    # -- steps -------------------------------------------------------------------------------

    def _close_last(self, error: BaseException | None) -> None:
        """The loop has ended, perhaps in the middle of a step."""
        if error is not None:
            left = self._segments.left()
            failure = failures.describe(self._log, error, step=left.index, update=left.update)
            self.failure = self._explained(failure, left)
        self._segments.close_last(failed=error is not None)

    def _explained(self, failure: Failure, unfinished: Unfinished) -> Failure:
        """`failure`, with what is known of it if it is one of a GAN's classic ones."""
        again, runs = self._gradients.again, unfinished.runs
        failure = self._steppers.explain(failure, self._networks.parameters(), runs)
        network = freed.network_of(again, unfinished.drafts)
        return freed.explain(failure, again, runs, network, unfinished.moved)

    def _turn(self) -> None:
        """A step may have ended: record the one that runs now or comes next, or look away?"""
        if not (self._optimizers.are_on and self._segments.has_cut and self._segments.is_sure):
            return
        self._guard(self._segments.settle)
        labels = self._segments.labels
        if labels.wants_next:
            if not self._recording:
                self._resume()
        elif self._recording and self._segments.may_go_on:
            return  # the next update tells
        elif labels.is_full:
            self._pause()  # of the next step, an update may have been seen
            self.stop()
            if self._on_full is not None:
                self._on_full()
        elif self._recording:
            self._pause()

    def _resume(self) -> None:
        self._recording = True
        self._networks.buffers.begin()
        self._observer.attach()
        self._patches.put_on()
        self.compiled()

    def _pause(self) -> None:
        self._recording = False
        self._patches.take_off()
        self._compiled.close()
        self._knows_compiled = False
        self._observer.detach()
        self._segments.forget()
        self._updates.forget()

    def _guard(self, work: Any) -> None:
        self._observer.guarded(work)

    def note(self, fault: Exception) -> None:
        """A fault of ours becomes a note."""
        self._observer.note(fault)
