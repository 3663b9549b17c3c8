"""From drafts to one finished step, and several steps joined into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from ganscope.probe import sites
from ganscope.probe.drafts import Draft
from ganscope.probe.finishing import Label, finished, place_of
from ganscope.probe.flow import Flow, value_of
from ganscope.probe.gradients import Run
from ganscope.probe.ledger import Ledger
from ganscope.probe.updates import Stepped, fetch
from ganscope.probe.weights import Number
from ganscope.traces import Backward, Call, LedgerEntry, Loss, Step, Update


@dataclass(slots=True)
class StepDraft:
    """Everything of a step that has ended.

    Attributes:
        drafts: Its calls.
        runs: The engine's runs.
        stepped: What optimizers did, by round.
        last: Its last round.
        flow: How the data flowed between the calls.
    """

    drafts: Sequence[Draft]
    runs: Sequence[Run]
    stepped: Mapping[int, Sequence[Stepped]]
    last: float
    flow: Flow = field(init=False)
    fed: set[int] = field(init=False)
    """Numbers of the calls that fed a loss."""

    def __post_init__(self) -> None:
        self.flow = Flow(self.drafts)
        self.fed = self.flow.fed(self.runs)
        if self.runs:
            # What failed fed no loss, nor did what led to it.
            failed = {draft.round for draft in self.drafts if draft.error is not None}
            self.drafts = [
                draft for draft in self.drafts if draft.round in failed or not self._is_idle(draft)
            ]

    def _is_idle(self, draft: Draft) -> bool:
        """An operation outside every module that fed no loss: logging, the making of a grid."""
        outside = draft.kind == "op" and draft.parent is None and not draft.network
        return outside and draft.ident not in self.fed

    def finish(self, index: int, ledger: Ledger) -> Step:
        """The step, immutable; the figures have been settled."""
        every = [stepped for group in self.stepped.values() for stepped in group]
        fetch(every, ("scale", "left_in"))
        parameters = [each for stepped in every for each in stepped.parameters]
        fetch([each for each in parameters if isinstance(each.weight_norm, Tensor)], _NUMBERS)
        fetch([each for stepped in every for each in stepped.buffers], _OF_BUFFERS)
        rounds = {round: place for place, round in enumerate(sorted(self.stepped))}
        runs = {run.ident: place for place, run in enumerate(self.runs)}
        calls = finished(self.drafts, self._labels(rounds), runs, self.scales())
        updates = tuple(
            self._update(place, round, self.stepped[round], runs) for round, place in rounds.items()
        )
        return Step(index, calls, updates, ledger.take(runs, rounds, self.last))

    def scales(self) -> dict[int, float]:
        """By the engine's run, the GradScaler's factor in its gradients, where there is one."""
        scales = {round: _scale(stepped) for round, stepped in self.stepped.items()}
        found = {}
        for round, scale in scales.items():
            own = [run for run in self.runs if run.round == round] if scale != 1.0 else []
            # What is put together of scaled losses is scaled, and not known as such.
            told = any(run.is_scaled for run in own if run.kind == "backward")
            for run in own:
                if run.is_scaled or (run.kind == "backward" and not told):
                    found[run.ident] = scale
        return found

    def _labels(self, rounds: Mapping[int, int]) -> dict[int, Label]:
        return {
            draft.ident: Label(rounds.get(draft.round))
            if draft.ident in self.fed or draft.recomputed
            else Label(None, "evaluation")
            for draft in self.drafts
        }

    def _update(
        self, place: int, round: int, stepped: Sequence[Stepped], runs: Mapping[int, int]
    ) -> Update:
        own = [run for run in self.runs if run.round == round]
        networks = dict.fromkeys(network for each in stepped for network in each.networks)
        scale, scales = _scale(stepped), self.scales()
        return Update(
            index=place,
            optimizers=tuple(each.optimizer for each in stepped),
            networks=tuple(networks),
            losses=tuple(
                loss
                for run in _learnt_from(own)
                for loss in self._losses(run, scales.get(run.ident, 1.0))
            ),
            backwards=tuple(
                Backward(
                    id=runs[run.ident],
                    loss=run.name,
                    kind=run.kind,
                    reached={network: len(tensors) for network, tensors in run.reached.items()},
                    create_graph=run.create_graph,
                    retain_graph=run.retain_graph,
                    site=sites.read(run.site),
                )
                for run in own
            ),
            gradient_scale=scale,
            parameters=tuple(
                # Of a backward in an earlier step nothing else is known.
                each.finish(
                    _number(every.left_in),
                    lambda run: scales.get(run, 1.0 if run in runs else scale),
                )
                for every in stepped
                for each in every.parameters
            ),
            buffers=tuple(
                each.finish() for every in stepped for each in every.buffers if each.has_changed
            ),
            changed_outside=tuple(
                each.name
                for every in stepped
                for each in every.parameters
                if each.is_changed_outside
            ),
        )

    def _losses(self, run: Run, scale: float) -> list[Loss]:
        losses = []
        for root in run.roots:
            value = value_of(root)
            if value is None or root.shape is None or root.shape.numel() != 1:
                continue
            maker = self.flow.maker_of(root)
            call = None if maker is None else place_of(self.drafts, maker.ident)
            name = run.name or "loss"
            losses.append(Loss(name, value / scale, call, self.flow.parts_of(root, name)))
        return losses


def _learnt_from(runs: Sequence[Run]) -> Sequence[Run]:
    """The runs whose roots are losses: gradients may be asked of ``autograd.grad`` and put into
    place by hand. Beside a backward that serves something else, a penalty or a weight."""
    backwards = [run for run in runs if run.kind == "backward"]
    return backwards or [run for run in runs if run.reached]


def _number(number: Number) -> float:
    return 1.0 if number is None else float(number)


def _scale(stepped: Sequence[Stepped]) -> float:
    scales = [float(each.scale) for each in stepped if each.scale is not None]
    return next((scale for scale in scales if scale not in (0.0, 1.0)), 1.0)


_NUMBERS = (
    "weight_norm", "update_norm", "arrived_norm", "low_before", "high_before", "low_after",
    "high_after", "low_expected", "high_expected",
)  # fmt: skip
_OF_BUFFERS = ("norm_before", "change_norm")


def joined(steps: Sequence[Step]) -> Step:
    """Several steps as one: the first one's index, everything numbered anew."""
    calls: list[Call] = []
    updates: list[Update] = []
    ledger: list[LedgerEntry] = []
    repeats: dict[str, int] = {}
    backwards = 0
    for step in steps:
        place = len(updates) - _goes_on(step, updates)
        calls += _shifted_calls(step, len(calls), place, backwards, repeats)
        _settle_left(ledger, own := _shifted_ledger(step, place, backwards))
        ledger += own
        runs = sum(len(update.backwards) for update in step.updates)
        shifted = _shifted_updates(step, len(calls) - len(step.calls), place, backwards)
        if place < len(updates):
            shifted[0] = _together(updates.pop(), shifted[0])
        updates += shifted
        backwards += runs
    return Step(steps[0].index, tuple(calls), tuple(updates), _summed(ledger))


def _goes_on(step: Step, updates: Sequence[Update]) -> bool:
    """Whether the first update of `step` is part of the last of `updates`.

    It is where nothing ran between the two optimizers: both stepped on what was there.
    """
    first = step.updates[0] if step.updates and updates else None
    ran = any(call.kind == "module" and call.update in (0, None) for call in step.calls)
    return first is not None and not first.backwards and not ran


def _together(update: Update, more: Update) -> Update:
    """One update in which the optimizers of both stepped."""
    return replace(
        update,
        optimizers=update.optimizers + more.optimizers,
        networks=tuple(dict.fromkeys(update.networks + more.networks)),
        gradient_scale=more.gradient_scale
        if update.gradient_scale == 1.0
        else update.gradient_scale,
        parameters=update.parameters + more.parameters,
        buffers=update.buffers + more.buffers,
        changed_outside=update.changed_outside + more.changed_outside,
    )


def _settle_left(ledger: list[LedgerEntry], following: list[LedgerEntry]) -> None:
    """What one step left and the next one tells the fate of is one entry for each backward."""
    for fate in [entry for entry in following if entry.backward < 0]:
        places = [
            place
            for place, entry in enumerate(ledger)
            if entry.fate == "left"
            and (entry.network, entry.tensors) == (fate.network, fate.tensors)
        ]
        for place in places:
            ledger[place] = replace(fate, backward=ledger[place].backward)
        if places:
            following.remove(fate)
    # What nothing was told of went together with the gradients that were added to it.
    for place, left in enumerate(ledger):
        if left.fate == "left":
            same = [each for each in following if _went_with(each, left)]
            if same:
                fate = min(same, key=lambda each: each.update or 0)
                ledger[place] = replace(fate, backward=left.backward)


def _summed(ledger: Iterable[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """One entry for what became of the gradients of one backward in one network.

    Two optimizers that stepped on them one after the other have told of their own ones each.
    """
    tensors: Counter[LedgerEntry] = Counter()
    for entry in ledger:
        tensors[replace(entry, tensors=0)] += entry.tensors
    return tuple(replace(entry, tensors=count) for entry, count in tensors.items())


def _went_with(later: LedgerEntry, left: LedgerEntry) -> bool:
    same = (later.network, later.tensors) == (left.network, left.tensors)
    return same and later.backward >= 0 and later.fate != "left"


def _shifted_calls(
    step: Step, first: int, first_update: int, first_run: int, repeats: dict[str, int]
) -> list[Call]:
    shifted = []
    for call in step.calls:
        nth = repeats[call.path] = repeats.get(call.path, 0) + 1
        shifted.append(
            replace(
                call,
                id=call.id + first,
                parent=None if call.parent is None else call.parent + first,
                update=None if call.update is None else call.update + first_update,
                nth=nth,
                gradients=tuple(
                    replace(each, backward=each.backward + first_run) for each in call.gradients
                ),
            )
        )
    return shifted


def _shifted_updates(
    step: Step, first_call: int, first_update: int, first_run: int
) -> list[Update]:
    return [
        replace(
            update,
            index=update.index + first_update,
            losses=tuple(
                replace(loss, call=None if loss.call is None else loss.call + first_call)
                for loss in update.losses
            ),
            backwards=tuple(replace(each, id=each.id + first_run) for each in update.backwards),
        )
        for update in step.updates
    ]


def _shifted_ledger(step: Step, first_update: int, first_run: int) -> list[LedgerEntry]:
    return [
        replace(
            entry,
            backward=entry.backward + first_run if entry.backward >= 0 else entry.backward,
            update=None if entry.update is None else entry.update + first_update,
        )
        for entry in step.ledger
    ]
