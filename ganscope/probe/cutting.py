"""Steps out of what is seen in a row: which rounds of optimizers are one, and what belongs to it.

It hooks nothing. The recorder tells that an optimizer has stepped; the calls and the engine's runs
since then are taken from their logs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganscope.analysis.roles import Relations, with_roles
from ganscope.probe import sites
from ganscope.probe.calls import CallLog
from ganscope.probe.drafts import Draft
from ganscope.probe.gradients import GradientLog
from ganscope.probe.late import LateGradients
from ganscope.probe.ledger import Ledger
from ganscope.probe.networks import Networks
from ganscope.probe.rounds import Decision, Rounds
from ganscope.probe.selection import Selection
from ganscope.probe.steps import StepDraft
from ganscope.probe.store import Sink, StepStore
from ganscope.probe.unseen import UnseenMoves
from ganscope.probe.updates import Stepped
from ganscope.traces import Network, Step


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The step in which a loop was left.

    Attributes:
        index: Its number.
        update: How many updates had ended in it.
        calls: How many of its calls are in `before`.
        drafts: The others.
        before: The part of it that has been finished already.
        last: The step, or the part of one, that was finished last.
        moved: Networks that optimizers have moved in it.
    """

    index: int
    update: int
    calls: int
    drafts: Sequence[Draft]
    before: Step | None
    last: Step | None
    moved: frozenset[str]


class StepCutter:
    """Cuts what is recorded into steps, and hands them on.

    Args:
        networks: Those seen so far.
        log: Their calls.
        gradients: The engine's runs.
        sink: Where finished steps go.
        selection: Which of them are wanted.
        guard: Does what must not keep a step from being finished.
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
        self.ledger, self.moves = Ledger(), UnseenMoves()
        self._relations, self._rounds, self._late = Relations(), Rounds(), LateGradients()
        self.store = StepStore(sink, selection, self._late.complete)
        self.is_manual = False
        """Whether steps end where the user says, and nowhere else."""
        self._was_told = False
        """Whether the user has said it yet."""
        self.has_cut = False
        """Whether a step has ended with the update that ran last, or right before it."""
        self.may_go_on = False
        """Whether that step may be longer than it seems."""
        self._stepped: dict[int, list[Stepped]] = {}
        """What optimizers did in the step that runs now, by round."""
        self._reopened = False

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks seen so far, with the roles that the flow of data shows."""
        return with_roles(self._networks.nouns, self._relations)

    @property
    def is_sure(self) -> bool:
        """Whether it is known where steps end."""
        return self.is_manual or self._rounds.is_settled

    # -- updates -----------------------------------------------------------------------------

    def round_of_step(self) -> int:
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

    def finish_update(self, stepped: Stepped, *more: Stepped) -> None:
        """An optimizer has stepped: end the update, and the step where it ends here.

        Args:
            stepped: What it did.
            more: What others did at once.
        """
        round = self.round_of_step()
        every = stepped, *more
        self._relations.moved(network for each in every for network in each.networks)
        if self.is_manual:
            self.has_cut = False
            self._stepped.setdefault(round, []).extend(every)
            self._log.round = round + 1
            return
        decision = self._decide(stepped.key, stepped.route)
        if decision.joins:
            self.store.join(decision.joins, self.networks)
        if decision.closes:
            self._close(round)
        self._reopened = self._reopened or decision.reopens
        self._stepped.setdefault(round, []).extend(every)
        self._log.round = round + 1
        if decision.ends:
            self.end_step()

    def pass_update(self, key: int, route: sites.Route) -> None:
        """An optimizer has stepped while nothing is recorded, and steps end by themselves."""
        decision = self._decide(key, route)
        if decision.closes:
            self.store.skip()
        if decision.ends and not decision.reopens:
            self.store.skip()

    def _decide(self, key: int, route: sites.Route) -> Decision:
        decision = self._rounds.update(key, route)
        self.has_cut, self.may_go_on = decision.begins or decision.ends, decision.may_go_on
        return decision

    # -- steps -------------------------------------------------------------------------------

    def end_by_hand(self, *, recording: bool) -> None:
        """The step ends here, because the user says so; from now on only the user does.

        A step in which nothing was seen counts as well: where nothing is recorded, nobody looks.
        Only the first time there may be none to end: before the first turn, or after the end of
        one that was told already.
        """
        first, self._was_told = not self._was_told, True
        sure, self.is_manual = self.is_sure, True
        self.has_cut, self.may_go_on = True, False
        if recording and (self._stepped or self._log.drafts):
            self.end_step()
        elif not first or self._rounds.is_open:
            self.store.skip()
        if not sure:  # what was cut so far was only supposed
            self.store.join_all(self.networks)

    def end_step(self) -> None:
        """The step has ended, with all that was seen so far."""
        self._close(None)

    def settle(self) -> None:
        """It is known where the steps so far have ended."""
        self.store.settle(self.networks)
        self._late.forget()

    def forget(self) -> None:
        """Nothing is recorded for a while: what was seen of a step that has begun is dropped."""
        self._log.take()
        self._gradients.take()
        self._stepped.clear()
        self._reopened = False
        self._log.tensors.settle()
        self.moves.forget()
        self._late.forget()
        self.ledger.forget()

    def _close(self, before: int | None) -> None:
        """End the step with the rounds before `before`, all by default."""
        drafts = self._log.take(before)
        runs = self._gradients.take(before)
        roots = [root for run in self._gradients.runs for root in run.roots]
        used = [*self._log.records(), *roots]
        self._log.tensors.settle(ended=self.is_sure, used=used)
        keys = [round for round in self._stepped if before is None or round < before]
        stepped = {round: self._stepped.pop(round) for round in keys}
        draft = StepDraft(drafts, runs, stepped, math.inf if before is None else before - 1)
        self._networks.fix()
        # Roles can be told from other steps: a fault there costs none.
        self._guard(lambda: self._relations.flowed(*draft.flow.edges(draft.fed)))
        self._guard(self._look_for_moves)
        step = draft.finish(self.store.index, self.ledger)
        reopened, self._reopened = self._reopened, False
        self._late.keep(draft)
        self.store.add(step, self.networks, reopened=reopened)

    def _look_for_moves(self) -> None:
        """Notice networks that move without an optimizer, which may have roles all the same."""
        self.moves.look(self._networks.parameters())
        for network in self.moves.by_hand:
            self._relations.moved((network,))

    # -- the end -----------------------------------------------------------------------------

    def left(self) -> Unfinished:
        """The step in which the loop was left by an exception."""
        if self._goes_on():
            self.store.join_all(self.networks)
            self._reopened = True
        before = self.store.last if self._reopened else None
        last = before or (self.store.last if self.store.has_last else None)
        updates = () if before is None else before.updates
        moved = {name for update in updates for name in update.networks}
        for group in self._stepped.values():
            moved.update(name for stepped in group for name in stepped.networks)
        return Unfinished(
            self.store.index if before is None else before.index,
            len(self._stepped) + len(updates),
            0 if before is None else len(before.calls),
            StepDraft(self._log.drafts, self._gradients.runs, {}, math.inf).drafts,
            before,
            last,
            frozenset(moved),
        )

    def close_last(self, *, failed: bool) -> None:
        """The loop has ended, perhaps in the middle of a step."""
        began = bool(self._log.drafts or self._gradients.runs)
        if self._stepped or (began and failed) or self._gradients.runs:
            self.end_step()  # left in the middle, by sys.exit perhaps
        elif self._log.drafts and self.store.has_last:
            self._reopened = True  # what came after the last update belongs to its step
            self.end_step()
        self.store.settle(self.networks)  # as well as it is known

    def _goes_on(self) -> bool:
        """Whether what ran last goes on with the step before, though no round is known yet.

        It does where it began at another line than that step: the first turn of the loop failed.
        """
        if self.is_sure or self._reopened or not self.store.has_last or self._stepped:
            return False
        began = next((each.site for each in self.store.last.calls if each.site), None)
        place = next((each.place for each in self._log.drafts if each.place), None)
        return began is not None and place is not None and (began.file, began.line) != place
