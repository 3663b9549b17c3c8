"""What is seen in a row, cut into intervals, and steps as labels on them.

It hooks nothing. The recorder tells that an optimizer has stepped; the calls and the engine's runs
since the step before are taken from their logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganscope.analysis.roles import Relations, with_roles
from ganscope.probe import sites
from ganscope.probe.calls import CallLog
from ganscope.probe.drafts import Draft
from ganscope.probe.flow import Flow
from ganscope.probe.gradients import GradientLog, Run
from ganscope.probe.intervals import IntervalDraft
from ganscope.probe.labels import Sink, StepLabels
from ganscope.probe.ledger import Ledger
from ganscope.probe.networks import Networks
from ganscope.probe.rounds import Decision, Rounds
from ganscope.probe.selection import Selection
from ganscope.probe.source_texts import SourceTexts
from ganscope.probe.unseen import UnseenMoves
from ganscope.probe.updates import Stepped
from ganscope.traces import Network


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The step in which a loop was left.

    Attributes:
        index: Its number.
        update: How many updates had ended in it.
        drafts: Its calls, and perhaps those of the steps before.
        runs: The engine's runs, likewise.
        moved: Networks that optimizers have moved in it.
    """

    index: int
    update: int
    drafts: Sequence[Draft]
    runs: Sequence[Run]
    moved: frozenset[str]


class Segmentation:
    """Cuts what is recorded into intervals, labels them with steps, and hands them on.

    Args:
        networks: Those seen so far.
        log: Their calls.
        gradients: The engine's runs.
        sink: Where intervals go.
        selection: Which steps are wanted.
        guard: Does what must not keep an interval from being finished.
    """

    def __init__(
        self,
        networks: Networks,
        log: CallLog,
        gradients: GradientLog,
        *,
        sink: Sink,
        selection: Selection,
        guard: Callable[[Callable[[], object]], object],
    ) -> None:
        self._networks, self._log, self._gradients, self._guard = networks, log, gradients, guard
        self.ledger, self.moves = Ledger(log.events), UnseenMoves()
        self._relations, self._rounds = Relations(), Rounds()
        self.labels = StepLabels(sink, selection)
        self.is_manual = False
        """Whether steps end where the user says, and nowhere else."""
        self._was_told = False
        """Whether the user has said it yet."""
        self.has_cut = False
        """Whether a step has ended with the update that ran last, or right before it."""
        self.may_go_on = False
        """Whether that step may be longer than it seems."""
        self._flow = Flow()
        """Between the calls of the step that runs, and of all before whose ends are not sure."""
        self._runs: list[Run] = []
        """The engine's runs in these."""
        self._before: Sequence[Draft] = ()
        """The calls of the step before these."""
        self._updates: list[frozenset[str]] = []
        """The networks that each update of the step that runs has moved."""
        self._ended: list[list[frozenset[str]]] = []
        """The same of the last step, and of all whose ends are not sure."""
        self._began: sites.Place | None = None
        """Where the first call of the step that runs, or of the last one, was made."""
        self._interval = 0
        self._sources = SourceTexts()

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks seen so far, with the roles that the flow of data shows."""
        return with_roles(self._networks.nouns, self._relations)

    @property
    def is_sure(self) -> bool:
        """Whether it is known where steps end."""
        return self.is_manual or self._rounds.is_settled

    # -- updates -----------------------------------------------------------------------------

    def _has_begun(self) -> bool:
        """Whether a module was called, or the engine ran, since the last interval ended."""
        return bool(self._gradients.runs) or any(
            draft.kind == "module" for draft in self._log.drafts
        )

    def finish_update(self, stepped: Stepped, *more: Stepped) -> None:
        """An optimizer has stepped: end the interval, and the step where it ends here.

        Args:
            stepped: What it did.
            more: What others did at once.
        """
        every = stepped, *more
        self._guard(lambda: stepped.buffers.extend(self._networks.buffers.look()))
        self._relations.moved(network for each in every for network in each.networks)
        if self.is_manual:
            self.has_cut = False
            self._end_interval(every)
            return
        decision = self._decide(stepped.key, stepped.route)
        if decision.joins:
            self.labels.join(decision.joins, self.networks)
        if decision.closes:
            self._end_step()
        if decision.reopens:
            self._reopen()
        self._end_interval(every)
        if decision.ends:
            self._end_step()

    def pass_update(self, key: int, route: sites.Route) -> None:
        """An optimizer has stepped while nothing is recorded, and steps end by themselves."""
        decision = self._decide(key, route)
        if decision.closes:
            self.labels.skip()
        if decision.reopens:
            self.labels.reopen()
        if decision.ends:
            self.labels.skip()

    def _decide(self, key: int, route: sites.Route) -> Decision:
        decision = self._rounds.update(key, route)
        self.has_cut, self.may_go_on = decision.begins or decision.ends, decision.may_go_on
        return decision

    # -- intervals and steps -----------------------------------------------------------------

    def _end_interval(self, stepped: Sequence[Stepped] = ()) -> None:
        """An interval has ended, with all that was seen since the last one."""
        continues = bool(stepped) and not self._has_begun()
        drafts, runs = self._log.take(), self._gradients.take()
        self._log.tensors.settle(ended=False)
        if drafts and not self.labels.has_content:
            self._began = next((each.place for each in drafts if each.place), None)
        draft = IntervalDraft(drafts, runs, self._gradients.take_arrived(), stepped, self._flow)
        self._runs += runs
        if stepped:
            self._updates.append(frozenset(name for one in stepped for name in one.networks))
        self._networks.fix()
        # Roles can be told from other steps: a fault there costs none.
        self._guard(lambda: self._relations.flowed(*self._flow.edges(draft.fed)))
        interval = draft.finish(
            self._interval, self.ledger, self._log.events, self._sources, continues=continues
        )
        self._interval += 1
        self._log.round += 1
        self.labels.add(interval, self.networks)

    def _end_step(self) -> None:
        """The step has ended; what was seen since its last interval belongs to the next."""
        self.labels.end(self.networks)
        self._ended = [*([] if self.is_sure else self._ended), self._updates]
        self._updates = []
        roots = [root for run in self._gradients.runs for root in run.roots]
        self._log.tensors.settle(ended=self.is_sure, used=[*self._log.records(), *roots])
        self._guard(self._look_for_moves)
        if self.is_sure:
            self._before = self._flow.drafts
            self._flow, self._runs = Flow(), []

    def _reopen(self) -> None:
        """The step that ended last goes on after all."""
        self.labels.reopen()
        self._updates = self._ended.pop() if self._ended else []

    def end_by_hand(self, *, recording: bool) -> None:
        """The step ends here, because the user says so; from now on only the user does.

        A step in which nothing was seen counts as well: where nothing is recorded, nobody looks.
        Only the first time there may be none to end: before the first turn, or after the end of
        one that was told already.
        """
        first, self._was_told = not self._was_told, True
        sure, self.is_manual = self.is_sure, True
        self.has_cut, self.may_go_on = True, False
        if recording and (self.labels.has_content or self._log.drafts):
            if self._log.drafts or self._gradients.runs:
                self._end_interval()
            self._end_step()
        elif not first or self._rounds.is_open:
            self.labels.skip()
        if not sure:  # what was cut so far was only supposed
            self.labels.join_all(self.networks)

    def settle(self) -> None:
        """It is known where the steps so far have ended."""
        self.labels.settle(self.networks)

    def forget(self) -> None:
        """Nothing is recorded for a while: what was seen of a step that has begun is dropped."""
        self._log.take()
        self._gradients.take()
        self._gradients.take_arrived()
        self._flow, self._runs, self._before = Flow(), [], ()
        self._updates, self._ended = [], []
        self.labels.has_content = False
        self._log.tensors.settle()
        self.moves.forget()
        self.ledger.forget()

    def _look_for_moves(self) -> None:
        """Notice networks that move without an optimizer, which may have roles all the same."""
        self.moves.look(self._networks.parameters())
        for network in self.moves.by_hand:
            self._relations.moved((network,))

    # -- the end -----------------------------------------------------------------------------

    def left(self) -> Unfinished:
        """The step in which the loop was left by an exception."""
        if self._goes_on():
            self.labels.join_all(self.networks)
            self.labels.reopen()
            self._updates = [update for step in self._ended for update in step]
        return Unfinished(
            index=self.labels.index,
            update=len(self._updates),
            drafts=[*self._before, *self._flow.drafts, *self._log.drafts],
            runs=[*self._runs, *self._gradients.runs],
            moved=frozenset().union(*self._updates),
        )

    def close_last(self, *, failed: bool) -> None:
        """The loop has ended, perhaps in the middle of a step."""
        has_run, events = bool(self._gradients.runs), self._log.events
        began = has_run or bool(self._log.drafts)
        in_step = self.labels.has_content or has_run or (began and failed)
        began = began or (events is not None and events.has_any)
        if began and (in_step or self.labels.has_last):
            if not in_step:
                self._reopen()  # what came after the last update belongs to its step
            self._end_interval()
        if self.labels.has_content:
            self._end_step()
        self.labels.settle(self.networks)  # as well as it is known

    def _goes_on(self) -> bool:
        """Whether what ran last goes on with the step before, though no round is known yet.

        It does where it began at another line than that step: the first turn of the loop failed.
        """
        if self.is_sure or self.labels.has_content or not self.labels.has_last:
            return False
        place = next((each.place for each in self._log.drafts if each.place), None)
        return self._began is not None and place is not None and self._began != place
