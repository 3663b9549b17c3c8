"""What happens between calls: one counter over everything, weights changed by hand, exits."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn

from ganscope.probe.recorder import Recorder
from ganscope.traces import Event, Interval, Network, Step
from ganscope.traces.event import CHANGED, CLEARED, EXIT, STEPPED
from ganscope.traces.interval import step_of
from tests.probe.recorder.loops import make_critic, make_generator


class Memory:
    """A sink that keeps intervals."""

    def __init__(self) -> None:
        self.steps: dict[int, list[Interval]] = {}

    def append(self, interval: Interval, step: int, networks: Sequence[Network]) -> None:
        self.steps.setdefault(step, []).append(interval)

    def end(self, networks: Sequence[Network]) -> None:
        pass

    def settle(self) -> None:
        pass

    def label(self, steps: Mapping[int, int | None], networks: Sequence[Network]) -> None:
        every = {
            each.id: (steps.get(each.id, label), each)
            for label, intervals in self.steps.items()
            for each in intervals
        }
        self.steps = {}
        for label, each in every.values():
            if label is not None:
                self.steps.setdefault(label, []).append(each)


def record(turns: int = 3, **extra: bool) -> list[Step]:
    """Turns of a WGAN that clips its critic's weights and averages its generator."""
    torch.manual_seed(0)
    generator, critic = make_generator(), make_critic()
    average = copy.deepcopy(generator)
    average(torch.randn(5, 6))
    opt_g = torch.optim.SGD(generator.parameters(), lr=0.01)
    opt_c = torch.optim.SGD(critic.parameters(), lr=0.01)
    memory = Memory()
    recorder = Recorder(memory)
    recorder.start()
    try:
        for _ in range(turns):
            average(torch.randn(5, 6))
            opt_c.zero_grad()
            fake = generator(torch.randn(5, 6)).detach()
            c_loss = critic(fake).mean() - critic(torch.randn(5, 8)).mean()
            c_loss.backward()
            opt_c.step()
            for p in critic.parameters():
                p.data.clamp_(-0.05, 0.05)
            opt_g.zero_grad()
            g_loss = -critic(generator(torch.randn(5, 6))).mean()
            g_loss.backward()
            opt_g.step()
            with torch.no_grad():
                for own, source in zip(average.parameters(), generator.parameters(), strict=True):
                    own.mul_(0.9).add_(source, alpha=0.1)
            [g_loss.item() for _ in range(2)]
            fake.numpy()
    finally:
        recorder.stop()
    assert recorder.is_complete, recorder.notes
    return [step_of(index, intervals) for index, intervals in memory.steps.items()]


def events(step: Step, kind: str) -> list[Event]:
    return [event for event in step.events if event.kind == kind]


def test_weights_that_are_changed_by_hand_are_events_of_their_lines() -> None:
    steps = record()
    # What comes after the last update of a step stands in the next one, at the end in the last.
    averaged = [0, 6, 12]
    for step, expected in zip(steps, averaged, strict=True):
        found = events(step, CHANGED)
        counts = Counter[tuple[str, str]]()
        for each in found:
            counts[each.name, each.network] += each.count
        assert counts == +Counter(
            {("clamp_", "critic"): 4, ("mul_", "average"): expected, ("add_", "average"): expected}
        )
        (clamped,) = (each for each in found if each.name == "clamp_")
        assert clamped.site is not None
        assert clamped.site.code == "p.data.clamp_(-0.05, 0.05)"
        assert (clamped.last or 0) - clamped.sequence >= 3


def test_values_that_leave_torch_are_events_that_name_the_tensor() -> None:
    for before, step in pairwise(record()[:-1]):
        exits = {each.name: each for each in events(step, EXIT)}
        assert {name: each.count for name, each in exits.items()} == {"item": 2, "numpy": 1}
        losses = [call.outputs[0].id for call in before.calls if call.type == "neg"]
        assert exits["item"].tensors == tuple(losses)
        detached = [call.outputs[0].id for call in before.calls if call.type == "detach"]
        assert exits["numpy"].tensors == tuple(detached)


def test_clearings_lie_between_two_moments() -> None:
    for step in record()[1:]:
        cleared = {each.network: each for each in events(step, CLEARED)}
        assert {name: each.count for name, each in cleared.items()} == {"critic": 4, "generator": 6}
        for each in cleared.values():
            assert each.after is not None
            assert each.after < each.sequence


def test_one_counter_runs_over_everything() -> None:
    taken: list[int] = []
    for step in record():
        for call in step.calls:
            assert call.sequence is not None
            assert call.ended is not None
            assert call.sequence < call.ended
            taken += [call.sequence, call.ended]
            taken += [each.sequence or 0 for each in call.gradients[:1]]
        for update in step.updates:
            stepped = [e for e in events(step, STEPPED) if e.name == update.optimizers[0].name]
            for run in update.backwards:
                assert run.sequence is not None
                assert run.ended is not None
                assert run.sequence < run.ended < stepped[0].sequence
                arrived = [
                    gradient.sequence
                    for call in step.calls
                    for gradient in call.gradients
                    if gradient.backward == run.id
                ]
                assert all(run.sequence < (each or 0) < run.ended for each in arrived)
                assert arrived
    assert len({*taken}) > 0.9 * len(taken)


def test_what_is_inside_a_call_has_its_moments_inside() -> None:
    for step in record():
        by_id = {call.id: call for call in step.calls}
        for call in step.calls:
            if call.parent is not None:
                around = by_id[call.parent]
                assert (around.sequence or 0) < (call.sequence or 0)
                assert (call.ended or 0) < (around.ended or 0)


def test_events_change_nothing_of_the_loop() -> None:
    torch.manual_seed(1)
    layer = nn.Linear(3, 3)
    plain = copy.deepcopy(layer)
    memory = Memory()
    recorder = Recorder(memory)
    recorder.start()
    layer.weight.data.clamp_(-0.1, 0.1)
    layer(torch.ones(1, 3)).sum().item()
    recorder.stop()
    plain.weight.data.clamp_(-0.1, 0.1)
    assert torch.equal(plain.weight, layer.weight)
