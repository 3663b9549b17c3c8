"""From what was seen since the last step of an optimizer to one interval that never changes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ganscope.probe import finishing, sites
from ganscope.probe.drafts import Draft
from ganscope.probe.events import EventLog
from ganscope.probe.flow import Flow, value_of
from ganscope.probe.gradients import ArrivalDraft, Run
from ganscope.probe.ledger import Ledger
from ganscope.probe.source_texts import SourceTexts
from ganscope.probe.statistics import unscaled
from ganscope.probe.updates import Stepped, fetch
from ganscope.probe.weights import Number
from ganscope.traces import Arrival, Backward, Interval, Loss, Update

_NUMBERS = (
    "weight_norm", "update_norm", "arrived_norm", "low_before", "high_before", "low_after",
    "high_after", "low_expected", "high_expected",
)  # fmt: skip
_OF_BUFFERS = ("norm_before", "change_norm")


class IntervalDraft:
    """Everything of an interval that has ended.

    Args:
        drafts: Its calls.
        runs: The engine's runs in it.
        arrived: The gradients that they brought to tensors.
        stepped: What optimizers did at its end; none where the recording ended.
        flow: How data flowed between the calls of the step so far; it takes these in.
    """

    def __init__(
        self,
        drafts: Sequence[Draft],
        runs: Sequence[Run],
        arrived: Sequence[ArrivalDraft],
        stepped: Sequence[Stepped],
        flow: Flow,
    ) -> None:
        self.drafts, self.runs, self.stepped = drafts, runs, stepped
        self._arrived, self._flow = arrived, flow
        flow.extend(drafts)
        self.fed = flow.fed(runs, [record for record, *_ in arrived])
        """Ids of the calls of the step that were found to feed a loss only now."""

    def finish(
        self,
        ident: int,
        ledger: Ledger,
        events: EventLog | None,
        sources: SourceTexts,
        *,
        continues: bool,
    ) -> Interval:
        """The interval, immutable; the statistics have been settled."""
        fetch(self.stepped, ("scale", "left_in"))
        parameters = [each for stepped in self.stepped for each in stepped.parameters]
        fetch([each for each in parameters if isinstance(each.weight_norm, Tensor)], _NUMBERS)
        fetch([each for stepped in self.stepped for each in stepped.buffers], _OF_BUFFERS)
        received, fates = ledger.take()
        interval = Interval(
            id=ident,
            calls=finishing.finished(self.drafts, self._flow.has),
            update=self._update() if self.stepped else None,
            continues=continues,
            fed=tuple(self.fed),
            gradients=tuple(self._arrivals()),
            received=received,
            fates=fates,
            events=() if events is None else events.take(),
            sources=sources.of(
                [
                    *(draft.place for draft in self.drafts),
                    *(run.site for run in self.runs),
                    *(stepped.place for stepped in self.stepped),
                ]
            ),
            has_run=bool(self.runs),
            failed=any(draft.error is not None for draft in self.drafts),
        )
        for draft in self.drafts:
            draft.key = draft.module = None  # who makes networks anew is done with this one
        return interval

    def _arrivals(self) -> list[Arrival]:
        scales = self._scales()
        arrivals: dict[tuple[int, int], Arrival] = {}
        for record, run, figures, sequence in self._arrived:
            tensor = record.finish().id
            if tensor is None or (tensor, run) in arrivals:
                continue
            stats = figures.stats
            if stats is not None and run in scales:
                stats = unscaled(stats, scales[run])
            arrivals[tensor, run] = Arrival(
                backward=run, tensor=tensor, stats=stats, sequence=sequence
            )
        return list(arrivals.values())

    def _scales(self) -> dict[int, float]:
        """By the engine's run, the GradScaler's factor in its gradients, where there is one."""
        scale = _scale(self.stepped)
        if scale == 1.0:
            return {}
        # What is put together of scaled losses is scaled, and not known as such.
        told = any(run.is_scaled for run in self.runs if run.kind == "backward")
        return {
            run.ident: scale
            for run in self.runs
            if run.is_scaled or (run.kind == "backward" and not told)
        }

    def _update(self) -> Update:
        scale, scales = _scale(self.stepped), self._scales()
        own = {run.ident for run in self.runs}
        networks = dict.fromkeys(network for each in self.stepped for network in each.networks)
        return Update(
            index=0,
            optimizers=tuple(each.optimizer for each in self.stepped),
            networks=tuple(networks),
            losses=tuple(
                loss
                for run in _learnt_from(self.runs)
                for loss in self._losses(run, scales.get(run.ident, 1.0))
            ),
            backwards=tuple(map(_backward, self.runs)),
            gradient_scale=scale,
            parameters=tuple(
                # Of a backward in an earlier interval nothing else is known.
                each.finish(
                    _number(every.left_in),
                    lambda run: scales.get(run, 1.0 if run in own else scale),
                )
                for every in self.stepped
                for each in every.parameters
            ),
            buffers=tuple(
                each.finish()
                for every in self.stepped
                for each in every.buffers
                if each.has_changed
            ),
            changed_outside=tuple(
                each.name
                for every in self.stepped
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
            maker = self._flow.maker_of(root)
            name = run.name or "loss"
            losses.append(
                Loss(
                    name=name,
                    value=value / scale,
                    call=None if maker is None else maker.ident,
                    parts=self._flow.parts_of(root, name),
                )
            )
        return losses


def _backward(run: Run) -> Backward:
    return Backward(
        id=run.ident,
        loss=run.name,
        kind=run.kind,
        reached={network: len(tensors) for network, tensors in run.reached.items()},
        create_graph=run.create_graph,
        retain_graph=run.retain_graph,
        site=sites.read(run.site),
        sequence=run.sequence,
        ended=run.ended,
    )


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
